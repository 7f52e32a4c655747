"""Packets that no node should fall over, in groups: what is wrong with them, and what may come back.

RFC 6275 section 9.2 has the checks of a Mobility Header and their answers: checksum (silence), type
(Binding Error 2), payload proto and header length (ICMPv6 Parameter Problem). Option lengths and contents
are RFC 6275 section 6.2.1's and each message's. Every message here names mobile nodes and prefixes that the
domain does not know, so that one which is right after all asks for nothing.
"""

import struct
from ipaddress import IPv6Address

from lab import mh, pcap
from lab.inject import ipv6

GHOST_ONE, GHOST_TWO = "2001:db8:1ff:1::/64", "2001:db8:1ff:2::/64"
GHOST_MAG = "2001:db8:f::99"
GHOST = "ghost@nowhere.example"
LIFETIME = 8
OLD = 1_000_000_000.0  # a Timestamp of 2001: whoever looks at it refuses

NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_ESP, NEXT_NONE = 0, 43, 44, 50, 59
UNKNOWN_MH_TYPES = (24, 25, 100, 200, 239, 252, 253, 254, 255)
UNKNOWN_OPTIONS = (71, 100, 200, 240, 255)


def good_messages():
    """(name, octets) of a whole message of every kind, its last option the one it cannot do without."""
    pair = [mh.prefix_option(GHOST_ONE), mh.prefix_option(GHOST_TWO)]
    stamp = mh.timestamp(OLD)
    requests = {
        mh.RO_TRIGGER: [stamp, mh.address_option(GHOST_MAG), *pair],
        mh.RO_INIT: [stamp, mh.address_option(GHOST_MAG), *pair],
        mh.RO_SETUP: [stamp, mh.address_option(GHOST_MAG), *pair],
        mh.RO_REFRESH: pair,
        mh.RO_REQUEST: pair,
    }
    yield "PBU", mh.pbu(7, LIFETIME, [
        stamp, mh.option(mh.HANDOFF, b"\0\1"), mh.option(mh.ATT, b"\0\3"),
        mh.prefix_option("::/0"), mh.nai(GHOST)])
    yield "PBA", mh.build(mh.PBA, struct.pack("!BBHH", 0, 0x20, 7, LIFETIME), [
        stamp, mh.option(mh.HANDOFF, b"\0\1"), mh.option(mh.ATT, b"\0\3"), *pair[:1], mh.nai(GHOST)])
    yield "Binding Error", mh.build(mh.BINDING_ERROR, struct.pack("!BB16x", 1, 0), [])
    for kind, pieces in requests.items():
        yield mh.NAMES[kind], mh.ro_request(kind, 7, LIFETIME, pieces)
        yield mh.NAMES[kind + 1], mh.ro_ack(kind + 1, 7, 0, LIFETIME, pair)


def packet(source, target, octets, seal=True, **more):
    """A Mobility Header message in an IPv6 packet."""
    if seal and len(octets) >= 6:
        octets = mh.sealed(source, target, octets)
    return ipv6(source, target, pcap.NEXT_MH, octets, **more)


def truncated(source, target):
    """Every message cut at every length, the checksum right for what is left: Header Len lies."""
    for _, octets in good_messages():
        for length in range(len(octets)):
            yield packet(source, target, octets[:length])


def truncated_frames(source, target):
    """Every message in an IPv6 packet that ends before its header says."""
    for _, octets in good_messages():
        whole = packet(source, target, octets)
        for length in range(0, len(whole), 3):
            yield whole[:length]


def cut_between_options(source, target):
    """Every message cut at every eighth octet, Header Len and checksum right: options are cut or missing."""
    for _, octets in good_messages():
        for length in range(8, len(octets), 8):
            yield packet(source, target, octets[:1] + bytes([length // 8 - 1]) + octets[2:length])


def wrong_checksums(source, target):
    """Every message with its checksum off by one bit, inverted and zero."""
    for _, octets in good_messages():
        sealed = mh.sealed(source, target, octets)
        right = struct.unpack_from("!H", sealed, 4)[0]
        for wrong in [right ^ 1 << bit for bit in range(16)] + [right ^ 0xFFFF]:
            yield packet(source, target, sealed[:4] + struct.pack("!H", wrong) + sealed[6:], seal=False)


def lying_lengths(source, target):
    """Header Len, option lengths and prefix lengths that say more or less than there is."""
    for _, octets in good_messages():
        for header_len in {0, octets[1] + 1, 255} - {octets[1]}:
            yield packet(source, target, octets[:1] + bytes([header_len]) + octets[2:])
        for offset, _, data in mh.options(octets):
            for length in {len(data) + 1, len(octets), 255} - {len(data)}:
                yield packet(source, target, octets[:offset + 1] + bytes([length & 0xFF]) + octets[offset + 2:])


def bad_prefixes(source, target):
    """Home Network Prefix options with lengths that no prefix has."""
    for name, octets in good_messages():
        for offset, kind, _ in mh.options(octets):
            if kind == mh.HNP and name != "PBU":
                for length in (129, 200, 255):
                    yield packet(source, target, octets[:offset + 3] + bytes([length]) + octets[offset + 4:])


def unknown_types(source, target):
    """Mobility Header types that nobody has assigned."""
    for kind in UNKNOWN_MH_TYPES:
        yield packet(source, target, mh.build(kind, bytes(6), []))


def unknown_options(source, target):
    """Options that nobody has assigned, which are to be skipped: the message is refused for itself."""
    pair = [mh.prefix_option(GHOST_ONE), mh.prefix_option(GHOST_TWO)]
    for number in UNKNOWN_OPTIONS:
        for length in (0, 1, 17, 200):
            stranger = mh.option(number, bytes(length))
            yield packet(source, target, mh.ro_request(mh.RO_REFRESH, number, LIFETIME, [stranger, *pair]))


def wrong_payload_proto(source, target):
    """Payload Proto that is not 59."""
    for _, octets in good_messages():
        for proto in (0, 6, 41, 58, 135, 255):
            yield packet(source, target, bytes([proto]) + octets[1:])


def nested_headers(source, target):
    """Extension headers before the message: chains, lengths that lie, fragments, tunnels in tunnels."""
    _, octets = next(good_messages())
    sealed = mh.sealed(source, target, octets)
    for kind in (NEXT_HOP_BY_HOP, pcap.NEXT_DSTOPTS, NEXT_ROUTING):
        for depth in (1, 2, 8, 64):
            chain = sealed
            after = pcap.NEXT_MH
            for _ in range(depth):
                chain = struct.pack("!BB6s", after, 0, b"\1\4\0\0\0\0") + chain
                after = kind
            yield ipv6(source, target, after, chain)
        for length in (1, 20, 255):
            yield ipv6(source, target, kind, struct.pack("!BB6x", pcap.NEXT_MH, length) + sealed)
    for offset_and_more in (0, 1, 8, 0xFFF9):
        header = struct.pack("!BBHI", pcap.NEXT_MH, 0, offset_and_more, 4711)
        yield ipv6(source, target, NEXT_FRAGMENT, header + sealed)
    for depth in (1, 2, 3, 16):
        inner = ipv6(source, target, pcap.NEXT_MH, sealed)
        for _ in range(depth):
            inner = ipv6(source, target, pcap.NEXT_IPV6, inner)
        yield inner
    for version in (0, 4, 5, 7, 15):
        inner = ipv6(source, target, pcap.NEXT_MH, sealed)
        yield ipv6(source, target, pcap.NEXT_IPV6, bytes([version << 4]) + inner[1:])
    inner = ipv6("2001:db8:1ff:1::1", "2001:db8:1ff:2::1", NEXT_NONE, b"")
    for length in range(0, len(inner)):
        yield ipv6(source, target, pcap.NEXT_IPV6, inner[:length])
    for proto in (NEXT_ESP, 4, 47, 51, 6, 17, 255):
        for length in (0, 1, 7, 8, 40):
            yield ipv6(source, target, proto, bytes(length))


def whole_messages(source, target):
    """RO messages that are right in every octet: it is their sender who is wrong."""
    for name, octets in good_messages():
        if name.startswith("RO"):
            yield packet(source, target, octets)


def noise(random, destination_mac, source_mac):
    """Frames of random octets behind every EtherType a port may meet."""
    addresses = bytes.fromhex(destination_mac.replace(":", "") + source_mac.replace(":", ""))
    for ethertype in (0x86DD, 0x0800, 0x0806, 0x8100, 0x88A8, 0x0000, 0x05DC, 0xFFFF):
        for length in (0, 1, 19, 20, 28, 39, 40, 41, 48, 100, 1000, 1486):
            if ethertype in (0x8100, 0x88A8) and length < 4:
                continue  # the kernel of this machine drops a cut tag itself
            body = random.randbytes(length)
            yield addresses + struct.pack("!H", ethertype) + body
            if ethertype == 0x86DD and body:
                yield addresses + struct.pack("!H", ethertype) + bytes([0x60 | body[0] & 15]) + body[1:]
            if ethertype == 0x0800 and body:
                yield addresses + struct.pack("!H", ethertype) + bytes([0x45]) + body[1:]


def neighbour_discovery(random, source, target):
    """ICMPv6 133 to 137 and errors, with wrong hop limits, checksums, codes and options."""
    for kind in (1, 2, 3, 4, 133, 134, 135, 136, 137, 143):
        for body in (b"", bytes(4), bytes(20), bytes(20) + b"\1\0", bytes(20) + b"\1\xff" + bytes(6),
                     random.randbytes(60)):
            for hop_limit in (255, 64):
                octets = struct.pack("!BBH", kind, 0, 0) + body
                value = mh.checksum(IPv6Address(source), IPv6Address(target), octets, pcap.NEXT_ICMPV6)
                yield ipv6(source, target, pcap.NEXT_ICMPV6, octets[:2] + struct.pack("!H", value) + octets[4:],
                           hop_limit=hop_limit)
                yield ipv6(source, target, pcap.NEXT_ICMPV6, octets, hop_limit=hop_limit)
