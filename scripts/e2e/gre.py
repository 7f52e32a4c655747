"""What the tests of GRE share: tunnel packets taken apart (RFC 2784, RFC 2890, RFC 5845 section 7)."""

import ipaddress
import struct
from dataclasses import dataclass

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

GRE_KEY_OPTION = 33
GRE, PROTO_IPV4, PROTO_IPV6, PROTO_UDP = 47, 4, 41, 17
DATA_PORTS = {5437, 4191}
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
VERSION = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}


@dataclass(frozen=True)
class Tunnelled:
    """A user packet in a tunnel."""

    outer: tuple  # source, destination
    form: str  # "ip", "gre", "udp", "udp+tlv+gre"
    key: object  # of the GRE header, or None
    ends: tuple  # source, destination of the user packet


def inner_ends(octets):
    """Source and destination of an IP packet, or None."""
    version = octets[0] >> 4 if octets else 0
    if version == 6 and len(octets) >= 40 and octets[6] != 135:
        return tuple(ipaddress.IPv6Address(octets[at:at + 16]) for at in (8, 24))
    if version == 4 and len(octets) >= 20:
        return tuple(ipaddress.IPv4Address(octets[at:at + 4]) for at in (12, 16))
    return None


def gre_header(octets):
    """(key, what follows) of a GRE packet whose protocol type is that of what follows, or None."""
    if len(octets) < 4:
        return None
    flags, protocol = struct.unpack_from("!HH", octets)
    if flags not in (0, 0x2000) or protocol not in VERSION:
        return None
    at = 8 if flags else 4
    key = struct.unpack_from("!I", octets, 4)[0] if flags else None
    rest = octets[at:]
    return (key, rest) if rest and rest[0] >> 4 == VERSION[protocol] else None


def tunnelled(frame):
    """What a frame carries in a tunnel, or None."""
    packet = Ether(frame.octets)
    if packet.type == ETHERTYPE_IPV4:
        outer, protocol, payload = packet[IP], packet[IP].proto, bytes(packet[IP].payload)
    elif packet.type == ETHERTYPE_IPV6:
        outer, protocol, payload = packet[IPv6], packet[IPv6].nh, bytes(packet[IPv6].payload)
    else:
        return None
    form, key = None, None
    if protocol in (PROTO_IPV4, PROTO_IPV6):
        form = "ip"
    elif protocol == GRE:
        form = "gre"
    elif protocol == PROTO_UDP and {packet[UDP].sport, packet[UDP].dport} & DATA_PORTS:
        payload, form = payload[8:], "udp"
        if payload[:4] == struct.pack("!BBH", 0, GRE, len(payload) - 4):
            payload, form = payload[4:], "udp+tlv+gre"
    if form and form.endswith("gre"):
        found = gre_header(payload)
        if found is None:
            return None
        key, payload = found
    ends = inner_ends(payload) if form else None
    return Tunnelled((outer.src, outer.dst), form, key, ends) if ends else None


def key_of(message):
    """The key in a message's GRE Key option, or None."""
    data = next(iter(message.option(GRE_KEY_OPTION)), None)
    return struct.unpack_from("!I", data, 2)[0] if data and len(data) == 6 else None
