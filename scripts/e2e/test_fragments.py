"""Fragments of tunnel packets from outside (RFC 791, RFC 8200 section 4.5, RFC 5722, RFC 6946), made by scapy: whole
in any order; overlapping, never complete, or nonsense by the thousand. A node's memory for them is bounded, all that it
gives up is counted, and nobody's packets suffer.

MAG2's ports are TAP ports: to others the kernel gives fragments of IPv4 as the packets that they were.
"""

import pathlib
import random
import socket
import struct
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from e2e.case import WithDomain
from e2e.forms import (LINK_MTU_BYTES, NODES, PATH_LIFETIME_S, attach_both_unaided, forget_paths, join_taps, on_taps,
                       ping, total)
from e2e.ipv4_homes import POOL
from lab import netns
from lab.domain import ADDRESS, NETWORK_SIDE
from lab.inject import Sender, ether
from lab.pcap import ETHERTYPE_IPV6
from lab.shell import wait_for

ETHERTYPE_IPV4 = 0x0800
PORT = 4444
MAG2_IPV4, LMA_IPV4 = "198.51.100.12", "198.51.100.1"
PAYLOAD_BYTES = 1_300
PART_BYTES = 504  # of the outer packet's payload, in a fragment; divisible by 8
LOST = 10_000  # fragments of packets that never come whole: more than the node has buffers
NONSENSE, KINDS = 5_000, 300
CHUNK, CHUNK_S = 250, 0.05
TIMEOUT_S = 1.0
GROWTH_KIB = 4_096  # the allocator's noise
SEED = 20100702
DROPS = ("drop.reassembly", "drop.outer-fragment", "drop.fragment-header", "drop.truncated", "drop.bad-header",
         "drop.bad-checksum", "drop.outer-option", "drop.segmented")


def both(name, config):
    """An IPv4 pool; MAG2 has an IPv4 address, too."""
    if name == "lma":
        config["lma"]["ipv4_pools"] = [str(POOL)]
    config["localized_routing"]["lifetime_s"] = PATH_LIFETIME_S
    on_taps(name, config)
    if name == "mag2":
        config["ports"][0]["addresses"].append(f"{MAG2_IPV4}/24")


def memory_kib(node):
    """Resident memory of a node's process."""
    status = pathlib.Path(f"/proc/{node.call('status')['pid']}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def part_ipv6(number, at, payload, more, next_header=41):
    """A fragment of a packet from the LMA to MAG2."""
    return ETHERTYPE_IPV6, bytes(
        IPv6(src=str(ADDRESS["lma"]), dst=str(ADDRESS["mag2"])) /
        IPv6ExtHdrFragment(nh=next_header, offset=at // 8, m=int(more), id=number) / Raw(payload))


def part_ipv4(number, at, payload, more, protocol=41):
    """The same over IPv4."""
    return ETHERTYPE_IPV4, bytes(
        IP(src=LMA_IPV4, dst=MAG2_IPV4, proto=protocol, id=number & 0xFFFF, frag=at // 8, flags="MF" if more else 0) /
        Raw(payload))


def numbered(fragment, number):
    """A fragment with another identification; scapy takes its time."""
    ethertype, octets = fragment
    if ethertype == ETHERTYPE_IPV6:
        return ethertype, octets[:44] + struct.pack("!I", number) + octets[48:]
    header = bytearray(octets[:20])
    header[4:6], header[10:12] = struct.pack("!H", number & 0xFFFF), bytes(2)
    total_of_words = sum(struct.unpack("!10H", header))
    folded = (total_of_words & 0xFFFF) + (total_of_words >> 16)
    header[10:12] = struct.pack("!H", ~((folded & 0xFFFF) + (folded >> 16)) & 0xFFFF)
    return ethertype, bytes(header) + octets[20:]


def parts(make, number, packet):
    """A packet in fragments."""
    return [make(number, at, packet[at:at + PART_BYTES], at + PART_BYTES < len(packet))
            for at in range(0, len(packet), PART_BYTES)]


class Fragments(WithDomain):
    """One test a kind of trouble; the tests go in order."""

    adjust = staticmethod(both)
    nodes = NODES
    attached = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        join_taps(domain)
        homes = attach_both_unaided(domain)
        cls.here, cls.there = homes[0], homes[1]
        cls.random = random.Random(SEED)
        cls.number = 0
        cls.sender = Sender(domain.core, "mag2")
        cls.addClassCleanup(cls.sender.close)
        ports = domain.mag2.call("status")["ports"]
        cls.to = next(port["mac"] for port in ports if port["name"] == "core")
        with netns.inside(domain.mn2.space):
            cls.sink = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        cls.sink.bind((str(cls.there["ipv6"]), PORT))
        cls.addClassCleanup(cls.sink.close)

    def send(self, fragments):
        """Sends fragments to MAG2, as many at a time as it can take."""
        for begin in range(0, len(fragments), CHUNK):
            self.sender.send(ether(self.to, self.sender.mac, octets, ethertype)
                             for ethertype, octets in fragments[begin:begin + CHUNK])
            if len(fragments) > CHUNK:
                time.sleep(CHUNK_S)

    def packet(self):
        """(payload, packet to MN2 that carries it)."""
        payload = self.random.randbytes(PAYLOAD_BYTES)
        packet = IPv6(src=NETWORK_SIDE["inet"], dst=str(self.there["ipv6"])) / UDP(sport=PORT, dport=PORT) / Raw(payload)
        return payload, bytes(packet)

    def fresh(self):
        """An identification that nobody has used."""
        type(self).number += 1
        return self.number

    def received(self, limit_s):
        """What MN2 gets within a time, or None."""
        self.sink.settimeout(limit_s)
        try:
            return self.sink.recv(65_536)
        except TimeoutError:
            return None

    def dropped(self):
        """Fragments that MAG2 has given up or refused."""
        stats = self.domain.mag2.stats()
        return sum(value for name, value in stats.items() if name.endswith(DROPS))

    def still_well(self):
        """The pair talks in fragments of the tunnel's, both ways."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        forget_paths(mn1, mn2)
        before = total(self.domain.mag2, "reassembly.packets")
        self.assertEqual(3, ping(mn1, self.there["ipv4"], LINK_MTU_BYTES, "dont", 3))
        self.assertEqual(3, total(self.domain.mag2, "reassembly.packets") - before)

    def test_1_rfc_8200_fragments_make_a_packet_in_any_order(self):
        for order in ("as sent", "backwards", "shuffled"):
            payload, packet = self.packet()
            fragments = parts(part_ipv6, self.fresh(), packet)
            if order == "backwards":
                fragments.reverse()
            if order == "shuffled":
                self.random.shuffle(fragments)
            with self.subTest(order=order):
                before = total(self.domain.mag2, "reassembly.packets")
                self.send(fragments)
                self.assertEqual(payload, self.received(3))
                self.assertEqual(1, total(self.domain.mag2, "reassembly.packets") - before)
        self.still_well()

    def test_2_rfc_5722_overlapping_fragments_make_nothing_and_are_counted(self):
        for name, make in (("IPv6", part_ipv6), ("IPv4", part_ipv4)):
            for overlap in (8, PART_BYTES):
                _, packet = self.packet()
                number = self.fresh()
                good = parts(make, number, packet)
                liar = make(number, PART_BYTES - overlap, self.random.randbytes(PART_BYTES), True)
                with self.subTest(outer=name, overlap=overlap):
                    before, whole = self.dropped(), total(self.domain.mag2, "reassembly.packets")
                    self.send([good[0], liar, *good[1:]])
                    wait_for("they are given up", lambda b=before: self.dropped() > b, TIMEOUT_S + 3, 0.1)
                    self.assertIsNone(self.received(0.2))
                    self.assertEqual(whole, total(self.domain.mag2, "reassembly.packets"))
        self.still_well()

    def test_3_fragments_that_never_make_a_packet_are_bounded_in_number_and_time(self):
        mag2 = self.domain.mag2
        _, packet = self.packet()
        memory, before = memory_kib(mag2), self.dropped()
        first = [parts(make, self.fresh(), packet)[0] for make in (part_ipv6, part_ipv4)]
        self.send([numbered(first[count % 2], self.fresh()) for count in range(LOST)])
        wait_for("they are given up", lambda: self.dropped() - before > LOST // 2, TIMEOUT_S + 5, 0.2)
        time.sleep(TIMEOUT_S)
        self.still_well()
        grown, gone = memory_kib(mag2) - memory, self.dropped() - before
        self.assertLess(grown, GROWTH_KIB)
        self.said = f"{gone} of {LOST} seen and given up, memory {grown:+d} KiB"

    def test_4_fragments_that_are_nonsense_are_counted_one_by_one(self):
        mag2, some = self.domain.mag2, self.random
        memory, before = memory_kib(mag2), self.dropped()

        def nonsense():
            make = some.choice((part_ipv6, part_ipv4))
            octets = some.randbytes(some.choice((0, 1, 7, 8, 33, 800)))
            return make(some.randrange(64), some.randrange(0, 65_528, 8), octets, some.random() < 0.5,
                        some.choice((4, 17, 41, 44, 47, 50, 60, 135)))
        made = [nonsense() for _ in range(KINDS)]
        self.send([some.choice(made) for _ in range(NONSENSE)])
        wait_for("they are counted", lambda: self.dropped() - before > NONSENSE // 2, TIMEOUT_S + 5, 0.2)
        time.sleep(TIMEOUT_S)
        self.still_well()
        grown, gone = memory_kib(mag2) - memory, self.dropped() - before
        self.assertLess(grown, GROWTH_KIB)
        self.said = f"{gone} of {NONSENSE} counted, memory {grown:+d} KiB"
