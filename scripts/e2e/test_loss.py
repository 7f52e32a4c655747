"""LS-15: every message of localized routing lost once, late, twice, overtaken, and lost for ever; one and two LMAs.

The outcome is the draft's: a request is repeated, a step that fails is rolled back, a message that comes twice or too
late changes nothing, and at no time is a ping lost or at a wrong node.
"""

import time

from e2e.losses import (INIT_MS, LATE, LOST, NAME, SETUP_MS, TRIES, TRIGGER_MS, TWICE, WithLosses, first,
                        request_of, short_timers)
from lab import mh
from lab.domain import ADDRESS, TWO_LMAS, two_lmas
from lab.relay import FROM_NODE, delay, drop, duplicate
from lab.shell import wait_for

PEER_MAG_REFUSED, ROLE_CONFLICT, IN_PLACE = 132, 134, 1
REFRESHED_LIFETIME_S = 3
# One MAG's lifetime, the receiving half's of the other, and the LMA's own look at the far end.
FALL_BACK_LIFETIMES = 5
SETUP_KINDS = (mh.RO_INIT, mh.RO_SETUP, mh.RO_SETUP_ACK, mh.RO_INIT_ACK)
TRIGGER_KINDS = (mh.RO_TRIGGER, mh.RO_TRIGGER_ACK)


class Lost(WithLosses):
    """A set-up with one LMA."""

    def up(self, kind, rule, repeated):
        """Asks for a path while a rule is at work: it comes up, and the request was sent so often."""
        since = time.time()
        self.relay.rules(first(kind, rule))
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        wait_for("the rule had its message", lambda: self.relay.taken() == [1])
        wait_for("nothing is held any more", lambda: self.relay.status()["held"] == 0)
        time.sleep(INIT_MS / 1000)
        self.assertTrue(self.direct(), f"the path did not stay: {self.domain.paths_anywhere()}")
        if repeated:
            wait_for("the request is repeated", lambda: len(self.sent(since, request_of(kind))) > 1, 3)
        requests = self.sent(since, request_of(kind))
        self.assertEqual(repeated, len(requests) > 1, f"{len(requests)} of {NAME[request_of(kind)]} were sent")
        self.assertEqual(1, len({m.sequence for m in requests}), "a repetition is the same message")
        refused = [m.name for m in self.domain.signalling(since) if m.type in (
            mh.RO_INIT_ACK, mh.RO_SETUP_ACK, mh.RO_TRIGGER_ACK) and m.status > IN_PLACE]
        self.assertEqual([], refused)
        self.unharmed()
        self.said = f"{len(requests)} sent"


def add(cls, kinds, rules):
    """A test for each kind of message and each misfortune."""
    for how, rule, repeated in rules:
        for kind in kinds:
            def test(self, kind=kind, rule=rule, repeated=repeated):
                self.up(kind, rule, repeated)
            setattr(cls, f"test_ls_15_{NAME[kind]}_{how}", test)


MISFORTUNES = (("lost_once_is_repeated", LOST, True), ("late_is_overtaken_by_its_repetition", LATE, True),
               ("twice_changes_nothing", TWICE, False))
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
        """RO Init Ack says why."""
        acks = wait_for("RO Init Ack", lambda: self.sent(since, mh.RO_INIT_ACK), 8)
        self.assertEqual([PEER_MAG_REFUSED], [m.status for m in acks])

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


def two_lmas_short_timers(name, config):
    """Both."""
    two_lmas(name, config)
    short_timers(name, config)


class TwoLmasLost(Lost):
    """A set-up with two LMAs: LMA1 triggers, LMA2 controls."""

    adjust = staticmethod(two_lmas_short_timers)
    nodes = TWO_LMAS

    def test_ls_15_ro_trigger_lost_for_ever_leaves_the_lmas_path(self):
        since = time.time()
        self.relay.rules(drop(mh=mh.RO_TRIGGER))
        self.ask("path.request")
        wait_for("RO Trigger is given up", lambda: len(self.sent(since, mh.RO_TRIGGER)) == TRIES, 8)
        self.assertTrue(self.anchored())
        self.assertEqual([], self.sent(since, mh.RO_INIT))
        self.unharmed()

    def test_ls_14_hl_16_triggers_that_cross_end_with_one_controller(self):
        """Both LMAs are asked, and each has sent its trigger before it gets the other's."""
        since = time.time()
        self.relay.rules(delay(TRIGGER_MS // 2, mh=mh.RO_TRIGGER, way=FROM_NODE))
        self.ask("path.request")
        self.domain.lma2.call("path.request", source=str(self.two), destination=str(self.one))
        wait_for("the path is up", self.direct, 8)
        wait_for("both triggers are answered", lambda: len(self.sent(since, mh.RO_TRIGGER_ACK)) == 2, 5)
        acks = {m.source: m.status for m in self.sent(since, mh.RO_TRIGGER_ACK)}
        self.assertEqual({ADDRESS["lma"]: ROLE_CONFLICT, ADDRESS["lma2"]: 0}, acks)
        self.assertEqual({ADDRESS["lma2"]}, {m.source for m in self.sent(since, mh.RO_INIT)})
        self.unharmed()

    def test_ls_15_ro_init_ack_lost_for_ever_ends_in_one_way_for_both(self):
        since = time.time()
        self.relay.rules(first(mh.RO_INIT_ACK, LOST, TRIES))
        self.ask("path.request")
        acks = wait_for("RO Trigger Ack", lambda: self.sent(since, mh.RO_TRIGGER_ACK), 8)
        self.assertEqual([PEER_MAG_REFUSED], [m.status for m in acks])
        time.sleep(1)
        wait_for("both or none", lambda: self.direct() or self.anchored(), 8)
        self.unharmed()
        self.said = "direct" if self.direct() else "through the LMAs"


for name in [name for name in vars(Lost) if name.startswith("test_")]:
    if "lost_once" in name or "twice" in name:
        setattr(TwoLmasLost, name, getattr(Lost, name))
add(TwoLmasLost, TRIGGER_KINDS, MISFORTUNES)


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
                sent = self.sent(since, mh.RO_REQUEST)
                self.assertEqual(2, len([m for m in sent if m.sequence == sent[0].sequence]))
        self.unharmed()

    def tearDown(self):
        self.relay.rules()
        if not self.stream.process.poll():
            self.stream.process.kill()
        self.remove()
