"""LS-15 with one LMA: every message of localized routing lost once, late, twice, overtaken, and lost for ever.

The outcome is the draft's: a request is repeated, a step that fails is rolled back, a message that comes twice or too
late changes nothing, and at no time is a ping lost or at a wrong node.
"""

import time

from e2e.losses import (LOST, MISFORTUNES, NAME, PEER_MAG_REFUSED, SETUP_KINDS, SETUP_MS, TRIES, TWICE, WithLosses,
                        add, first, request_of, short_timers)
from lab import mh, pcap
from lab.domain import ADDRESS, HI_BETWEEN_MAGS
from lab.relay import delay, drop, duplicate
from lab.shell import wait_for

REFRESHED_LIFETIME_S = 3
# One MAG's lifetime, the receiving half's of the other, and the LMA's own look at the far end.
FALL_BACK_LIFETIMES = 5


class Lost(WithLosses):
    """A set-up with one LMA."""


add(Lost, SETUP_KINDS, MISFORTUNES)


class LostForEver(WithLosses):
    """What is rolled back, and how."""

    def given_up(self, kind):
        """Asks for a path of which all messages of a kind are lost, but not the answers to what then ends it; waits
        until nobody sends on it."""
        since = time.time()
        self.relay.rules(first(kind, LOST, TRIES))
        self.ask("path.request")
        wait_for(f"{NAME[request_of(kind)]} is given up", lambda: len(self.sent(since, request_of(kind))) >= TRIES, 8)
        time.sleep(TRIES * SETUP_MS / 1000)
        wait_for("nobody sends past the anchor", self.anchored, 8)
        self.unharmed()
        self.assertEqual(TRIES, len(self.sent(since, request_of(kind))))
        return since

    def refused(self, since):
        """RO Init Ack says why; an RO Init that a slow LMA has repeated gets the same answer."""
        acks = wait_for("RO Init Ack", lambda: self.sent(since, mh.RO_INIT_ACK), 8)
        self.assertEqual({PEER_MAG_REFUSED}, {m.status for m in acks})
        self.assertEqual(1, len({m.sequence for m in acks}))

    def test_ls_15_l_36_ro_setup_lost_for_ever_is_rolled_back(self):
        self.refused(self.given_up(mh.RO_SETUP))

    def test_ls_15_l_36_ro_setup_ack_lost_for_ever_is_rolled_back(self):
        since = self.given_up(mh.RO_SETUP_ACK)
        self.refused(since)
        ends = [m for m in self.domain.signalling(since) if m.type == mh.RO_SETUP and m.lifetime == 0]
        self.assertTrue(ends, "MAG1, which had agreed, was not told that it is over")

    def test_ls_15_ro_init_lost_for_ever_leaves_the_lmas_path(self):
        since = self.given_up(mh.RO_INIT)
        self.assertEqual([], self.sent(since, mh.RO_SETUP))

    def test_ls_15_after_all_that_a_path_comes_up(self):
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        self.unharmed()


class LostInHandover(WithLosses):
    """MN1 goes to and fro between MAG1 and MAG3, and one message of what follows it is lost."""

    at = "mag1"

    def tearDown(self):
        self.relay.rules()
        self.stream.process.kill()  # what a handover costs is test_handover's

    def follows(self, kind):
        """A handover; the path follows although a message is lost."""
        domain, peers = self.domain, {"mag1": [], "mag2": [], "mag3": []}
        if not any(self.peers().values()):
            self.ask("path.request")
            wait_for("the path is up", self.direct, 8)
        old, new = self.at, {"mag1": "mag3", "mag3": "mag1"}[self.at]
        type(self).at, since = new, time.time()
        self.relay.rules(first(kind, LOST))
        domain.attach(domain.mn1, domain.nodes[new], HI_BETWEEN_MAGS)
        domain.detach(domain.mn1, domain.nodes[old])
        peers |= {new: [str(ADDRESS["mag2"])], "mag2": [str(ADDRESS[new])]}
        wait_for("the path follows", lambda: self.peers() == peers, 8)
        self.assertEqual([1], self.relay.taken())
        pings = domain.mn1.ping(self.there, 20)
        self.assertEqual((0, 0), (pings.lost, self.stream.result().duplicates))
        self.assertEqual([], [frame for capture in self.astray for frame in pcap.frames(capture.path)], "astray")
        self.said = f"{len(self.sent(since, request_of(kind)))} sent"


for number in SETUP_KINDS:
    def follows(self, kind=number):
        self.follows(kind)
    setattr(LostInHandover, f"test_ls_15_l_48_{NAME[number]}_lost_in_a_handover_is_repeated", follows)


class Storm(WithLosses):
    """Many misfortunes at once."""

    def test_ls_15_a_path_comes_up_through_a_storm(self):
        """A third of all messages is lost, the others are late by up to twice a retransmission, some come twice."""
        ups = 0
        for _ in range(5):
            self.relay.rules(
                drop(next_header=135, percent=20), duplicate(1, after_ms=30, next_header=135, percent=20),
                delay(0, jitter_ms=2 * SETUP_MS, next_header=135))
            self.ask("path.request")
            time.sleep(1.5)
            self.relay.rules()
            wait_for("one or the other", lambda: self.direct() or self.anchored(), 8)
            ups += self.direct()
            self.remove()
        self.unharmed()
        self.said = f"{ups} of 5 came up"

    def test_ls_15_hl_17_an_end_that_is_overtaken_by_a_new_beginning_ends_nothing(self):
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        self.relay.rules(first(mh.RO_INIT, delay(400)))
        self.ask("path.remove")
        wait_for("the end is held", lambda: self.relay.taken() == [1])
        self.ask("path.request")
        wait_for("nothing is held any more", lambda: self.relay.status()["held"] == 0)
        wait_for("the path is up", self.direct, 8)
        time.sleep(0.5)
        self.assertTrue(self.direct(), self.domain.paths_anywhere())
        self.unharmed()


def short_lifetime(name, config):
    """Refreshes are due every two seconds."""
    short_timers(name, config)
    config["localized_routing"]["lifetime_s"] = REFRESHED_LIFETIME_S


class Refreshes(WithLosses):
    """Both MAGs refresh at their LMA while the ping runs."""

    adjust = staticmethod(short_lifetime)

    def through(self, kind, rule):
        """One message of a kind has a misfortune; the path outlives it."""
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        since = time.time()
        self.relay.rules(first(kind, rule))
        wait_for("the rule had its message", lambda: self.relay.taken() == [1], 6)
        sender = next(m for m in self.sent(since, kind))
        mag = sender.source if kind == mh.RO_REFRESH else sender.destination
        time.sleep(3.2)
        self.assertTrue(self.direct(), f"the path did not stay: {self.domain.paths_anywhere()}")
        self.unharmed()
        again = [m for m in self.sent(since, mh.RO_REFRESH)
                 if m.source == mag and m.sequence == sender.sequence]
        self.said = f"sent {len(again)} times"
        return len(again)

    def test_ls_15_l_44_ro_refresh_lost_once_is_repeated(self):
        self.assertEqual(2, self.through(mh.RO_REFRESH, LOST))

    def test_ls_15_l_44_ro_refresh_ack_lost_once_is_repeated(self):
        self.assertEqual(2, self.through(mh.RO_REFRESH_ACK, LOST))

    def test_ls_15_ro_refresh_twice_changes_nothing(self):
        self.assertEqual(1, self.through(mh.RO_REFRESH, TWICE))

    def test_ls_15_l_45_refreshes_lost_for_ever_end_the_path_without_loss(self):
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        self.relay.rules(drop(mh=mh.RO_REFRESH))
        wait_for("nobody sends past the anchor", self.anchored, 8)
        time.sleep(0.5)
        self.unharmed()


    def test_ls_15_mags_that_are_cut_off_from_each_other_fall_back_to_the_lma(self):
        """The LMA reaches both, so both are granted refreshes; still the path must not last."""
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        began = time.time()
        self.relay.rules(drop(source="mag1", destination="mag2"), drop(source="mag2", destination="mag1"))
        wait_for("pings go through the LMA", lambda: [r for r in self.stream.replies() if r[0] > began + 1],
                 FALL_BACK_LIFETIMES * REFRESHED_LIFETIME_S)
        self.said = f"after {time.time() - began:.1f} s, lifetime {REFRESHED_LIFETIME_S} s"
        self.assertTrue(self.anchored())
        self.stream.process.kill()  # what it has lost is lost


def mags_ask(name, config):
    """Only MAG1 notices pairs, and asks."""
    short_timers(name, config)
    config["localized_routing"]["mag_requested"] = name in ("lma", "mag1")


class Requests(WithLosses):
    """L-71: MAG1 asks its LMA."""

    adjust = staticmethod(mags_ask)

    def test_ls_15_l_71_ro_request_and_its_ack_lost_once_are_repeated(self):
        """The ping of `setUp` has asked already; what is asked again after an end is what counts."""
        wait_for("the path is up", self.direct, 8)
        for kind in (mh.RO_REQUEST, mh.RO_REQUEST_ACK):
            with self.subTest(message=NAME[kind]):
                self.relay.rules(first(kind, LOST))
                since = time.time()
                self.ask("path.remove")
                wait_for("the rule had its message", lambda: self.relay.taken() == [1], 10)
                wait_for("the path is up", self.direct, 10)
                wait_for("the request is repeated", lambda: self.repetitions(since) == 2, 3)
        self.unharmed()

    def repetitions(self, since):
        """How often the first request since a time was sent."""
        sent = self.sent(since, mh.RO_REQUEST)
        return len([m for m in sent if m.sequence == sent[0].sequence])

    def tearDown(self):
        self.relay.rules()
        if not self.stream.process.poll():
            self.stream.process.kill()
        self.remove()
