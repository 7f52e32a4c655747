"""The Mobility Header as the lab sees it: a second, small decoder beside the node's own.

RFC 6275 section 6.1 (header), RFC 5213 section 8 (PBU, PBA, options), and the ten messages of localized
routing in the numbering that the nodes use by default (base 240). It also builds messages, right and
wrong ones, for the tests that send them.
"""

import ipaddress
import struct
from dataclasses import dataclass, field

from . import pcap

PBU, PBA, BINDING_ERROR, HEARTBEAT = 5, 6, 7, 13
RO_TRIGGER, RO_TRIGGER_ACK, RO_INIT, RO_INIT_ACK, RO_SETUP, RO_SETUP_ACK = range(240, 246)
RO_REFRESH, RO_REFRESH_ACK, RO_REQUEST, RO_REQUEST_ACK = range(246, 250)
RO_TYPES = range(240, 252)

NAMES = {
    0: "BRR", 1: "HoTI", 2: "CoTI", 3: "HoT", 4: "CoT", PBU: "PBU", PBA: "PBA", BINDING_ERROR: "BE",
    HEARTBEAT: "Heartbeat", 16: "Revocation", 17: "LRI", 18: "LRA",
    RO_TRIGGER: "RO Trigger", RO_TRIGGER_ACK: "RO Trigger Ack", RO_INIT: "RO Init",
    RO_INIT_ACK: "RO Init Ack", RO_SETUP: "RO Setup", RO_SETUP_ACK: "RO Setup Ack",
    RO_REFRESH: "RO Refresh", RO_REFRESH_ACK: "RO Refresh Ack", RO_REQUEST: "RO Request",
    RO_REQUEST_ACK: "RO Request Ack", 250: "RO Query", 251: "RO Query Ack",
}

PAD1, PADN, MN_ID, HNP, HANDOFF, ATT, MN_LL_ID, LINK_LOCAL, TIMESTAMP, MAG_ADDRESS = (
    0, 1, 8, 22, 23, 24, 25, 26, 27, 51)
RESTART_COUNTER, IPV4_HOME_ADDRESS, IPV4_ADDRESS_ACK, NAT_DETECTION, IPV4_CARE_OF = 28, 29, 30, 31, 32
GRE_KEY, IPV4_REQUEST, IPV4_REPLY, IPV4_ROUTER, IPV4_DHCP_MODE = 33, 36, 37, 38, 39
ALTERNATE_IPV4_CARE_OF = 49
# Offset y modulo x at which an option's type octet has to sit (RFC 6275 section 6.2.1 and each option).
ALIGNMENT = {HNP: (8, 4), LINK_LOCAL: (8, 6), TIMESTAMP: (8, 2), MAG_ADDRESS: (8, 4),
             MN_LL_ID: (2, 0),  # as long as a link-layer address of Ethernet is
             RESTART_COUNTER: (4, 2), ALTERNATE_IPV4_CARE_OF: (4, 2),
             IPV4_HOME_ADDRESS: (4, 0), IPV4_ADDRESS_ACK: (4, 0), NAT_DETECTION: (4, 0), IPV4_CARE_OF: (4, 0),
             GRE_KEY: (4, 0), IPV4_REQUEST: (4, 0), IPV4_REPLY: (4, 0), IPV4_ROUTER: (4, 0)}


@dataclass(frozen=True)
class Message:
    """One Mobility Header message as captured."""

    time: float
    source: ipaddress.IPv6Address
    destination: ipaddress.IPv6Address
    type: int
    octets: bytes
    checksum_good: bool
    options: list = field(compare=False)  # (offset, type, data)

    @property
    def name(self):
        """The message's name."""
        return NAMES.get(self.type, f"type {self.type}")

    @property
    def sequence(self):
        """Sequence number of a PBU, a PBA or an RO message."""
        return struct.unpack_from("!H", self.octets, 8 if self.type == PBA else 6)[0]

    @property
    def status(self):
        """Status of a PBA or of an RO acknowledgement."""
        return self.octets[6] if self.type == PBA else self.octets[9]

    @property
    def lifetime(self):
        """Lifetime field: units of 4 s in PBU and PBA, seconds in RO messages."""
        return struct.unpack_from("!H", self.octets, 10)[0]

    def option(self, number):
        """Data of the options of one type, in order."""
        return [data for _, kind, data in self.options if kind == number]

    def prefixes(self):
        """Home Network Prefix options, in order: source, destination in RO messages (HL-9)."""
        return [ipaddress.IPv6Network((data[2:18], data[1])) for data in self.option(HNP)]

    def ipv4_homes(self):
        """IPv4 Home Address options (RFC 5555 section 3.1.1), in order: source, destination (L-29)."""
        return [ipaddress.IPv4Interface((data[2:6], data[0] >> 2)) for data in self.option(IPV4_HOME_ADDRESS)]

    def mag_address(self):
        """The MAG IPv6 Address option (RFC 6705 section 11.1), or None."""
        return next((ipaddress.IPv6Address(data[2:18]) for data in self.option(MAG_ADDRESS)), None)

    def misaligned(self):
        """Types of the options that do not sit where their alignment wants them."""
        wrong = []
        for offset, kind, _ in self.options:
            modulus, rest = ALIGNMENT.get(kind, (1, 0))
            if offset % modulus != rest:
                wrong.append(kind)
        return wrong


def messages(path):
    """Every Mobility Header message in a capture; tunnelled packets are not looked into."""
    for frame in pcap.frames(path):
        packet = pcap.packet(frame)
        if packet is None or packet.next_header != pcap.NEXT_MH or len(packet.payload) < 8:
            continue
        octets = packet.payload
        yield Message(
            frame.time, packet.source, packet.destination, octets[2], octets,
            checksum(packet.source, packet.destination, octets) == 0, list(options(octets)),
        )


def options(octets):
    """(offset, type, data) of each option; the fixed part is 12 octets in every message read here."""
    at = {BINDING_ERROR: 24, 0: 8}.get(octets[2], 12)
    while at < len(octets):
        kind = octets[at]
        if kind == PAD1:
            at += 1
            continue
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            return
        if kind != PADN:
            yield at, kind, octets[at + 2:at + 2 + octets[at + 1]]
        at += 2 + octets[at + 1]


def checksum(source, destination, octets, next_header=pcap.NEXT_MH):
    """RFC 8200 section 8.1 over pseudo-header and message; 0 when the message carries the right one."""
    covered = source.packed + destination.packed + struct.pack("!II", len(octets), next_header) + octets
    covered += b"\0" * (len(covered) % 2)
    total = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def option(kind, data):
    """One option."""
    return struct.pack("!BB", kind, len(data)) + data


def prefix_option(prefix):
    """Home Network Prefix option (RFC 5213 section 8.3)."""
    prefix = ipaddress.IPv6Network(prefix)
    return option(HNP, struct.pack("!BB", 0, prefix.prefixlen) + prefix.network_address.packed)


def address_option(address):
    """MAG IPv6 Address option (RFC 6705 section 11.1)."""
    return option(MAG_ADDRESS, struct.pack("!BB", 0, 128) + ipaddress.IPv6Address(address).packed)


def build(kind, fixed, pieces, header_len=None, payload_proto=59, aligned=True):
    """A message without its checksum; options are aligned with padding as RFC 6275 wants, unless told otherwise."""
    octets = struct.pack("!BBBBH", payload_proto, 0, kind, 0, 0) + fixed
    for piece in pieces:
        modulus, rest = ALIGNMENT.get(piece[0], (1, 0)) if aligned else (1, 0)
        octets += pad((rest - len(octets)) % modulus) + piece
    octets += pad(-len(octets) % 8)
    length = len(octets) // 8 - 1 if header_len is None else header_len
    return octets[:1] + bytes([length]) + octets[2:]


def pad(count):
    """`count` octets of padding."""
    if count == 0:
        return b""
    return b"\0" if count == 1 else struct.pack("!BB", PADN, count - 2) + bytes(count - 2)


def sealed(source, destination, octets):
    """The message with its checksum filled in."""
    octets = octets[:4] + b"\0\0" + octets[6:]
    value = checksum(ipaddress.IPv6Address(source), ipaddress.IPv6Address(destination), octets)
    return octets[:4] + struct.pack("!H", value) + octets[6:]


def pbu(sequence, lifetime, pieces, flags=0x8200, aligned=True):
    """Proxy Binding Update: A and P set (RFC 5213 section 8.1)."""
    return build(PBU, struct.pack("!HHH", sequence, flags, lifetime), pieces, aligned=aligned)


def ro_request(kind, sequence, lifetime_s, pieces, flags=0):
    """RO Trigger, Init, Setup, Refresh, Request."""
    return build(kind, struct.pack("!HHH", sequence, flags, lifetime_s), pieces)


def pba(sequence, status, lifetime, pieces, aligned=True):
    """Proxy Binding Acknowledgement: P set (RFC 5213 section 8.2)."""
    return build(PBA, struct.pack("!BBHH", status, 0x20, sequence, lifetime), pieces, aligned=aligned)


def ro_ack(kind, sequence, status, lifetime_s, pieces):
    """An RO acknowledgement."""
    return build(kind, struct.pack("!HBBH", sequence, 0, status, lifetime_s), pieces)


def nai(name):
    """Mobile Node Identifier option with a NAI (RFC 4283 section 3)."""
    return option(MN_ID, b"\x01" + name.encode())


def timestamp(seconds):
    """Timestamp option (RFC 5213 section 8.8): 48 bits of seconds, 16 of a second's fraction."""
    return option(TIMESTAMP, struct.pack("!Q", int(seconds * 65536)))
