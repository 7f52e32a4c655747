"""What the tests with two LMAs share: MN1 registered at LMA1, MN2 at LMA2, and how a pair of theirs is looked at.

The Internet side routes between the two pools, so without a path a packet crosses both LMAs. Datagrams go one
way where the order of messages is to be that of the draft's figure and no other: an answer would let the
other LMA notice the pair as well (HL-16), which has a test of its own.
"""

import contextlib
import socket
import time

from e2e.case import WithDomain
from lab import netns
from lab.capture import Capture, pair_packets
from lab.domain import ANCHORS, HI_BETWEEN_MAGS, TWO_LMAS, describe, two_lmas
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

LMAS = ("lma", "lma2")
PORT = 9000
PINGS = 50


class WithTwoLmas(WithDomain):
    """The domain with LMA2; `one` is of LMA1's pool, `two` of LMA2's."""

    adjust = staticmethod(two_lmas)
    nodes = TWO_LMAS

    def datagram(self, source, destination):
        """Sends one datagram into a socket that answers nothing."""
        with netns.inside(source.space), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sending:
            sending.sendto(b"crowfly", (str(destination), PORT))

    @contextlib.contextmanager
    def sink(self, mn):
        """A socket that takes datagrams on an MN and says nothing."""
        with netns.inside(mn.space):
            taking = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        with taking:
            taking.settimeout(5)
            taking.bind(("::", PORT))
            yield taking

    def localized_routing(self, since):
        """The RO messages since a time, in words, in order of time."""
        return [message for message in self.domain.signalling(since) if message.name.startswith("RO ")]

    def exactly(self, since, expected):
        """Waits for these messages, and returns them; of localized routing there was nothing else until then.

        Left out are refreshes and what ends a path: a MAG that is not told yet that its MN has left may be
        due for one just then.
        """
        found = self.domain.expect_order(since, expected)
        seen = [describe(message) for message in self.localized_routing(since)
                if message.time <= found[-1].time and message.lifetime and "Refresh" not in message.name]
        wanted = [f"{kind} {source}>{to}" for kind, source, to in expected if kind.startswith("RO ")]
        self.assertEqual(wanted, seen)
        refused = [describe(message) for message in found if message.name.endswith((" Ack", "PBA")) and message.status]
        self.assertEqual([], refused)
        self.said = f"{' > '.join(map(describe, found))} in {1000 * (found[-1].time - found[0].time):.1f} ms"
        return found

    def captures_at_lmas(self, label):
        """Captures of both links of both LMAs."""
        for name in LMAS:
            yield self.domain.capture_user(name, f"{label}-core")
            yield Capture(self.domain.lab, self.domain.inet.space, ANCHORS[name][0], f"{name}-{label}-net", "ip6")

    def at_lmas(self, captures):
        """Ends captures; packets of the pair in each."""
        found = []
        for capture in captures:
            found.append(len(pair_packets(capture.packets(), self.one, self.two)))
            capture.stop()
        return found

    def direct(self, label):
        """Pings of the pair: nothing of it on any link of either LMA, and neither counts a user packet."""
        domain = self.domain
        captures = list(self.captures_at_lmas(label))
        before = [user_packets(domain.nodes[name]) for name in LMAS]
        pings = domain.mn1.ping(self.there, PINGS)
        after = [user_packets(domain.nodes[name]) for name in LMAS]
        self.assertEqual([0, 0, 0, 0], self.at_lmas(captures))
        self.assertEqual(before, after)
        self.assertEqual(0, pings.lost)

    def active_at(self, *names):
        """Waits until the pair's path is active at each node; returns the peer that each sends to."""
        return [wait_for(f"an active path at {name}", lambda n=name: [
            path for path in live_paths(self.domain.nodes[n]) if path["state"] == "active"])[0].get("peer")
                for name in names]

    def moved(self, mn, old, new, stream, expected):
        """Hands an MN over under a running ping; returns the messages and what the ping lost until then."""
        domain, kept, since = self.domain, mn.addresses(), time.time()
        domain.attach(mn, new, HI_BETWEEN_MAGS)
        found = self.exactly(since, expected)
        domain.detach_moved(mn, old)
        wait_for("the ping goes on", lambda: [r for r in stream.replies() if r[0] > found[-1].time + 0.5])
        result = stream.result()
        self.assertEqual(kept, mn.addresses())
        self.assertEqual(0, result.duplicates)
        self.assertEqual([], live_paths(old), "L-54: the MAG that was left keeps no state")
        self.said += f"; {result.lost} of {result.sent} lost, gap {1000 * result.longest_gap_s():.0f} ms"
        return found

    def running_ping(self):
        """A ping from MN1 to MN2 that has replies and no loss."""
        stream = self.domain.mn1.start_ping(self.there, 0.01)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 50)
        self.assertEqual(0, stream.result().lost)
        return stream
