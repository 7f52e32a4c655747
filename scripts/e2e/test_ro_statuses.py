"""Every status of an RO acknowledgement, at every kind of node, by messages of our own making under peers' addresses
(L-12, L-17, L-19, L-21, L-23, L-30, L-35, L-41, L-43, L-72, L-74; HL-6, HL-17, HL-30).

Nobody notices pairs here: what there is of localized routing comes from the tests. After each message that was refused,
bindings and paths are as they were.
"""

import time

from e2e.two_lmas import WithTwoLmas, two_lmas
from lab import mh, pcap
from lab.domain import ADDRESS, HNP_POOL_2
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import wait_for
from lab.steps import live_paths

SUCCESS, IN_PLACE = 0, 1
NOT_ALLOWED, NOT_ATTACHED, NO_ROOM, NO_SUCH_STATE, PEER_MAG_REFUSED, PEER_LMA_UNKNOWN = range(128, 134)
STALE, MALFORMED, NOT_SUPPORTED, NOT_AUTHORIZED = range(135, 139)
PROXY_MODE = 0x4000  # the X flag (HL-30)
LIFETIME_S = 3000
FOR_EVER_S = 65535
OLD = 1_000_000_000.0  # a Timestamp of 2001
DENIED = "2001:db8:100:dead::/64"  # of LMA1's pool
ELSEWHERE = "2001:db8:300:1::/64"  # nobody's
NOBODY_64 = f"{HNP_POOL_2[0x77 << 64]}/64"
GHOST_MAG = "2001:db8:f::99"


def by_hand(name, config):
    """Nobody notices a pair; one path for a mobile node; a prefix that nobody may localize."""
    two_lmas(name, config)
    settings = config["localized_routing"]
    settings |= {"lifetime_s": LIFETIME_S, "denied": [DENIED], "hold_off_s": 1, "hold_off_max_s": 1,
                 "detect": {"after_packets": 1_000_000}}
    settings["mag_requested"] = name == "lma"
    config.setdefault("limits", {})["max_paths_per_mn"] = 1


class WithMessages(WithTwoLmas):
    """MN1 at MAG1 and LMA1, MN2 at MAG2 and LMA2."""

    adjust = staticmethod(by_hand)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cables = {name: Sender(cls.domain.core, name) for name in cls.domain.nodes}
        cls.number = 20_000

    def ask(self, kind, source, to, pieces, lifetime_s=LIFETIME_S, flags=0, again=False):
        """Sends a request of one node to another, a new one or the last one's number again; the acknowledgement."""
        type(self).number += not again
        number, node, since = self.number, self.domain.nodes[to], time.time()
        octets = mh.sealed(str(ADDRESS[source]), str(ADDRESS[to]), mh.ro_request(
            kind, number, lifetime_s, pieces, flags))
        cable = self.cables[to]
        cable.send([ether(mac_of(node.space, "core0"), cable.mac,
                          ipv6(ADDRESS[source], ADDRESS[to], pcap.NEXT_MH, octets))])
        ack = wait_for(f"an answer to {mh.NAMES[kind]} at {to}", lambda: [
            m for m in self.domain.captures[to].messages_so_far(since)
            if (m.type, m.source, m.destination, m.sequence) == (kind + 1, ADDRESS[to], ADDRESS[source], number)],
            12, 0.05)[0]
        self.assertTrue(ack.checksum_good)
        return ack

    def refused(self, kind, source, to, cases, timeless=False):
        """(status, pieces, more) each: that status comes back with the homes that were named, and nothing changes."""
        told = []
        for status, pieces, more in cases:
            with self.subTest(status=status, message=mh.NAMES[kind], more=more):
                state = self.state()
                stamp = [] if timeless else [mh.timestamp(time.time())]
                stamped = pieces if any(piece[0] == mh.TIMESTAMP for piece in pieces) else pieces + stamp
                ack = self.ask(kind, more.pop("source", source), to, stamped, **more)
                self.assertEqual(status, ack.status)
                self.assertEqual([piece[2:] for piece in pieces if piece[0] == mh.HNP], ack.option(mh.HNP))
                if status == STALE:
                    self.assertTrue(ack.option(mh.TIMESTAMP), "HL-17: what it has to be later than")
                self.assertEqual(state, self.state())
                told.append(status)
        self.said = ", ".join(map(str, told))

    def state(self):
        """Bindings and paths of every node, without what time changes."""
        def still(entry):
            return {key: entry.get(key) for key in ("mn_id", "hnps", "proxy_coa", "source", "destination", "peer",
                                                    "controller", "state")}
        return {name: ([still(b) for b in node.bindings()], [still(p) for p in live_paths(node)])
                for name, node in self.domain.nodes.items()}

    def pair(self, one=None, two=None, mag=None):
        """Prefixes of both ends, and whose MAG is named."""
        return [mh.prefix_option(one or self.one), mh.prefix_option(two or self.two)] + (
            [mh.address_option(ADDRESS.get(mag, mag))] if mag else [])

    def lacking(self, pieces):
        """Without each mandatory option in turn (L-30), and without any."""
        return [(MALFORMED, pieces[:at] + pieces[at + 1:], {}) for at in range(len(pieces))] + [(MALFORMED, [], {})]


class WithoutAPath(WithMessages):
    """What is refused while the pair has no path."""

    def test_l_30_l_35_l_74_hl_30_ro_init_at_a_mag(self):
        good = self.pair(mag="mag1")
        self.refused(mh.RO_INIT, "lma2", "mag2", [
            *self.lacking(good), (NOT_SUPPORTED, good, {"flags": PROXY_MODE}),
            (NOT_ATTACHED, self.pair(two=NOBODY_64, mag="mag1"), {}),
            (NOT_ALLOWED, self.pair(one=DENIED, mag="mag1"), {}),
            (NOT_AUTHORIZED, self.pair(mag=GHOST_MAG), {}), (NOT_AUTHORIZED, good, {"source": "lma"}),
            (NO_SUCH_STATE, good, {"lifetime_s": 0})])

    def test_l_35_hl_14_ro_init_that_names_a_mag_without_the_mn(self):
        """MAG2 asks MAG3, which has no MN1, and says so."""
        since = time.time()
        self.refused(mh.RO_INIT, "lma2", "mag2", [(PEER_MAG_REFUSED, self.pair(mag="mag3"), {})])
        asked = [m for m in self.domain.captures["mag3"].messages(since) if m.type == mh.RO_SETUP_ACK]
        self.assertEqual([NOT_ATTACHED], [m.status for m in asked])

    def test_l_30_l_74_hl_30_ro_setup_at_a_mag(self):
        good = self.pair(mag="mag2")
        self.refused(mh.RO_SETUP, "mag2", "mag1", [
            *self.lacking(good), (NOT_SUPPORTED, good, {"flags": PROXY_MODE}),
            (NOT_ATTACHED, self.pair(one="2001:db8:100:77::/64", mag="mag2"), {}),
            (NOT_ALLOWED, self.pair(one=DENIED, mag="mag2"), {}),
            (NOT_AUTHORIZED, self.pair(mag="mag3"), {}), (NO_SUCH_STATE, good, {"lifetime_s": 0})])

    def test_l_30_l_43_hl_30_ro_refresh_at_an_lma(self):
        good = self.pair()
        self.refused(mh.RO_REFRESH, "mag1", "lma", [
            *self.lacking(good), (NOT_SUPPORTED, good, {"flags": PROXY_MODE}), (NO_SUCH_STATE, good, {}),
            (NO_SUCH_STATE, good, {"lifetime_s": 0})], timeless=True)

    def test_l_30_l_72_l_6_ro_request_at_an_lma(self):
        good = self.pair()
        self.refused(mh.RO_REQUEST, "mag1", "lma", [
            *self.lacking(good), (NOT_SUPPORTED, good, {"flags": PROXY_MODE}),
            (NOT_ATTACHED, self.pair(one="2001:db8:100:77::/64"), {}), (NOT_AUTHORIZED, good, {"source": "mag3"}),
            (PEER_LMA_UNKNOWN, self.pair(two=ELSEWHERE), {}), (NOT_ALLOWED, self.pair(two=DENIED), {})], timeless=True)
        self.refused(mh.RO_REQUEST, "mag2", "lma2", [(NOT_ALLOWED, self.pair(self.two, self.one), {})], timeless=True)

    def test_l_30_l_41_l_74_ro_trigger_at_an_lma(self):
        good = self.pair(mag="mag1")
        self.refused(mh.RO_TRIGGER, "lma", "lma2", [
            *self.lacking(good), (NOT_SUPPORTED, good, {"flags": PROXY_MODE}),
            (NOT_ATTACHED, self.pair(two=NOBODY_64, mag="mag1"), {}),
            (NOT_ALLOWED, self.pair(one=DENIED, mag="mag1"), {}),
            (NOT_AUTHORIZED, self.pair(one=ELSEWHERE, mag="mag1"), {}), (NO_SUCH_STATE, good, {"lifetime_s": 0})])

    def test_hl_4_a_request_that_is_repeated_gets_the_same_answer(self):
        node, pieces = self.domain.mag2, self.pair(two=NOBODY_64, mag="mag1") + [mh.timestamp(time.time())]
        before = node.stats()["pmipv6.ro.refused"]
        answers = [self.ask(mh.RO_INIT, "lma2", "mag2", pieces, again=again).octets for again in (False, True, True)]
        self.assertEqual(1, len(set(answers)))
        self.assertEqual(1, node.stats()["pmipv6.ro.refused"] - before, "it is not looked at again")

    def test_l_12_no_path_has_come_of_all_that(self):
        self.assertEqual([], self.domain.paths_anywhere())
        self.assertEqual(0, self.domain.mn1.ping(self.there, 20).lost)


class WithAPath(WithMessages):
    """What is refused, or granted again, while the pair has its path."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain.lma.call("path.request", source=str(cls.one), destination=str(cls.two))
        for name in ("mag1", "mag2", "lma", "lma2"):
            wait_for(f"an active path at {name}", lambda n=name: [
                path for path in live_paths(cls.domain.nodes[n]) if path["state"] == "active"])

    def test_hl_17_l_35_ro_init_at_a_mag_stale_or_one_too_many(self):
        self.refused(mh.RO_INIT, "lma2", "mag2", [
            (STALE, self.pair(mag="mag1") + [mh.timestamp(OLD)], {}),
            (NO_ROOM, self.pair(one="2001:db8:100:77::/64", mag="mag1"), {}),
            (NOT_AUTHORIZED, self.pair(mag="mag1"), {"lifetime_s": 0, "source": "lma"})])

    def test_hl_17_ro_setup_at_a_mag_stale_or_one_too_many(self):
        self.refused(mh.RO_SETUP, "mag2", "mag1", [
            (STALE, self.pair(mag="mag2") + [mh.timestamp(OLD)], {}),
            (NO_ROOM, self.pair(two=NOBODY_64, mag="mag2"), {})])

    def test_l_43_l_74_ro_refresh_of_a_mag_that_does_not_serve_the_pair(self):
        self.refused(mh.RO_REFRESH, "mag3", "lma", [(NOT_AUTHORIZED, self.pair(), {})], timeless=True)
        for asked_s in (LIFETIME_S, FOR_EVER_S):
            ack = self.ask(mh.RO_REFRESH, "mag1", "lma", self.pair(), asked_s)
            self.assertEqual((SUCCESS, LIFETIME_S), (ack.status, ack.lifetime), "HL-5: no longer than is granted")

    def test_l_72_ro_request_for_what_is_there_or_one_too_many(self):
        self.refused(mh.RO_REQUEST, "mag1", "lma", [
            (IN_PLACE, self.pair(), {}), (NO_ROOM, self.pair(two=NOBODY_64), {})], timeless=True)

    def test_hl_17_l_17_ro_trigger_at_an_lma_stale_in_place_or_one_too_many(self):
        """In place is a trigger about the very decision that stands; an earlier one is stale."""
        made, = [m for m in self.domain.captures["lma"].messages() if m.type == mh.RO_TRIGGER]
        stamp = made.option(mh.TIMESTAMP)[0]
        earlier = (int.from_bytes(stamp, "big") - 1).to_bytes(8, "big")
        good = self.pair(mag="mag1")
        self.refused(mh.RO_TRIGGER, "lma", "lma2", [
            (NO_ROOM, self.pair(one="2001:db8:100:77::/64", mag="mag1"), {}),
            (STALE, good + [mh.option(mh.TIMESTAMP, earlier)], {}),
            (IN_PLACE, good + [mh.option(mh.TIMESTAMP, stamp)], {})])

    def test_l_74_a_trigger_of_an_lma_that_has_no_part_in_it(self):
        """LMA2's own words back to it, under the address of LMA1 but for LMA2's MN."""
        self.refused(mh.RO_TRIGGER, "lma", "lma2", [(NOT_AUTHORIZED, self.pair(self.two, self.one, "mag1"), {})])

    def test_l_12_the_path_is_as_it_was(self):
        before = [path["packets"] for path in live_paths(self.domain.mag1)]
        self.assertEqual(0, self.domain.mn1.ping(self.there, 50).lost)
        self.assertGreater(sum(path["packets"] for path in live_paths(self.domain.mag1)), sum(before))
