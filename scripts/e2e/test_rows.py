"""Rows that are about the octets of messages, and about who says what, with two LMAs: one life of a pair, captured.

The tests after the first read its captures, with the lab's own decoder and with tshark and the dissector.
"""

import collections
import time

from e2e.two_lmas import WithTwoLmas
from lab import mh
from lab.ctl import Refused
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HNP_POOL_2, ROOT, describe, two_lmas
from lab.shell import run, wait_for
from lab.steps import live_paths

LIFETIME_S = 4
ACKS = {mh.RO_TRIGGER_ACK, mh.RO_INIT_ACK, mh.RO_SETUP_ACK, mh.RO_REFRESH_ACK}
REQUESTS = {kind - 1 for kind in ACKS}
NOT_ATTACHED, NO_SUCH_STATE, PEER_LMA_UNKNOWN = 129, 131, 133
TSHARK_READS = ("lma2", "mag2")  # between them they have every kind of message
DISSECTOR = ROOT / "configs" / "wireshark" / "crowfly.lua"


def short_lifetime(name, config):
    """Refreshes within seconds."""
    two_lmas(name, config)
    config["localized_routing"]["lifetime_s"] = LIFETIME_S


class OneLife(WithTwoLmas):
    """Set-up, refresh, both handovers, a failure, the end."""

    adjust = staticmethod(short_lifetime)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mark = {}

    def seen(self, *kinds):
        """Messages of some kinds."""
        return [message for message in self.domain.signalling_so_far() if message.type in kinds]

    def test_l_4_l_5_only_lma2_sends_ro_init_from_the_first_packet_through_both_handovers(self):
        domain = self.domain
        with self.sink(domain.mn2) as taking:
            self.datagram(domain.mn1, self.there)
            taking.recv(100)
        self.active_at("mag1", "mag2", "lma", "lma2")
        stream = self.running_ping()
        wait_for("a refresh from each MAG", lambda: len({m.source for m in self.seen(mh.RO_REFRESH)}) == 2,
                 LIFETIME_S + 3, 0.2)
        for mn, old, new, peer in ((domain.mn1, domain.mag1, domain.mag3, "mag2"),
                                   (domain.mn2, domain.mag2, domain.mag1, "mag3")):
            domain.attach(mn, new, HI_BETWEEN_MAGS)
            domain.detach(mn, old)
            wait_for("the path follows", lambda n=new.name, p=peer: self.active_at(n, p) == [
                str(ADDRESS[p]), str(ADDRESS[n])])
        # Nobody talks from here on, and the path lives for seconds.
        type(self).entry = [path for path in live_paths(domain.mag3) if path["state"] == "active"]
        self.assertEqual(0, stream.stop().duplicates)
        self.datagram(domain.mn1, HNP_POOL_2[0x77 << 64] + 1)
        domain.expect_order(0.0, [("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma"),
                                  ("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma"),
                                  ("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        inits = self.seen(mh.RO_INIT)
        self.assertEqual({ADDRESS["lma2"]}, {message.source for message in inits})
        self.assertGreaterEqual(len(inits), 3)
        self.assertEqual({ADDRESS["lma"]}, {message.source for message in self.seen(mh.RO_TRIGGER)})
        domain.signalling()  # settles: the tests below read what is in the files
        self.said = ", ".join(f"{count} {name}" for name, count in sorted(
            collections.Counter(message.name for message in self.domain.signalling_so_far()).items()))

    def test_l_16_l_17_trigger_acks_report_success_and_failure_with_both_prefixes(self):
        triggers = {message.sequence: message for message in self.seen(mh.RO_TRIGGER)}
        acks = self.seen(mh.RO_TRIGGER_ACK)
        self.assertEqual({0, NOT_ATTACHED}, {message.status for message in acks})
        for ack in acks:
            asked = triggers[ack.sequence]
            (source, wanted), (same, found) = asked.prefixes(), ack.prefixes()
            # LMA1 knows only an address of the other's MN; LMA2 says which prefix that is.
            self.assertTrue(source == same and wanted.subnet_of(found), (asked.prefixes(), ack.prefixes()))
            last_init = [m.time for m in self.seen(mh.RO_INIT_ACK) if m.time < ack.time]
            if ack.status == 0:
                self.assertTrue([at for at in last_init if at > asked.time], "the ack came before any RO Init Ack")

    def test_l_20_a_setup_names_its_sender_and_the_receiver_sends_there(self):
        for setup in self.seen(mh.RO_SETUP):
            if setup.lifetime:
                self.assertEqual(setup.source, setup.mag_address())
                self.assertEqual([self.one, self.two], setup.prefixes())
        last = [message for message in self.seen(mh.RO_SETUP) if message.lifetime][-1]
        self.assertEqual([str(last.mag_address())], [path["peer"] for path in self.entry])

    def test_l_22_l_23_l_44_each_refresh_is_answered_by_the_lma_that_got_it(self):
        refreshes = self.seen(mh.RO_REFRESH)
        acks = {(m.destination, m.source, m.sequence): m for m in self.seen(mh.RO_REFRESH_ACK)}
        self.assertEqual({ADDRESS["lma"], ADDRESS["lma2"]}, {message.destination for message in refreshes})
        for refresh in refreshes:
            ack = acks[refresh.source, refresh.destination, refresh.sequence]
            self.assertEqual([self.one, self.two], refresh.prefixes())
            self.assertEqual(refresh.prefixes(), ack.prefixes())
            self.assertIn(ack.status, (0, 1, NO_SUCH_STATE))
        self.assertTrue({0, 1} & {ack.status for ack in acks.values()}, "no refresh was granted")

    def test_l_24_every_message_has_a_lifetime_and_every_ack_a_status(self):
        kinds = {message.type for message in self.seen(*mh.RO_TYPES)}
        self.assertEqual(REQUESTS | ACKS, kinds)
        for message in self.seen(*mh.RO_TYPES):
            with self.subTest(message=describe(message)):
                octets = message.octets
                self.assertLessEqual(int.from_bytes(octets[10:12], "big"), LIFETIME_S)
                if message.type in ACKS:
                    self.assertEqual(0, octets[8], "no flag of an ack is set that it was not asked for")
                    self.assertIn(octets[9], (0, 1, NOT_ATTACHED, NO_SUCH_STATE))
                else:
                    self.assertEqual(0, octets[8] & 0x7F | octets[9], "reserved bits and X are 0")

    def test_l_27_l_28_every_option_is_aligned_and_in_its_place(self):
        order = {kind: [mh.HNP, mh.HNP] for kind in REQUESTS | ACKS}
        for kind in (mh.RO_TRIGGER, mh.RO_INIT, mh.RO_SETUP):
            order[kind] = [mh.HNP, mh.HNP, mh.MAG_ADDRESS]
        for message in self.seen(*mh.RO_TYPES):
            with self.subTest(message=describe(message)):
                self.assertEqual([], message.misaligned())
                self.assertEqual(0, len(message.octets) % 8)
                self.assertTrue(message.checksum_good)
                found = [kind for _, kind, _ in message.options if kind not in (mh.TIMESTAMP, mh.MN_ID)]
                wanted = order[message.type]
                self.assertEqual(wanted if message.lifetime else wanted[:len(found)], found)

    def test_l_24_tshark_reads_every_message_without_complaint(self):
        count = 0  # the nodes go on talking meanwhile
        captured = sum(1 for name in TSHARK_READS for m in self.domain.captures[name].messages_so_far()
                       if m.type in mh.RO_TYPES)
        for name in TSHARK_READS:
            done = run("tshark", "-X", f"lua_script:{DISSECTOR}", "-r", self.domain.captures[name].path,
                       "-T", "fields", "-e", "mip6ro.mhtype", "-e", "_ws.malformed", "-e", "_ws.expert.severity")
            for line in done.stdout.splitlines():
                kind, malformed, _ = (line + "\t\t").split("\t")[:3]
                self.assertEqual("", malformed, line)
                count += kind.isdigit() and int(kind) in mh.RO_TYPES
        self.assertGreaterEqual(count, captured)
        self.said = f"{count} messages"


def no_table(name, config):
    """LMA1 does not know who anchors MN2's prefix."""
    two_lmas(name, config)
    if name.startswith("lma"):
        config["lma"]["peer_lmas"] = []
    config["localized_routing"]["mag_requested"] = name in ("lma", "mag1")


class PeerLmaUnknown(WithTwoLmas):
    """L-6: without a row in the prefix table there is no localized routing, and traffic flows all the same."""

    adjust = staticmethod(no_table)

    def test_l_6_no_row_no_trigger_but_a_counter_and_traffic(self):
        domain, since = self.domain, time.time()
        pings = domain.mn1.ping(self.there, 30)
        self.assertEqual(0, pings.lost)
        request, ack = domain.expect_order(since, [
            ("RO Request", "mag1", "lma"), ("RO Request Ack", "lma", "mag1")])
        self.assertEqual((request.sequence, PEER_LMA_UNKNOWN), (ack.sequence, ack.status))
        domain.signalling()
        self.assertEqual([], [describe(m) for m in self.seen_between_lmas(since)])
        self.assertEqual([], domain.paths_anywhere())

    def seen_between_lmas(self, since):
        """Messages that set up a path."""
        return [m for m in self.domain.signalling_so_far(since)
                if m.type in (mh.RO_TRIGGER, mh.RO_INIT, mh.RO_SETUP)]

    def test_l_6_by_hand_it_is_refused_with_the_reason(self):
        with self.assertRaises(Refused) as refusal:
            self.domain.lma.call("path.request", source=str(self.one), destination=str(self.two))
        self.said = refusal.exception.error["message"]
        self.assertEqual("peer-lma-unknown", refusal.exception.error["data"]["name"])
        self.assertGreaterEqual(self.domain.lma.stats()["pmipv6.lr.peer-lma-unknown"], 1)
