"""MN1 of LMA1 and MN2 of LMA2: who is asked by whom, in which order, and what the LMAs then see of the pair."""

import signal
import threading
import time

from e2e.two_lmas import LMAS, WithTwoLmas, two_lmas
from lab import netns
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HNP_POOL, HNP_POOL_2, describe
from lab.shell import Failure, run, wait_for
from lab.steps import LIFETIME_S, live_paths

DENIED, NOT_ATTACHED, PEER_MAG_REFUSED, ROLE_CONFLICT = 128, 129, 132, 134


class TwoLmas(WithTwoLmas):
    """One pair from its first packet on; the tests go in order."""

    def test_ls_2_l_38_l_39_l_40_six_messages_set_up_a_path(self):
        self.assertTrue(self.one.subnet_of(HNP_POOL) and self.two.subnet_of(HNP_POOL_2))
        captures, since = list(self.captures_at_lmas("first")), time.time()
        with self.sink(self.domain.mn2) as taking:
            self.datagram(self.domain.mn1, self.there)
            self.assertEqual(str(self.here), taking.recvfrom(100)[1][0])
        trigger, init, setup, *_, init_ack, trigger_ack = found = self.exactly(since, [
            ("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"),
            ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.assertEqual([1, 1, 1, 1], self.at_lmas(captures), "the first packet crosses both LMAs once")
        self.assertLess(init_ack.time, trigger_ack.time)
        self.assertEqual(6, len(self.localized_routing(since)), "nothing came after the last ack either")
        self.assertEqual([ADDRESS["mag1"], ADDRESS["mag1"], ADDRESS["mag2"]],
                         [message.mag_address() for message in (trigger, init, setup)])
        for message in found[1:]:
            self.assertEqual([self.one, self.two], message.prefixes())
        self.assertEqual([str(ADDRESS["mag2"]), str(ADDRESS["mag1"])], self.active_at("mag1", "mag2"))
        self.active_at(*LMAS)

    def test_ls_2_no_packet_of_the_pair_at_either_lma(self):
        self.direct("direct")

    def test_l_8_each_mag_refreshes_at_its_own_lma(self):
        domain, since = self.domain, time.time()
        stream = self.running_ping()
        wait_for("a refresh from each MAG", lambda: len(
            {m.source for m in domain.signalling(since) if m.name == "RO Refresh"}) == 2, LIFETIME_S + 5, 0.5)
        time.sleep(0.5)
        seen = [describe(message) for message in self.localized_routing(since)]
        self.assertEqual({"RO Refresh mag1>lma", "RO Refresh Ack lma>mag1",
                          "RO Refresh mag2>lma2", "RO Refresh Ack lma2>mag2"}, set(seen))
        refused = [m.status for m in domain.signalling(since) if m.name == "RO Refresh Ack" and m.status]
        self.assertEqual((0, []), (stream.result().lost, refused))
        stream.stop()
        self.said = f"{len(seen)} messages, none between the LMAs"

    def test_ls_4_l_52_l_53_l_54_mn1_moves_and_lma1_triggers_again(self):
        domain, stream = self.domain, self.running_ping()
        pbu, pba, trigger, init, setup, *_ = self.moved(domain.mn1, domain.mag1, domain.mag3, stream, [
            ("PBU", "mag3", "lma"), ("PBA", "lma", "mag3"), ("RO Trigger", "lma", "lma2"),
            ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag3"), ("RO Setup Ack", "mag3", "mag2"),
            ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        stream.stop()
        self.assertEqual(pbu.sequence, pba.sequence)
        self.assertEqual([ADDRESS["mag3"], ADDRESS["mag3"], ADDRESS["mag2"]],
                         [message.mag_address() for message in (trigger, init, setup)])
        self.assertEqual([str(ADDRESS["mag3"]), str(ADDRESS["mag2"])], self.active_at("mag2", "mag3"))
        self.direct("mn1-moved")

    def test_ls_5_l_55_mn2_moves_and_no_trigger_is_sent(self):
        domain, stream = self.domain, self.running_ping()
        *_, init, setup, _, _ = self.moved(domain.mn2, domain.mag2, domain.mag1, stream, [
            ("PBU", "mag1", "lma2"), ("PBA", "lma2", "mag1"), ("RO Init", "lma2", "mag1"),
            ("RO Setup", "mag1", "mag3"), ("RO Setup Ack", "mag3", "mag1"), ("RO Init Ack", "mag1", "lma2")])
        stream.stop()
        self.assertEqual([ADDRESS["mag3"], ADDRESS["mag1"]], [init.mag_address(), setup.mag_address()])
        self.assertEqual([], [m for m in self.localized_routing(init.time) if m.name.startswith("RO Trigger")])
        self.assertEqual([str(ADDRESS["mag1"]), str(ADDRESS["mag3"])], self.active_at("mag3", "mag1"))
        self.direct("mn2-moved")

    def test_ls_13_hl_26_mn1_joins_mn2_at_one_mag(self):
        domain, stream = self.domain, self.running_ping()
        *_, trigger, init, _, _ = self.moved(domain.mn1, domain.mag3, domain.mag1, stream, [
            ("PBU", "mag1", "lma"), ("PBA", "lma", "mag1"), ("RO Trigger", "lma", "lma2"),
            ("RO Init", "lma2", "mag1"), ("RO Init Ack", "mag1", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        stream.stop()
        self.assertEqual([ADDRESS["mag1"], ADDRESS["mag1"]], [trigger.mag_address(), init.mag_address()])
        self.direct("one-mag")

    def test_ls_12_l_57_both_move_at_once(self):
        domain, stream = self.domain, self.running_ping()
        since = time.time()
        moves = [threading.Thread(target=domain.attach, args=(mn, mag, HI_BETWEEN_MAGS))
                 for mn, mag in ((domain.mn1, domain.mag3), (domain.mn2, domain.mag2))]
        for move in moves:
            move.start()
        for move in moves:
            move.join()
        domain.expect_order(since, [
            ("PBU", "mag3", "lma"), ("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        for mn in (domain.mn1, domain.mn2):
            domain.detach(mn, domain.mag1)
        wait_for("MAG2 and MAG3 send to each other", lambda: self.active_at("mag2", "mag3") == [
            str(ADDRESS["mag3"]), str(ADDRESS["mag2"])])
        moment = time.time()
        wait_for("the ping goes on", lambda: [r for r in stream.replies() if r[0] > moment + 0.5])
        result = stream.result()
        stream.stop()
        self.assertEqual((0, []), (result.duplicates, live_paths(domain.mag1)))
        inits = [m for m in self.localized_routing(since) if m.name == "RO Init"]
        self.assertEqual({ADDRESS["lma2"]}, {m.source for m in inits})
        self.said = f"{len(inits)} RO Init; {result.lost} lost, gap {1000 * result.longest_gap_s():.0f} ms"
        self.direct("both-moved")


class Crossed(WithTwoLmas):
    """What goes otherwise than in the figures."""

    def test_l_41_a_destination_that_lma2_does_not_know_is_refused(self):
        domain, since = self.domain, time.time()
        nobody = HNP_POOL_2[0x99 << 64] + 1
        self.datagram(domain.mn1, nobody)
        trigger, ack = domain.expect_order(since, [("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.assertEqual((NOT_ATTACHED, trigger.sequence), (ack.status, ack.sequence))
        self.assertEqual([], domain.paths_anywhere())
        time.sleep(1.1)  # LMA1's workers report a pair once a second
        self.datagram(domain.mn1, nobody)
        self.assertEqual(2, len(self.localized_routing(since)), "the pair is held off")
        why = [path["why"] for path in domain.lma.paths() if path["state"] == "none"]
        self.assertIn("not attached", why[0])
        self.said = why[0]

    def test_ls_14_hl_16_crossed_triggers_end_with_one_controller(self):
        """LMA2 is cut off until both LMAs have noticed the pair: the triggers that cross are the second ones."""
        time.sleep(1.1)  # LMA1's workers report one pair of an MN with a peer LMA's homes a second
        domain, since = self.domain, time.time()
        run("ip", "-n", domain.core, "link", "set", "lma2", "nomaster")
        try:
            domain.lma2.call("path.request", source=str(self.two), destination=str(self.one))
            self.datagram(domain.mn1, self.there)
            domain.expect_order(since, [("RO Trigger", "lma", "lma2")])
        finally:
            netns.plug(domain.core, "lma2", "br0")
        domain.expect_order(since, [("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        wanted = {(ADDRESS["lma"], ROLE_CONFLICT), (ADDRESS["lma2"], 0)}
        try:
            found = wait_for("both acks", lambda: wanted == {
                (m.source, m.status) for m in self.localized_routing(since) if m.name == "RO Trigger Ack"
            } and self.localized_routing(since), 5)
        except Failure:
            self.fail([(describe(m), m.time - since, m.status) for m in self.localized_routing(since)])
        self.assertEqual({ADDRESS[name] for name in LMAS}, {m.source for m in found if m.name == "RO Trigger"})
        self.assertEqual(["RO Init lma2>mag2"], [describe(m) for m in found if m.name == "RO Init"])
        for name in LMAS:
            controllers = [path["controller"] for path in live_paths(domain.nodes[name])]
            self.assertEqual([str(ADDRESS["lma2"])], controllers, name)
        self.said = ", ".join(map(describe, found))
        self.direct("crossed")

    def test_hl_21_hl_14_a_path_removed_at_lma1_stays_away_though_lma2_notices_the_pair(self):
        domain, since, before = self.domain, time.time(), {name: self.held_off(name) for name in LMAS}
        stream = self.running_ping()
        domain.lma.call("path.remove", source=str(self.one), destination=str(self.two))
        wait_for("both LMAs notice the pair", lambda: all(self.held_off(name) > before[name] for name in LMAS), 10)
        self.assertEqual([], domain.paths_anywhere())
        path = domain.lma2.call("path.show", source=str(self.two), destination=str(self.one))
        self.assertIn("ended by the peer LMA; held off for", path["why"])
        self.assertEqual([], [m for m in self.localized_routing(since) if m.name == "RO Trigger" and m.lifetime])
        domain.lma.call("path.request", source=str(self.one), destination=str(self.two))
        self.active_at("mag1", "mag2", *LMAS)
        self.assertEqual(0, stream.result().lost)
        stream.stop()
        self.said = path["why"]

    def held_off(self, name):
        """How often an LMA has left a pair alone that it noticed."""
        return self.domain.nodes[name].call("stats")["counters"]["pmipv6.lr.held-off"]

    def test_l_40_a_failure_at_the_mags_reaches_lma1(self):
        domain = self.domain
        domain.lma2.call("path.remove", source=str(self.one), destination=str(self.two))
        wait_for("no path anywhere", lambda: not domain.paths_anywhere(), 30, 0.2)
        since = time.time()
        domain.mag1.process.send_signal(signal.SIGSTOP)
        try:
            domain.lma.call("path.request", source=str(self.one), destination=str(self.two))
            *_, init_ack, trigger_ack = domain.expect_order(since, [
                ("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"),
                ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")], 15)
        finally:
            domain.mag1.process.send_signal(signal.SIGCONT)
        self.assertEqual((PEER_MAG_REFUSED, PEER_MAG_REFUSED), (init_ack.status, trigger_ack.status))
        found = [m for m in self.localized_routing(since) if m.name == "RO Trigger"]
        self.assertEqual(1, len({m.sequence for m in found}), "while it is pending there is one trigger only")
        wait_for("no path anywhere", lambda: not [p for p in domain.paths_anywhere() if p[1]["state"] == "active"])
        self.assertEqual(0, domain.mn1.ping(self.there, 20).lost, "both directions take the LMAs' way")


def mags_ask(name, config):
    """Only the MAGs notice pairs; LMA1 lets them ask, LMA2 does not."""
    two_lmas(name, config)
    settings = config["localized_routing"]
    settings["mag_requested"] = name != "lma2"
    if name in LMAS:
        settings["detect"] = {"after_packets": 1_000_000}


class MagRequested(WithTwoLmas):
    """LS-8: a MAG asks; its MN's LMA proceeds, or denies."""

    adjust = staticmethod(mags_ask)

    def test_l_72_ls_8_lma2_denies(self):
        domain, since = self.domain, time.time()
        with self.sink(domain.mn1) as taking:
            self.datagram(domain.mn2, self.here)
            taking.recv(100)
        _, ack = domain.expect_order(since, [("RO Request", "mag2", "lma2"), ("RO Request Ack", "lma2", "mag2")])
        self.assertEqual(DENIED, ack.status)
        self.assertEqual(2, len(self.localized_routing(since)))
        self.assertEqual([], domain.paths_anywhere())

    def test_l_71_l_73_ls_8_lma1_proceeds(self):
        domain, since = self.domain, time.time()
        with self.sink(domain.mn2) as taking:
            self.datagram(domain.mn1, self.there)
            taking.recv(100)
        self.exactly(since, [
            ("RO Request", "mag1", "lma"), ("RO Request Ack", "lma", "mag1"), ("RO Trigger", "lma", "lma2"),
            ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"), ("RO Setup Ack", "mag1", "mag2"),
            ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.direct("asked")
