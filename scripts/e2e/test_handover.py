"""Streams across handovers: localized routing must not lose what the LMA's way would not have lost.

A short `bench/handover`: the same handovers without localized routing and with it, every packet accounted for.
"""

import unittest

from e2e.case import LIMIT_S, binaries
from lab.handover import Plan, measure
from lab.run import Run

RATE = 1_000
HANDOVERS = 3
SETTLE_S = 0.7
DELAY_MS = 5
# Packets on their way when a path changes may be lost with it: half the round trip of a lab whose nodes share
# their cores with others.
IN_FLIGHT_S = 0.02
# Frames of neighbour discovery and multicast listening that hosts send while they move.
NOT_OF_STREAMS_PER_MOVE = 4


class Handovers(unittest.TestCase):
    """Each test compares two domains."""

    said = ""

    def run_kind(self, kind, localized, delay_ms):
        """The handovers of a kind."""
        lab = Run(LIMIT_S)
        try:
            plan = Plan(kind, HANDOVERS, RATE, localized, settle_s=SETTLE_S, delay_ms=delay_ms)
            return measure(lab, binaries(), plan)
        finally:
            lab.close()

    def compare(self, kind, delay_ms=0):
        """Without and with localized routing."""
        anchored, localized = (self.run_kind(kind, on, delay_ms) for on in (False, True))
        outside = [sum(entry["lost_outside_gap"] for entry in found["each"]) for found in (anchored, localized)]
        self.said = (f"{anchored['lost']} of {anchored['sent']} lost through the LMA, {localized['lost']} of "
                     f"{localized['sent']} localized; outside the radio gap {outside[0]} and {outside[1]}")
        for found in (anchored, localized):
            self.assertEqual((0, 0, 0), (found["duplicated"], found["wrong_node"], found["foreign"]))
            moves = sum(len(entry["moves"]) for entry in found["each"])
            self.assertLessEqual(abs(found["unexplained"]), NOT_OF_STREAMS_PER_MOVE * moves, found["causes"])
        in_flight = HANDOVERS * RATE * (IN_FLIGHT_S + delay_ms / 1000)
        self.assertLessEqual(outside[1], outside[0] + in_flight, localized["causes"])

    def test_hl_34_l_51_the_source_moves_and_nothing_is_lost_that_the_lma_would_not_lose(self):
        self.compare("source moves, one LMA")

    def test_l_14_ls_12_both_move_within_a_round_trip_and_nothing_comes_twice_or_astray(self):
        self.compare("both move, two LMAs", DELAY_MS)
