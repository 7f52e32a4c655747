"""Paths beside the story's: roles swapped, one MAG, the other end moving, a peer that is silent, by hand."""

import signal
import time

from e2e.case import WithDomain
from lab.capture import pair_packets
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HI_NEW
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

STREAM_INTERVAL_S = 0.005


class Paths(WithDomain):
    """Tests in order; each takes down the path that it has made."""

    def path_up(self, since, init_to, setup_to, limit_s=10.0):
        """Waits for the four messages of a set-up and returns them."""
        return self.domain.expect_order(since, [
            ("RO Init", "lma", init_to), ("RO Setup", init_to, setup_to),
            ("RO Setup Ack", setup_to, init_to), ("RO Init Ack", init_to, "lma")], limit_s)

    def no_path(self):
        """Takes the path down at the LMA and waits until it has gone everywhere."""
        domain = self.domain
        domain.lma.call("path.remove", source=str(self.one), destination=str(self.two))
        wait_for("no path anywhere", lambda: not [p for p in domain.paths_anywhere() if p[1]["state"] == "active"], 5)

    def direct(self):
        """No packet of the pair at the LMA."""
        before = user_packets(self.domain.lma)
        result = self.domain.mn1.ping(self.there, 30)
        self.assertEqual((0, 0), (result.lost, user_packets(self.domain.lma) - before))

    def test_l_31_the_first_packet_decides_the_roles(self):
        since = time.time()
        self.domain.mn2.ping(self.here, 3)
        init, setup, *_ = found = self.path_up(since, "mag1", "mag2")
        self.assertEqual((ADDRESS["mag2"], ADDRESS["mag1"]), (init.mag_address(), setup.mag_address()))
        for message in found:
            self.assertEqual([self.two, self.one], message.prefixes())
        self.direct()

    def test_l_45_hl_21_a_path_that_is_removed_loses_no_packet(self):
        stream = self.domain.mn1.start_ping(self.there, STREAM_INTERVAL_S)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 100)
        since, capture = time.time(), self.domain.capture_user("lma", "removed")
        self.no_path()
        time.sleep(1)
        result = stream.stop()
        crossing = pair_packets(capture.packets(), self.one, self.two)
        capture.stop()
        self.assertTrue(crossing, "nothing went through the LMA after the path was removed")
        self.assertEqual((0, 0), (result.lost, result.duplicates))
        ends = [m for m in self.domain.signalling(since) if m.name in ("RO Init", "RO Setup") and m.lifetime == 0]
        self.assertTrue(ends, "no message with lifetime 0")
        self.said = f"{result.sent} pings, {len(crossing)} packets at the LMA afterwards"

    def test_l_36_hl_14_a_silent_mag1_is_rolled_back(self):
        domain, since = self.domain, time.time()
        self.settle_pair()
        domain.mag1.process.send_signal(signal.SIGSTOP)
        try:
            domain.lma.call("path.request", source=str(self.one), destination=str(self.two))
            acks = wait_for("RO Init Ack", lambda: [
                m for m in domain.signalling(since) if m.name == "RO Init Ack" and m.status != 0], 12)
        finally:
            domain.mag1.process.send_signal(signal.SIGCONT)
        setups = [m for m in domain.captures["mag2"].messages(since) if m.name == "RO Setup" and m.lifetime]
        self.assertEqual(132, acks[0].status)
        self.assertEqual(3, len([m for m in setups if m.source == ADDRESS["mag2"]]))
        self.assertEqual([], [p for p in live_paths(domain.mag2) if p["state"] == "active"])
        result = domain.mn1.ping(self.there, 20)
        self.assertEqual(0, result.lost, "both directions have to take the LMA's way")
        self.said = "3 RO Setups, then RO Init Ack 132"

    def settle_pair(self):
        """Makes sure that no path is there and no set-up is under way."""
        time.sleep(0.5)
        wait_for("no path anywhere", lambda: not self.domain.paths_anywhere(), 30, 0.2)


class OtherEndMoves(WithDomain):
    """LS-6: the destination's MN moves."""

    def test_ls_6_l_56_the_destination_moves(self):
        domain = self.domain
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: len(domain.paths_anywhere()) >= 3)
        stream = domain.mn1.start_ping(self.there, 0.01)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 50)
        since = time.time()
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        found = domain.expect_order(since, [
            ("PBU", "mag3", "lma"), ("PBA", "lma", "mag3"), ("RO Init", "lma", "mag3"),
            ("RO Setup", "mag3", "mag1"), ("RO Setup Ack", "mag1", "mag3"), ("RO Init Ack", "mag3", "lma")])
        self.assertEqual(ADDRESS["mag1"], found[2].mag_address())
        domain.detach(domain.mn2, domain.mag2)
        wait_for("the ping goes on", lambda: [r for r in stream.replies() if r[0] > found[-1].time + 0.5])
        result = stream.stop()
        self.said = f"{result.lost} lost, gap {1000 * result.longest_gap_s():.0f} ms"
        self.assertEqual(0, result.duplicates)
        self.assertEqual([], live_paths(domain.mag2))
        before = user_packets(domain.lma)
        after = domain.mn1.ping(self.there, 30)
        self.assertEqual((0, 0), (after.lost, user_packets(domain.lma) - before))

    def test_l_50_a_detach_ends_the_path_at_once(self):
        domain = self.domain
        domain.detach(domain.mn2, domain.mag3)
        wait_for("the path is gone", lambda: not live_paths(domain.mag3), 2)
        wait_for("the other MAG does not send any more", lambda: not [
            path for path in live_paths(domain.mag1) if path["state"] == "active"], 3)


class OneMag(WithDomain):
    """LS-13: both MNs at one MAG."""

    attached = False

    def test_ls_13_hl_26_one_mag_switches_by_itself_after_the_lmas_word(self):
        domain = self.domain
        for mn in (domain.mn1, domain.mn2):
            domain.attach(mn, domain.mag1, HI_NEW)
        for mn in (domain.mn1, domain.mn2):
            mn.slaac()
        there, two = domain.home(domain.mn2)
        _, one = domain.home(domain.mn1)
        since = time.time()
        first = domain.mn1.ping(there, 5)
        init, ack = domain.expect_order(since, [("RO Init", "lma", "mag1"), ("RO Init Ack", "mag1", "lma")])
        self.assertEqual((0, 0), (first.lost, ack.status))
        self.assertEqual(ADDRESS["mag1"], init.mag_address())
        self.assertEqual([one, two], init.prefixes())
        self.assertEqual([], [m for m in domain.signalling(since) if m.name.startswith("RO Setup")])
        before = user_packets(domain.lma)
        result = domain.mn1.ping(there, 50)
        self.assertEqual((0, 0), (result.lost, user_packets(domain.lma) - before))
