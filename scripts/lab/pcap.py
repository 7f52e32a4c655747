"""Reading captures: pcap files of Ethernet frames, and the IPv6 headers in them, IPv4 in tunnels.

Only as much of RFC 8200 as the lab meets: no extension headers but those named here are walked.
"""

import ipaddress
import struct
from dataclasses import dataclass

MAGIC_US, MAGIC_NS = 0xA1B2C3D4, 0xA1B23C4D
ETHERTYPE_IPV6 = 0x86DD
IPV6_HEADER = 40
IPV4_HEADER = 20
NEXT_IPV4, NEXT_IPV6, NEXT_ICMPV6, NEXT_MH, NEXT_DSTOPTS = 4, 41, 58, 135, 60


@dataclass(frozen=True)
class Frame:
    """One captured frame: seconds since 1970, and the octets."""

    time: float
    octets: bytes


@dataclass(frozen=True)
class Ipv6:
    """One IPv6 packet; `payload` follows the last walked extension header."""

    source: ipaddress.IPv6Address
    destination: ipaddress.IPv6Address
    next_header: int
    hop_limit: int
    payload: bytes

    def inner(self):
        """The packet inside a tunnel over IPv6, or None."""
        if self.next_header == NEXT_IPV4:
            return ipv4(self.payload)
        return ipv6(self.payload) if self.next_header == NEXT_IPV6 else None


@dataclass(frozen=True)
class Ipv4:
    """One IPv4 packet."""

    source: ipaddress.IPv4Address
    destination: ipaddress.IPv4Address
    protocol: int
    ttl: int
    payload: bytes


def frames(path):
    """Every whole frame of a pcap file; a record that is still being written is left out."""
    octets = path.read_bytes()
    if len(octets) < 24:
        return
    order = "<" if struct.unpack("<I", octets[:4])[0] in (MAGIC_US, MAGIC_NS) else ">"
    magic = struct.unpack(order + "I", octets[:4])[0]
    if magic not in (MAGIC_US, MAGIC_NS):
        raise ValueError(f"{path} is not a pcap file")
    fraction = 1e-6 if magic == MAGIC_US else 1e-9
    at = 24
    while at + 16 <= len(octets):
        seconds, part, length, _ = struct.unpack_from(order + "IIII", octets, at)
        at += 16
        if at + length > len(octets):
            return
        yield Frame(seconds + part * fraction, octets[at:at + length])
        at += length


def packet(frame):
    """The IPv6 packet in an Ethernet frame, or None."""
    if len(frame.octets) < 14 or struct.unpack_from("!H", frame.octets, 12)[0] != ETHERTYPE_IPV6:
        return None
    return ipv6(frame.octets[14:])


def ipv6(octets):
    """The IPv6 packet at the start of some octets, or None."""
    if len(octets) < IPV6_HEADER or octets[0] >> 4 != 6:
        return None
    length, next_header, hop_limit = struct.unpack_from("!HBB", octets, 4)
    payload = octets[IPV6_HEADER:IPV6_HEADER + length]
    if next_header == NEXT_DSTOPTS and len(payload) >= 8:  # RFC 2473's encapsulation limit
        next_header, payload = payload[0], payload[(payload[1] + 1) * 8:]
    return Ipv6(
        ipaddress.IPv6Address(octets[8:24]), ipaddress.IPv6Address(octets[24:40]),
        next_header, hop_limit, payload,
    )


def ipv4(octets):
    """The IPv4 packet at the start of some octets, or None."""
    if len(octets) < IPV4_HEADER or octets[0] >> 4 != 4:
        return None
    length, = struct.unpack_from("!H", octets, 2)
    header = 4 * (octets[0] & 15)
    return Ipv4(
        ipaddress.IPv4Address(octets[12:16]), ipaddress.IPv4Address(octets[16:20]),
        octets[9], octets[8], octets[header:length],
    )
