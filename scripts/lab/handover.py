"""Handovers under constant streams, and what every lost packet was lost by.

A handover: the MN is taken off its link, the old MAG is told (`detach`, it de-registers), after `gap_s` the MN is
put on the new link and the new MAG is told (`attach`). Until the new MAG's attach is answered nobody can reach the
MN, with localized routing or without: what is lost in that time is the radio gap's. With `order="attach-first"` the
old MAG is told last, as when it notices nothing.
"""

import threading
import time
from dataclasses import dataclass, field

from . import netns
from .ctl import Ctl
from .domain import (ACCESS_PORT, ADDRESS, ATT_802_3, HI_BETWEEN_MAGS, MAGS, NODES, TWO_LMAS, Domain, mn_id,
                     two_lmas)
from .ledger import account, by_handover, drops, kernel, snapshot
from .relay import Relay, delay
from .shell import Failure, wait_for
from .steps import live_paths
from .stream import Streams

# Kind: (MNs that move, LMAs). MN1 is the source of the path, MN2 its destination.
KINDS = {
    "source moves, one LMA": (("mn1",), 1),
    "destination moves, one LMA": (("mn2",), 1),
    "MN of LMA1 moves, two LMAs": (("mn1",), 2),
    "MN of LMA2 moves, two LMAs": (("mn2",), 2),
    "both move, two LMAs": (("mn1", "mn2"), 2),
}
HOME_MAG = {"mn1": "mag1", "mn2": "mag2"}
SKEWS = 5  # of both MNs' moves, from none to a whole round trip
PATH_LIMIT_S = 15.0
CABLES = 4  # on the longest way, through both LMAs


@dataclass
class Plan:
    """How to move."""

    kind: str
    handovers: int
    rate: int  # packets a second, each way
    localized: bool
    gap_s: float = 0.02  # on no link
    settle_s: float = 1.0  # from one handover to the next
    delay_ms: int = 0  # one way, on each node's cable
    order: str = "detach-first"

    @property
    def movers(self):
        """Names of the MNs that move."""
        return KINDS[self.kind][0]

    @property
    def nodes(self):
        """Names of the nodes."""
        return TWO_LMAS if KINDS[self.kind][1] == 2 else NODES

    def adjust(self, name, config):
        """The nodes' configurations: localized routing on or off, the prefix table of two LMAs."""
        if KINDS[self.kind][1] == 2:
            two_lmas(name, config)
        config["localized_routing"]["enabled"] = self.localized


@dataclass
class Move:
    """One MN's handover; times are wall clock, seconds."""

    mn: str
    old: str
    new: str
    off_s: float = 0.0  # about to leave its link
    on_s: float = 0.0  # on the new link
    attached_s: float = 0.0  # the new MAG has answered
    leaving: threading.Thread | None = None  # tells the old MAG


@dataclass
class Handover:
    """One handover, of one MN or of both at once."""

    moves: list
    drops: dict = field(default_factory=dict)  # by (node, reason)
    path_s: float = 0.0  # from the beginning until both MAGs send to each other

    @property
    def began_s(self):
        """When the first MN left."""
        return min(move.off_s for move in self.moves)


class Mover:
    """Moves MNs of a domain about."""

    def __init__(self, domain, plan):
        self.domain, self.plan = domain, plan
        self.at = dict(HOME_MAG)
        self.ctl = {name: Ctl(node.socket, limit_s=40.0) for name, node in domain.nodes.items()}
        # A connection of its own for detaching: a MAG's answers come in order.
        self.detaching = {name: Ctl(domain.nodes[name].socket, limit_s=40.0) for name in MAGS}
        self.mac = {name: domain.hosts[name].mac() for name in HOME_MAG}
        self.relay = Relay(domain) if plan.delay_ms else None
        if self.relay:
            self.relay.rules(delay(plan.delay_ms))

    def next_moves(self):
        """Each mover goes to the free MAG; when both move, MN2 follows MN1."""
        free = next(mag for mag in MAGS if mag not in self.at.values())
        moves = []
        for mn in self.plan.movers:
            moves.append(Move(mn, self.at[mn], free))
            free, self.at[mn] = self.at[mn], free
        return moves

    def handover(self, number):
        """One handover; returns when the settling time is over."""
        handover = Handover(self.next_moves())
        before = snapshot(self.ctl)
        deadline = time.monotonic() + self.plan.settle_s
        skew_s = CABLES * self.plan.delay_ms / 1000 * (number % SKEWS) / (SKEWS - 1)
        failed = []
        threads = [threading.Thread(target=self._move, args=(move, turn * skew_s, failed))
                   for turn, move in enumerate(handover.moves)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        if self.plan.localized:
            wait_for("the path follows", self.path_follows, PATH_LIMIT_S, 0.02)
            handover.path_s = time.time() - handover.began_s
        for move in handover.moves:
            move.leaving.join()
        time.sleep(max(0.0, deadline - time.monotonic()))
        handover.drops = drops(before, snapshot(self.ctl))
        return handover

    def _move(self, move, wait_s, failed):
        try:
            time.sleep(wait_s)
            self._leave_and_arrive(move)
        except Exception as error:  # noqa: BLE001 - the thread's failure is the handover's
            failed.append(error)

    def _leave_and_arrive(self, move):
        domain, name = self.domain, mn_id(self.domain.hosts[move.mn])
        move.leaving = threading.Thread(
            target=self.detaching[move.old].call, args=("mn.detach",), kwargs={"mn_id": name})
        move.off_s = time.time()
        netns.unplug(domain.radio, move.mn)
        if self.plan.order == "detach-first":
            move.leaving.start()
        time.sleep(self.plan.gap_s)
        netns.plug(domain.radio, move.mn, f"br-{move.new}")
        move.on_s = time.time()
        self.ctl[move.new].call("mn.attach", mn_id=name, link={"port": ACCESS_PORT, "mac": self.mac[move.mn]},
                                att=ATT_802_3, hi=HI_BETWEEN_MAGS)
        move.attached_s = time.time()
        if self.plan.order != "detach-first":
            move.leaving.start()

    def path_follows(self):
        """Whether the MAGs where the MNs are send to each other."""
        one, two = self.at["mn1"], self.at["mn2"]
        for mag, peer in ((one, two), (two, one)):
            active = [path for path in live_paths(self.domain.nodes[mag]) if path["state"] == "active"]
            if [path.get("peer") for path in active] != [str(ADDRESS[peer])]:
                return False
        return True

    def first_path(self):
        """Waits for the path of the streams; without localized routing there must be none."""
        if self.plan.localized:
            wait_for("a path", self.path_follows, PATH_LIMIT_S)
        elif self.domain.paths_anywhere():
            raise Failure("there is a path although localized routing is off")

    def close(self):
        """Closes the connections."""
        for ctl in (*self.ctl.values(), *self.detaching.values()):
            ctl.close()


def measure(lab, binaries, plan, tell=lambda text: None):
    """A domain, its streams, and the plan's handovers; returns what became of every packet."""
    domain = Domain(lab, binaries, plan.adjust, plan.nodes)
    domain.start()
    mover = Mover(domain, plan)
    for mn, mag in HOME_MAG.items():
        domain.attach(domain.hosts[mn], domain.nodes[mag])
    for mn in HOME_MAG:
        domain.hosts[mn].slaac()
    streams = Streams(domain, plan.rate)
    before, kernel_before = snapshot(mover.ctl), kernel(domain)
    streams.start()
    mover.first_path()
    time.sleep(plan.settle_s)
    handovers = []
    for number in range(plan.handovers):
        handovers.append(mover.handover(number))
        tell(f"{number + 1} of {plan.handovers}")
    reports, astray = streams.end()
    whole = account(handovers, before, snapshot(mover.ctl), kernel_before, kernel(domain), reports)
    mover.close()
    each = by_handover(handovers, reports, plan.rate, CABLES * plan.delay_ms / 1000)
    for entry, handover in zip(each, handovers):
        entry["path_s"] = handover.path_s
        entry["moves"] = [f"{move.mn} {move.old}>{move.new}" for move in handover.moves]
        entry["drops"] = {f"{name} {reason}": count for (name, reason), count in handover.drops.items()}
    total = {key: sum(report[key] for report in reports.values())
             for key in ("sent", "received", "duplicated", "reordered", "foreign", "refused")}
    latency = {name: report["latency_ns"] for name, report in reports.items()}
    return total | whole | {"wrong_node": astray, "latency_ns": latency, "each": each}
