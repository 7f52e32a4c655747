"""Keys of the lab's nodes, and the two others who know them: scapy and tshark.

Every pair of nodes has an association each way and generation, with keys made of the pair's names: nothing
here is secret. `security` writes a node's part of them into its configuration, `association` gives scapy's of
one leg, `keys_for_tshark` the options that let tshark decrypt.
"""

import hashlib

from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation

from . import mh, pcap
from .capture import Capture
from .domain import ADDRESS, MAGS, name_of

NEXT_ESP = 50
NODES = ("lma", "lma2", *MAGS)
# name: (octets of cipher key, octets of salt, of integrity key; scapy's and tshark's cipher; integrity)
SUITES = {
    "aes-128-gcm-16": (16, 4, 0, "AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]"),
    "aes-256-gcm-16": (32, 4, 0, "AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]"),
    "aes-128-cbc-hmac-sha2-256-128": (16, 0, 32, "AES-CBC", "AES-CBC [RFC3602]"),
    "aes-256-cbc-hmac-sha2-256-128": (32, 0, 32, "AES-CBC", "AES-CBC [RFC3602]"),
    "null-hmac-sha2-256-128": (0, 0, 32, "NULL", "NULL"),
}
SCAPY_INTEGRITY, TSHARK_INTEGRITY = "SHA2-256-128", "HMAC-SHA-256-128 [RFC4868]"
# Every suite has a leg. tshark 4.0 knows no extended sequence numbers, so one leg alone has them.
SUITE_OF = {
    frozenset(("mag1", "lma")): "aes-128-gcm-16",
    frozenset(("mag2", "lma")): "aes-256-gcm-16",
    frozenset(("mag1", "mag2")): "aes-256-cbc-hmac-sha2-256-128",
    frozenset(("mag1", "mag3")): "aes-128-cbc-hmac-sha2-256-128",
    frozenset(("mag2", "mag3")): "null-hmac-sha2-256-128",
}
EXTENDED = frozenset(("mag3", "lma"))


def suite_of(one, other):
    """The suite between two nodes."""
    return SUITE_OF.get(frozenset((one, other)), "aes-256-gcm-16")


def spi(source, to, generation):
    """Security Parameters Index of a leg; the receiver's inbound ones all differ."""
    return 0x1000 * generation + 0x10 * NODES.index(to) + NODES.index(source)


def key(source, to, generation):
    """Keying material of a leg."""
    length = sum(SUITES[suite_of(source, to)][:3])
    return hashlib.shake_256(f"{source} to {to}, generation {generation}".encode()).digest(length)


def leg(source, to, generation):
    """A leg in a configuration."""
    return {"spi": spi(source, to, generation), "key": key(source, to, generation).hex()}


def generation(name, peer, number, not_before_unix_s=0):
    """One generation of keys of a node with a peer."""
    return {"generation": number, "suite": suite_of(name, peer),
            "extended_sequence_numbers": frozenset((name, peer)) == EXTENDED,
            "not_before_unix_s": not_before_unix_s,
            "inbound": leg(peer, name, number), "outbound": leg(name, peer, number)}


def security(state, name, peers, generations=((1, 0),)):
    """The `security` of a node; `generations` are (number, not before)."""
    return {"state_file": str(state / f"{name}.esp.json"),
            "peers": [{"addresses": [str(ADDRESS[peer])], "roles": ["lma" if peer.startswith("lma") else "mag"],
                       "associations": [generation(name, peer, *one) for one in generations]}
                      for peer in peers]}


def association(source, to, number=1, sequence=1):
    """Scapy's association of one leg."""
    cipher, salt, integrity, scapy_cipher, _ = SUITES[suite_of(source, to)]
    octets, extended = key(source, to, number), frozenset((source, to)) == EXTENDED
    return SecurityAssociation(
        ESP, spi=spi(source, to, number), seq_num=sequence, crypt_algo=scapy_cipher,
        crypt_key=octets[:cipher + salt] or None, auth_algo=SCAPY_INTEGRITY if integrity else None,
        auth_key=octets[cipher + salt:] or None, esn_en=extended, esn=0)


def seal(source, to, octets, sequence, number=1):
    """An IPv6 packet of scapy's around a Mobility Header."""
    packet = IPv6(src=str(ADDRESS[source]), dst=str(ADDRESS[to]), nh=pcap.NEXT_MH) / octets
    return bytes(association(source, to, number, sequence).encrypt(IPv6(bytes(packet))))


def opened(packet, generations=(1, 2)):
    """The Mobility Header in an ESP packet, by scapy; None where its keys are not ours."""
    number = int.from_bytes(packet.payload[:4], "big")
    source, to = name_of(packet.source), name_of(packet.destination)
    legs = ((source, to, of) for of in generations if source in NODES and to in NODES)
    found = next((leg for leg in legs if spi(*leg) == number), None)
    if found is None:
        return None
    whole = IPv6(src=str(packet.source), dst=str(packet.destination), nh=NEXT_ESP) / packet.payload
    plain = association(*found).decrypt(IPv6(bytes(whole)))
    assert plain.nh == pcap.NEXT_MH, f"next header {plain.nh}"
    return bytes(plain.payload)


class EspCapture(Capture):
    """A capture of protected signalling, read by scapy."""

    def __init__(self, lab, space, interface, name):
        super().__init__(lab, space, interface, name, "ip6 proto 50")
        self.read = {}

    def messages_so_far(self, since=0.0):
        """What is inside the ESP packets."""
        found = []
        for frame in pcap.frames(self.path):
            packet = pcap.packet(frame)
            if frame.time < since or packet is None or packet.next_header != NEXT_ESP:
                continue
            if frame not in self.read:
                self.read[frame] = opened(packet)
            octets = self.read[frame]
            if octets:
                good = mh.checksum(packet.source, packet.destination, octets) == 0
                found.append(mh.Message(frame.time, packet.source, packet.destination, octets[2], octets, good,
                                        list(mh.options(octets))))
        return found


def keys_for_tshark(numbers=(1, 2)):
    """Options of tshark: every key of the lab."""
    words = ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
    for source in NODES:
        for to in NODES:
            for number in numbers if source != to else ():
                cipher, salt, integrity, _, name = SUITES[suite_of(source, to)]
                octets = key(source, to, number)
                first, second = octets[:cipher + salt].hex(), octets[cipher + salt:].hex()
                fields = ["IPv6", str(ADDRESS[source]), str(ADDRESS[to]), f"0x{spi(source, to, number):08x}",
                          name, f"0x{first}" if first else "", TSHARK_INTEGRITY if integrity else "NULL",
                          f"0x{second}" if second else ""]
                words += ["-o", "uat:esp_sa:" + ",".join(f'"{field}"' for field in fields)]
    return words
