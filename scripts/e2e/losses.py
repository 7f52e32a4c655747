"""What the tests of lost, late, repeated and overtaken messages share (LS-15).

Paths come and go by command alone, so that every message has its cause; all the while MN1 pings MN2, and whatever
happens to a message, no ping may be lost: a pair is on the direct path or on the LMA's, never on none. Timers are short
and in the draft's proportion: a step outside never gives up before the step inside (HL-13).
"""

import time

from e2e.case import WithDomain
from lab import mh, pcap
from lab.capture import Capture
from lab.ctl import Refused
from lab.domain import ADDRESS
from lab.relay import FROM_NODE, Relay, delay, drop, duplicate
from lab.shell import Failure, wait_for
from lab.steps import live_paths

SETUP_MS, INIT_MS, TRIGGER_MS, REFRESH_MS = 100, 250, 600, 200
TRIES = 3
# Longer than the first retransmission of any message: what is so late has been repeated and overtaken.
LATE_MS = 800
INTERVAL_S = 0.01
SETUP_KINDS = (mh.RO_INIT, mh.RO_SETUP, mh.RO_SETUP_ACK, mh.RO_INIT_ACK)
PEER_MAG_REFUSED, ROLE_CONFLICT, IN_PLACE = 132, 134, 1


def short_timers(name, config):
    """Nobody is noticed, everything is repeated soon, nobody is held off for long."""
    config["localized_routing"] |= {
        "setup_timeout_ms": SETUP_MS, "init_timeout_ms": INIT_MS, "trigger_timeout_ms": TRIGGER_MS,
        "refresh_timeout_ms": REFRESH_MS, "request_timeout_ms": REFRESH_MS, "tries": TRIES, "hold_off_s": 1,
        "hold_off_max_s": 1, "receive_grace_s": 1, "lifetime_s": 60}
    if name in ("lma", "lma2"):
        config["localized_routing"]["detect"] = {"after_packets": 1_000_000}


class WithLosses(WithDomain):
    """The domain with the relay in it."""

    adjust = staticmethod(short_timers)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.relay = Relay(cls.domain)
        for mn, peer in ((cls.domain.mn1, cls.there), (cls.domain.mn2, cls.here)):
            wait_for(f"{mn.name} reaches the other", lambda m=mn, p=peer: m.ping(p, 2).lost == 0)
        # Echo requests and replies that an MN hears although they are not its own.
        cls.astray = [Capture(cls.lab, mn.space, "eth0", f"{mn.name}-astray",
                              f"(ip6[40] == 128 or ip6[40] == 129) and icmp6 and not host {own}")
                      for mn, own in ((cls.domain.mn1, cls.here), (cls.domain.mn2, cls.there))]

    def setUp(self):
        self.relay.rules()
        self.stream = self.domain.mn1.start_ping(self.there, INTERVAL_S)
        wait_for("the ping has replies", lambda: len(self.stream.replies()) > 5)

    def tearDown(self):
        self.relay.rules()
        self.remove()

    def ask(self, method, name="lma"):
        """path.request, path.remove."""
        return self.domain.nodes[name].call(method, source=str(self.one), destination=str(self.two))

    def remove(self):
        """Ends the path wherever it is, and waits until nobody sends on it."""
        if self.domain.paths_anywhere():
            for name, node in self.domain.nodes.items():
                if any(path["state"] != "none" for path in node.paths()) and name.startswith("lma"):
                    try:
                        self.ask("path.remove", name)
                    except Refused:
                        pass  # the other LMA has told it meanwhile
        try:
            wait_for("no path anywhere", lambda: not self.domain.paths_anywhere(), 8, 0.05)
        except Failure as failure:
            raise Failure(f"{failure}: {self.domain.paths_anywhere()}") from None

    def peers(self):
        """By MAG, whom it sends the pair's packets to."""
        return {name: [path["peer"] for path in live_paths(self.domain.nodes[name]) if path["state"] == "active"]
                for name in ("mag1", "mag2", "mag3")}

    def direct(self):
        """Whether MAG1 and MAG2 send to each other, and nobody else to anybody."""
        return self.peers() == {"mag1": [str(ADDRESS["mag2"])], "mag2": [str(ADDRESS["mag1"])], "mag3": []}

    def anchored(self):
        """Whether no MAG sends past the anchor."""
        return not any(self.peers().values())

    def sent(self, since, kind):
        """Messages of a kind that their sender has sent since a time, but those that end something."""
        return [m for m in self.domain.signalling_so_far(since) if m.type == kind and (m.lifetime or m.type % 2)]

    def unharmed(self):
        """Ends the ping: nothing lost, nothing twice, nothing at the other MN."""
        result = self.stream.stop()
        self.assertEqual((0, 0), (result.lost, result.duplicates), "pings lost, pings answered twice")
        self.assertEqual([], [frame for capture in self.astray for frame in pcap.frames(capture.path)], "astray")

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


def first(kind, action, count=1):
    """A rule about the first messages of a kind, as their senders send them."""
    return {"mh": kind, "way": FROM_NODE, "count": count} | action


LOST, LATE, TWICE = drop(), delay(LATE_MS), duplicate(2)
NAME = {number: name.lower().replace(" ", "_") for number, name in mh.NAMES.items()}


def request_of(kind):
    """The request that an acknowledgement answers; of a request, itself."""
    return kind - kind % 2


def add(cls, kinds, rules):
    """A test for each kind of message and each misfortune."""
    for how, rule, repeated in rules:
        for kind in kinds:
            def test(self, kind=kind, rule=rule, repeated=repeated):
                self.up(kind, rule, repeated)
            setattr(cls, f"test_ls_15_{NAME[kind]}_{how}", test)


MISFORTUNES = (("lost_once_is_repeated", LOST, True), ("late_is_overtaken_by_its_repetition", LATE, True),
               ("twice_changes_nothing", TWICE, False))
