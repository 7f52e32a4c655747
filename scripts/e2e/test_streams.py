"""Constant streams of 1,000 packets a second each way while something ends: a path's lifetime, the LMA, a port's link.

What is lost beyond the packets in flight has to have a reason that the test knows.
"""

import time

from e2e.case import WithDomain
from lab import mh
from lab.domain import ACCESS, ADDRESS, HI_NEW, mn_id
from lab.ledger import lost_moments
from lab.relay import Relay, drop
from lab.shell import run, wait_for
from lab.steps import live_paths
from lab.stream import Streams

RATE = 1_000
LIFETIME_S = 3
# Packets on their way when an entry changes, in a lab whose nodes share their cores with others.
IN_FLIGHT = RATE // 50
BINDING_LIFETIME_S = 8


def lost(reports):
    """Lost packets of both streams."""
    return sum(report["lost"] for report in reports.values())


def active(node):
    """A node's active paths."""
    return [path for path in live_paths(node) if path["state"] == "active"]


class Expiry(WithDomain):
    """L-45: a path that is not refreshed ends, and the pair's packets take the LMA's way."""

    @staticmethod
    def adjust(_name, config):
        config["localized_routing"]["lifetime_s"] = LIFETIME_S

    def test_l_45_l_7_a_natural_expiry_loses_nothing_beyond_packets_in_flight(self):
        domain, relay = self.domain, Relay(self.domain)
        streams = Streams(domain, RATE)
        streams.start()
        wait_for("a path", lambda: active(domain.mag1) and active(domain.mag2))
        relay.rules(drop(mh=mh.RO_REFRESH), drop(mh=mh.RO_INIT))
        wait_for("the path has ended at both MAGs", lambda: not active(domain.mag1) and not active(domain.mag2),
                 3 * LIFETIME_S, 0.1)
        time.sleep(1)
        reports, astray = streams.end()
        self.said = f"{lost(reports)} of {sum(r['sent'] for r in reports.values())} lost"
        self.assertEqual((0, 0), (astray, sum(report["duplicated"] for report in reports.values())))
        self.assertLessEqual(lost(reports), IN_FLIGHT)
        self.assertGreater(min(report["received"] for report in reports.values()), LIFETIME_S * RATE)


class LmaRestarts(WithDomain):
    """kill -9 of the LMA and a new start: the MAGs register again what they have, and a path comes up again."""

    @staticmethod
    def adjust(name, config):
        config["localized_routing"]["lifetime_s"] = LIFETIME_S
        if name.startswith("mag"):
            config["mag"]["binding_lifetime_s"] = BINDING_LIFETIME_S
            config["mag"]["re_registration_percent"] = 50

    def test_ls_15_bindings_and_paths_come_back_after_a_restart_of_the_lma(self):
        domain = self.domain
        streams = Streams(domain, RATE)
        streams.start()
        wait_for("a path", lambda: active(domain.mag1) and active(domain.mag2))
        kept = {mn.name: mn.addresses() for mn in (domain.mn1, domain.mn2)}
        killed = time.time()
        domain.lma.kill()
        domain.lma.start()
        domain.lma.ready()
        wait_for("both MNs are registered again", lambda: {b["mn_id"] for b in domain.lma.bindings()} == {
            mn_id(domain.mn1), mn_id(domain.mn2)}, 2 * BINDING_LIFETIME_S, 0.1)
        bound = time.time()
        homes = {b["mn_id"]: b["hnps"] for b in domain.lma.bindings()}
        self.assertEqual({mn_id(domain.mn1): [str(self.one)], mn_id(domain.mn2): [str(self.two)]}, homes)
        wait_for("a path again", lambda: active(domain.lma) and active(domain.mag1) and active(domain.mag2), 15, 0.1)
        self.assertEqual([[str(ADDRESS["mag2"])], [str(ADDRESS["mag1"])]],
                         [[path["peer"] for path in active(mag)] for mag in (domain.mag1, domain.mag2)])
        settled = time.time()
        time.sleep(1)
        reports, astray = streams.end()
        self.assertEqual(kept, {mn.name: mn.addresses() for mn in (domain.mn1, domain.mn2)})
        self.said = (f"registered again after {bound - killed:.1f} s, path after {settled - killed:.1f} s, "
                     f"{lost(reports)} of {sum(r['sent'] for r in reports.values())} lost")
        self.assertEqual(0, astray)
        for report in reports.values():
            # Lost is what was sent without a path and without an LMA that knows the MNs.
            elsewhere = len([m for m in lost_moments(report, RATE) if not killed <= m <= settled])
            self.assertLessEqual(elsewhere, IN_FLIGHT)
            self.assertGreater(report["received"], RATE)


class PortDown(WithDomain):
    """A MAG's access port loses its link. AF_PACKET ports know of no link, so this one is a TAP port."""

    attached = False

    @staticmethod
    def adjust(name, config):
        if name == "mag1":
            config["ports"][1]["device"] = "net_tap0"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain.mag1.join_tap(ACCESS)
        cls.attach_both()

    def test_l_50_a_port_that_goes_down_detaches_its_mns_and_ends_their_paths(self):
        domain = self.domain
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: active(domain.mag1) and active(domain.mag2))
        since = time.time()
        run("ip", "-n", domain.mag1.space, "link", "set", domain.mag1.tap(ACCESS), "down")
        domain.expect_order(since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])
        wait_for("MN1 is gone", lambda: not domain.mag1.bindings())
        wait_for("nobody sends to it", lambda: not active(domain.mag1) and not active(domain.mag2))
        ends = [m for m in domain.signalling(since) if m.name == "PBU" and m.lifetime == 0]
        self.assertTrue(ends, "MAG1 did not de-register")
        self.assertEqual(1, len(domain.mag2.bindings()), "MN2 is where it was")

    def test_the_mn_attaches_again_when_the_port_is_back(self):
        domain = self.domain
        run("ip", "-n", domain.mag1.space, "link", "set", domain.mag1.tap(ACCESS), "up")
        domain.attach(domain.mn1, domain.mag1, HI_NEW)
        wait_for("MN2 answers", lambda: domain.mn1.ping(self.there, 3).lost == 0, 10)
        self.assertEqual(self.here, domain.home(domain.mn1)[0])
