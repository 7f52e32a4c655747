"""Which LMA anchors a correspondent: looked up once for the life of a pair (L-15), and what is done without an answer
(L-6)."""

import copy
import json
import time

from e2e.two_lmas import WithTwoLmas
from lab.ctl import Refused
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HNP_POOL_2, MAGS, describe, two_lmas
from lab.shell import run, wait_for
from lab.steps import user_packets

HANDOVERS = 10
LOOKUPS = "pmipv6.peer-lma.lookup"
UNKNOWN = "pmipv6.lr.peer-lma-unknown"
ELSEWHERE = "2001:db8:300::/48"


class OnceForAPair(WithTwoLmas):
    """Three MAGs, two MNs: who moves takes the MAG that is free."""

    def test_l_15_ten_handovers_of_a_pair_and_one_lookup(self):
        domain = self.domain
        before = domain.lma.stats()[LOOKUPS]
        with self.sink(domain.mn2) as taking:
            self.datagram(domain.mn1, self.there)
            taking.recv(100)
        self.active_at("mag1", "mag2", "lma", "lma2")
        self.assertEqual(1, domain.lma.stats()[LOOKUPS] - before)
        at = {"mn1": "mag1", "mn2": "mag2"}
        for number in range(HANDOVERS):
            self.move(at, ("mn1", "mn2")[number % 2])
        self.assertEqual(1, domain.lma.stats()[LOOKUPS] - before, "asked again for a handover")
        self.assertEqual(0, domain.mn1.ping(self.there, 10).lost)
        triggers = len([m for m in domain.signalling() if m.name == "RO Trigger" and m.lifetime])
        self.assertGreaterEqual(triggers, 1 + HANDOVERS // 2, "each handover of MN1 has a trigger of its own")
        self.said = f"{HANDOVERS} handovers, {triggers} triggers, 1 look-up"

    def move(self, at, name):
        """Hands an MN over to the free MAG, and waits for the path."""
        domain, mn = self.domain, self.domain.hosts[name]
        free, = set(MAGS) - set(at.values())
        domain.attach(mn, domain.nodes[free], HI_BETWEEN_MAGS)
        domain.detach(mn, domain.nodes[at[name]])
        at[name] = free
        ends = at["mn1"], at["mn2"]
        wait_for(f"the path follows {name} to {free}", lambda: self.active_at(*ends) == [
            str(ADDRESS[ends[1]]), str(ADDRESS[ends[0]])])


def another_row(name, config):
    """The LMAs know who anchors some prefix, but not who anchors each other's MN."""
    two_lmas(name, config)
    if name == "lma2":
        config["lma"]["peer_lmas"] = []
    if name == "lma":
        config["lma"]["peer_lmas"] = [{"prefix": ELSEWHERE, "lma": str(ADDRESS["lma2"])}]


class WithoutARow(WithTwoLmas):
    """The table has rows, none of them for MN2's prefix."""

    adjust = staticmethod(another_row)

    def test_l_6_no_message_of_localized_routing_and_the_traffic_flows(self):
        domain, since = self.domain, time.time()
        before = user_packets(domain.lma)
        self.assertEqual(0, domain.mn1.ping(self.there, 50).lost)
        self.assertEqual(100, user_packets(domain.lma) - before, "requests and replies at LMA1")
        time.sleep(1.1)  # workers report a pair once a second
        self.assertEqual(0, domain.mn1.ping(self.there, 10).lost)
        self.assertEqual([], [describe(message) for message in self.localized_routing(since)])
        self.assertEqual([], domain.paths_anywhere())

    def test_l_6_who_asks_for_the_path_is_told_and_the_unknown_peer_counted(self):
        lma, since = self.domain.lma, time.time()
        before = lma.stats()
        with self.assertRaises(Refused) as refusal:
            lma.call("path.request", source=str(self.one), destination=str(self.two))
        self.assertEqual("peer-lma-unknown", refusal.exception.error["data"]["name"])
        after = lma.stats()
        self.assertEqual(1, after[UNKNOWN] - before[UNKNOWN])
        self.assertEqual([], self.localized_routing(since))
        self.said = refusal.exception.error["message"]

    def test_l_6_a_row_without_an_lma_is_no_configuration(self):
        node = self.domain.lma
        wrong = copy.deepcopy(node.config)
        wrong["lma"]["peer_lmas"] = [{"prefix": str(HNP_POOL_2)}]
        path = self.lab.state / "no-lma.json"
        path.write_text(json.dumps(wrong))
        done = run(node.binaries / "crowfly", "--", "--config", path, "--check", check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn("peer_lmas", done.stderr + done.stdout)
        self.said = (done.stderr + done.stdout).strip().splitlines()[-1][-120:]
