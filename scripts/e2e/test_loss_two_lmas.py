"""LS-15 with two LMAs: LMA1 triggers, LMA2 controls, and any message of theirs may be lost, late or come twice."""

import time

from e2e.losses import (LATE, LOST, MISFORTUNES, PEER_MAG_REFUSED, ROLE_CONFLICT, SETUP_KINDS, TRIES, TRIGGER_MS,
                        WithLosses, add, first, short_timers)
from lab import mh
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, TWO_LMAS, two_lmas
from lab.relay import FROM_NODE, delay, drop
from lab.shell import wait_for

TRIGGER_KINDS = (mh.RO_TRIGGER, mh.RO_TRIGGER_ACK)


def two_lmas_short_timers(name, config):
    """Both."""
    two_lmas(name, config)
    short_timers(name, config)


class TwoLmasLost(WithLosses):
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


    def test_ls_15_l_52_a_handover_of_which_lma2_never_hears_ends_the_path(self):
        """LMA1's trigger is lost for ever; MAG1, which MN1 has left, ends the path, and both LMAs' way is open."""
        domain = self.domain
        self.ask("path.request")
        wait_for("the path is up", self.direct, 8)
        self.relay.rules(drop(mh=mh.RO_TRIGGER, source="lma"))
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach(domain.mn1, domain.mag1)
        try:
            wait_for("MAG2 does not send to MAG1", lambda: str(ADDRESS["mag1"]) not in self.peers()["mag2"], 8)
            self.assertEqual(0, domain.mn1.ping(self.there, 20).lost)
        finally:
            self.relay.rules()
            domain.attach(domain.mn1, domain.mag1, HI_BETWEEN_MAGS)
            domain.detach(domain.mn1, domain.mag3)
        self.assertEqual(0, self.stream.stop().duplicates)


add(TwoLmasLost, SETUP_KINDS, [it for it in MISFORTUNES if it[1] is not LATE])
add(TwoLmasLost, TRIGGER_KINDS, MISFORTUNES)
