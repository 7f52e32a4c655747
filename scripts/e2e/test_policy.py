"""Who may have a path, and when: policy of the LMA, read by the operator in one line, changed while it runs.

draft-loureiro section 8: the LMA enforces. Rows L-3 (detection), L-12 (policy).
"""

import time

from e2e.case import WithDomain
from lab.domain import ADDRESS, HI_BETWEEN_MAGS
from lab.shell import wait_for
from lab.steps import user_packets

AFTER_BYTES, WITHIN_S = 20_000, 4
SMALL_PINGS, SMALL_INTERVAL_S = 250, 0.04
LARGE_PINGS, LARGE = 60, 1_100


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
        self.assertIn(reason, wait_for("the reason", lambda: reason in self.why() and self.why()))
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
        self.talk()
        wait_for("the path", self.active)
        self.end()

    def test_l_12_a_denied_peer_keeps_the_pair_with_the_lma_until_policy_changes(self):
        self.policy(denied_peers=[str(ADDRESS["mag2"])])
        self.refused("policy of the destination's MAG")
        self.policy(denied_peers=[])
        self.talk()
        wait_for("the path", self.active)
        self.end()

    def test_l_12_a_denied_prefix_ends_the_path_and_keeps_the_pair_with_the_lma(self):
        self.talk()
        wait_for("the path", self.active)
        self.policy(denied=[str(self.two)])
        wait_for("no path anywhere", lambda: not self.active())
        self.refused("policy")
        self.end()

    def test_l_47_a_path_does_not_follow_its_mn_to_a_denied_mag(self):
        domain = self.domain
        self.talk()
        wait_for("the path", self.active)
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
