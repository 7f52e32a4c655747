"""A flood of new pairs, and of spoofed ones: detection costs bounded time and memory, and forwarding goes on."""

import pathlib
import time

from e2e.two_lmas import LMAS, WithTwoLmas, two_lmas
from lab import mh
from lab.domain import HNP_POOL_2, NETWORK_SIDE
from lab.inject import Sender, ether, ipv6
from lab.shell import wait_for

NEXT_UDP = 17
REPORTS_PER_S, TRACKED = 100, 256
PAIRS = 8_000
CHUNK = 250  # frames at a time; the nodes share two cores with the sender
CHUNK_S = 0.05
GROWTH_KIB = 4_096  # of a process, by a flood of pairs that it has not seen: allocator's noise
FIXED_MAC = "00:00:5e:00:52:13"


def bounded(name, config):
    """Little room for detection, so that the flood meets its bounds; MAG1 looks for pairs as well."""
    two_lmas(name, config)
    config["localized_routing"]["detect"] = {"max_reports_per_s": REPORTS_PER_S, "max_tracked_pairs": TRACKED}
    config["localized_routing"]["mag_requested"] = name in ("mag1", "lma")


def memory_kib(node):
    """Resident memory of a node's process."""
    status = pathlib.Path(f"/proc/{node.call('status')['pid']}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


class Flood(WithTwoLmas):
    """MN1 sends to thousands of prefixes of LMA2's pool, nearly all of which nobody has."""

    adjust = staticmethod(bounded)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = Sender(cls.domain.mn1.space, "eth0")
        cls.domain.mn1.ping(cls.there, 5)
        cls.domain.mn1.ping(NETWORK_SIDE["inet"], 3)

    def flood(self, first, source=None):
        """Packets to PAIRS prefixes, one each, while two pings run: on the direct path, and to the Internet side."""
        pings = [self.domain.mn1.start_ping(to, 0.02) for to in (self.there, NETWORK_SIDE["inet"])]
        for ping in pings:
            wait_for("the ping has replies", lambda p=ping: len(p.replies()) > 5)
        source = source or (lambda number: self.here)
        for begin in range(first, first + PAIRS, CHUNK):
            self.sender.send(
                ether(FIXED_MAC, self.sender.mac,
                      ipv6(source(number), HNP_POOL_2[(number + 0x100) << 64] + 1, NEXT_UDP, bytes(16)))
                for number in range(begin, begin + CHUNK))
            time.sleep(CHUNK_S)
        time.sleep(0.5)
        return [ping.stop() for ping in pings]

    def rise(self, before, name, counter):
        """How far a counter of a node rose; some appear when they first count."""
        return self.domain.nodes[name].stats().get(counter, 0) - before[name].get(counter, 0)

    def test_a_flood_of_new_pairs_neither_stops_forwarding_nor_grows_memory(self):
        domain = self.domain
        self.flood(0)  # fills what is bounded
        nodes = ("mag1", *LMAS)
        memory = {name: memory_kib(domain.nodes[name]) for name in nodes}
        before, since = {name: domain.nodes[name].stats() for name in nodes}, time.time()
        results = self.flood(PAIRS)
        took = time.time() - since
        growth = {name: memory_kib(domain.nodes[name]) - memory[name] for name in nodes}
        self.assertEqual([0, 0], [result.lost for result in results], "pings lost on the direct path, to the outside")
        for name, grown in growth.items():
            self.assertLess(grown, GROWTH_KIB, f"{name} grew")
        limited, evicted = (self.rise(before, "mag1", f"dataplane.detect.{name}")
                            for name in ("rate-limited", "evicted"))
        reported = self.rise(before, "mag1", "dataplane.event.sent")
        # Of a flood that a slow machine's receive rings thin out nothing has to be held back.
        slow = evicted + TRACKED < REPORTS_PER_S * (took + 2)
        self.assertTrue(evicted and (limited or slow), f"held back {limited}, evicted {evicted}, {took:.1f} s")
        self.assertLessEqual(reported, REPORTS_PER_S * (took + 2))
        again = self.rise(before, "mag1", "pmipv6.retransmit.ro-request")
        asked = self.rise(before, "mag1", "pmipv6.tx.ro-request") - again
        self.assertLessEqual(asked, reported, "one RO Request a report, and its repetitions")
        self.said = (f"{PAIRS} pairs in {took:.1f} s: {asked} RO Requests and {again} repeated, {limited} reports held back, "
                     f"{evicted} pairs evicted; memory {growth} KiB")

    def test_a_flood_of_spoofed_sources_ends_at_the_first_mag(self):
        domain = self.domain
        nodes = ("mag1", *LMAS)
        before, since = {name: domain.nodes[name].stats() for name in nodes}, time.time()
        memory = memory_kib(domain.mag1)
        results = self.flood(2 * PAIRS, lambda number: HNP_POOL_2[(number % 50_000) << 64] + 2)
        self.assertEqual([0, 0], [result.lost for result in results])
        dropped = self.rise(before, "mag1", "dataplane.drop.source-not-on-link")
        self.assertGreaterEqual(dropped, PAIRS)
        self.assertLess(memory_kib(domain.mag1) - memory, GROWTH_KIB)
        kinds = [m for m in domain.signalling(since) if m.type in (mh.RO_TRIGGER, mh.RO_REQUEST)]
        self.assertLessEqual({source for m in kinds for source in m.prefixes()[:1]}, {self.one, self.two})
        self.said = f"{dropped} dropped at MAG1"

    def test_after_the_floods_the_pair_has_its_path(self):
        pings = self.domain.mn1.ping(self.there, 20)
        self.active_at("mag1", "mag2")
        self.assertEqual(0, pings.lost)
