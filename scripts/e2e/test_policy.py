"""Who may have a path, and when: policy of the LMA, read by the operator in one line, changed while it runs.

draft-loureiro section 8: the LMA enforces. Rows L-3 (detection), L-12 (policy).
"""

import time

from e2e.case import WithDomain
from e2e.two_lmas import WithTwoLmas
from lab.ctl import Refused
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, mn_id, two_lmas
from lab.shell import wait_for
from lab.steps import user_packets

AFTER_BYTES, WITHIN_S = 20_000, 4
SMALL_PINGS, SMALL_INTERVAL_S = 250, 0.04
LARGE_PINGS, LARGE = 60, 1_100
AT = {"mn1": "mag1", "mn2": "mag2", "mn3": "mag2", "mn4": "mag1", "mn5": "mag1", "mn6": "mag3"}
MAX_PATHS, MAX_PATHS_PER_MN = 2, 1
NOT_ALLOWED = 128
TALK_PINGS = 10


def by_octets(name, config):
    """A pair talks when 20,000 octets have passed within four seconds; how many packets does not matter."""
    if name == "lma":
        config["localized_routing"]["detect"] = {
            "after_packets": 0, "after_bytes": AFTER_BYTES, "within_ms": WITHIN_S * 1_000}


class Policy(WithDomain):
    """One LMA, MN1 at MAG1, MN2 at MAG2; each test leaves the policy as it found it."""

    adjust = staticmethod(by_octets)

    def why(self):
        """What the LMA says about the pair."""
        return self.domain.lma.crowflyctl("path", "show", str(self.one), str(self.two), check=False).stdout

    def policy(self, **keys):
        """Writes keys of localized_routing into the LMA's file and has it read again."""
        lma = self.domain.lma
        lma.config["localized_routing"].update(keys)
        lma.write_config()
        lma.call("config.reload")

    def talk(self):
        """Enough for a path, if policy allows one."""
        self.assertEqual(0, self.domain.mn1.ping(self.there, LARGE_PINGS, size=LARGE).lost)

    def localize(self):
        """Talks until there is a path: on a slow machine a burst may be no burst."""
        wait_for("the path", lambda: self.talk() or self.active(), 20)

    def active(self):
        """Paths that stand."""
        return [p for p in self.domain.paths_anywhere() if p[1]["state"] == "active"]

    def end(self):
        """No path, and no pair held off, as before the test."""
        self.policy(enabled=False)
        wait_for("no path anywhere", lambda: not self.active())
        self.policy(enabled=True, denied=[], denied_peers=[])

    def refused(self, reason):
        """The pair talks, stays on the LMA's path, and the LMA says why in one line."""
        since, before = time.time(), user_packets(self.domain.lma)
        self.talk()
        self.assertGreaterEqual(user_packets(self.domain.lma) - before, 2 * LARGE_PINGS)
        wait_for(f"the reason, {reason}", lambda: reason in self.why() or self.talk(), 20)
        self.assertEqual([], [m.name for m in self.domain.signalling(since) if m.name == "RO Init"])
        self.said = reason

    def test_l_3_small_talk_is_left_alone_and_octets_within_the_window_are_not(self):
        domain, since = self.domain, time.time()
        pings = domain.mn1.ping(self.there, SMALL_PINGS, SMALL_INTERVAL_S, size=56)
        octets = 56 + 8 + 40
        self.assertEqual(0, pings.lost)
        self.assertGreater(SMALL_PINGS * octets, AFTER_BYTES, "all of it would be enough")
        self.assertLess(WITHIN_S / SMALL_INTERVAL_S * octets, AFTER_BYTES, "what passes within the window is not")
        self.assertEqual([], [m.name for m in domain.signalling(since) if m.name.startswith("RO ")])
        self.localize()
        self.end()

    def test_l_12_a_denied_peer_keeps_the_pair_with_the_lma_until_policy_changes(self):
        self.policy(denied_peers=[str(ADDRESS["mag2"])])
        self.refused("policy of the destination's MAG")
        self.policy(denied_peers=[])
        self.localize()
        self.end()

    def test_l_12_a_denied_prefix_ends_the_path_and_keeps_the_pair_with_the_lma(self):
        self.localize()
        self.policy(denied=[str(self.two)])
        wait_for("no path anywhere", lambda: not self.active())
        self.refused("policy")
        self.end()

    def test_l_47_a_path_does_not_follow_its_mn_to_a_denied_mag(self):
        domain = self.domain
        self.localize()
        self.policy(denied_peers=[str(ADDRESS["mag3"])])
        stream = domain.mn1.start_ping(self.there, 0.02, size=LARGE)
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach(domain.mn1, domain.mag1)
        wait_for("the path has gone", lambda: not self.active())
        wait_for("the reason", lambda: "policy of an MN's MAG" in self.why())
        answered = len(stream.replies())
        wait_for("the LMA carries the pair", lambda: len(stream.replies()) > answered + 50)
        self.assertEqual(0, stream.stop().duplicates)
        domain.attach(domain.mn1, domain.mag1, HI_BETWEEN_MAGS)
        domain.detach(domain.mn1, domain.mag3)
        self.end()


def bounded(name, config):
    """MN4 may not be localized; one path for an MN, two for the LMA, none for MAG3."""
    config["localized_routing"]["lifetime_s"] = 3600
    if name == "lma":
        config["lma"]["mobile_nodes"] = [{"mn_id": "mn4@lab.example", "localized_routing": False}]
        config["limits"] = {"max_paths": MAX_PATHS, "max_paths_per_mn": MAX_PATHS_PER_MN}
    if name == "mag3":
        config["limits"] = {"max_paths": 0}


class Bounds(WithDomain):
    """Policy by MN, and how many paths there may be: of one MN, of an LMA, of a MAG. The tests go in order, and each
    pair stays held off for longer than they take, so that what is said of it stays what was said first."""

    adjust = staticmethod(bounded)
    more_mns = ("mn3", "mn4", "mn5", "mn6")
    attached = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        for name, mag in AT.items():
            domain.attach(domain.hosts[name], domain.nodes[mag])
        cls.homes = {name: domain.hosts[name].slaac()[0] for name in AT}
        for name, mag in AT.items():
            assert mn_id(domain.hosts[name]) in [b["mn_id"] for b in domain.nodes[mag].bindings()]

    def talk(self, source, to):
        """An MN pings another one, and has answers."""
        self.assertTrue(self.domain.hosts[source].ping(self.homes[to].ip, TALK_PINGS).sequences)

    def localized(self, source, to):
        """The pair talks and has a path: of both MAGs and the LMA."""
        self.talk(source, to)
        ends = {str(self.homes[name].network) for name in (source, to)}
        for node in {"lma", AT[source], AT[to]}:
            wait_for(f"a path of {source} and {to} at {node}", lambda n=node: [
                path for path in self.domain.nodes[n].paths()
                if path["state"] == "active" and {path["source"], path["destination"]} == ends])

    def refused(self, source, to, reason):
        """The pair talks by the LMA, and the LMA says why in one line, of all pairs and of this one."""
        lma = self.domain.lma
        one, two = (str(self.homes[name].network) for name in (source, to))
        self.talk(source, to)
        line = wait_for(f"{source} to {to}: {reason}", lambda: [
            line for line in lma.crowflyctl("paths").stdout.splitlines()
            if one in line and two in line and reason in line])[0]
        shown = lma.crowflyctl("path", "show", self.homes[source].ip, self.homes[to].ip).stdout
        self.assertTrue([line for line in shown.splitlines() if reason in line], shown)
        before, passing = user_packets(lma), 4 * TALK_PINGS  # pings and answers, each in and out of a tunnel
        self.talk(source, to)
        wait_for("all of it by the LMA", lambda: user_packets(lma) - before >= passing)
        self.assertEqual(passing, user_packets(lma) - before)
        self.said = " ".join(line.split())

    def by_hand(self, method, source, to):
        """An operator's word about a pair."""
        ends = {"source": str(self.homes[source].ip), "destination": str(self.homes[to].ip)}
        return self.domain.lma.call(f"path.{method}", **ends)

    def test_l_12_a_mobile_node_that_may_not_be_localized_is_not_from_either_end(self):
        self.refused("mn1", "mn4", "policy of the destination MN")
        self.refused("mn4", "mn5", "policy of the source MN")

    def test_l_12_a_mag_without_room_refuses_and_the_lma_says_who_and_why(self):
        self.refused("mn1", "mn6", "destination's MAG refused: Insufficient resources")

    def test_l_12_one_path_for_a_mobile_node_at_either_end(self):
        self.localized("mn1", "mn2")
        self.refused("mn1", "mn3", "too many paths of the source MN")
        self.refused("mn3", "mn2", "too many paths of the destination MN")

    def test_l_12_two_paths_for_an_lma(self):
        self.localized("mn3", "mn5")
        self.refused("mn2", "mn5", "path table full")

    def test_l_12_an_operator_is_refused_for_the_same_reasons_until_there_is_room(self):
        told = []
        for taken_down, reason in ((None, "path table full"), (("mn3", "mn5"), "too many paths of the destination MN")):
            if taken_down:
                self.by_hand("remove", *taken_down)
            with self.assertRaises(Refused) as refusal:
                self.by_hand("request", "mn5", "mn2")
            told.append(refusal.exception.error["message"])
            self.assertIn(reason, told[-1])
        self.by_hand("remove", "mn1", "mn2")
        self.by_hand("request", "mn5", "mn2")
        self.localized("mn5", "mn2")
        self.said = "; ".join(told)


def not_mn2(name, config):
    """LMA2 does not let its MN be localized; LMA1 knows nothing of that."""
    two_lmas(name, config)
    if name == "lma2":
        config["lma"]["mobile_nodes"] = [{"mn_id": "mn2@lab.example", "localized_routing": False}]


class TheOtherLma(WithTwoLmas):
    """L-12 with two LMAs: each enforces for its own."""

    adjust = staticmethod(not_mn2)

    def test_l_12_the_peer_lma_refuses_for_its_mn_and_both_say_why(self):
        domain, since = self.domain, time.time()
        self.assertTrue(domain.mn1.ping(self.there, 20).sequences)
        told = []
        for name, reason in (("lma", "peer LMA refused: "), ("lma2", "policy of the source MN")):
            told += wait_for(f"{name} says why", lambda n=name, r=reason: [
                line for line in domain.nodes[n].crowflyctl("paths").stdout.splitlines()
                if str(self.one) in line or str(self.two) in line if r in line])
        trigger, ack = domain.expect_order(since, [("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.assertEqual((trigger.sequence, NOT_ALLOWED), (ack.sequence, ack.status))
        self.assertEqual([], [m.name for m in domain.signalling(since) if m.name in ("RO Init", "RO Setup")])
        self.assertEqual([], domain.paths_anywhere())
        self.said = "; ".join(" ".join(line.split()[5:]) for line in told)
