"""What a MAG makes of each status that an LMA may give (RFC 5213 section 6.9.1.2), and the statuses that an LMA gives
by its policy alone. The LMA of the first class is a Linux host of a few lines: Crowfly's own would not say most of it.
"""

import ipaddress
import struct
import threading
import time

from e2e.case import WithDomain
from lab import anchor, mh, pcap
from lab.anchor import Anchor
from lab.ctl import Ctl
from lab.domain import ADDRESS, ATT_802_3, HI_NEW, NODES, attach_words, mn_id
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import wait_for

# RFC 6275, 5213, 5844, 5845: whatever refuses, but 135 and 157, which say what to do better.
REFUSE = (128, 129, 130, 131, 132, 133, 134, 144, 151, 152, 153, 154, 155, 156, 158, 159, 160, 161, 162, 163, 170, 171,
          172, 173, 174, 199)
OUT_OF_WINDOW, TIMESTAMP_MISMATCH, TIMESTAMP_OLD = 135, 156, 157
HOME = "2001:db8:100:42::/64"
AN_ADDRESS_OF_IT = "2001:db8:100:42::1/128"  # what an old LMA writes for it
SHORT = 2  # units of 4 s
ATTACH_LIMIT_S = 5
QUIET_S = 1.3  # more than INITIAL_BINDACK_TIMEOUT
HOUR_S = 3600


class OtherLma(WithDomain):
    """MAG1, and an LMA that says anything."""

    nodes = ("mag1",)
    attached = False

    @staticmethod
    def adjust(_name, config):
        """A registration that comes to nothing is given up soon."""
        config["mag"]["attach_command_timeout_ms"] = 1000 * ATTACH_LIMIT_S

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anchor = Anchor(cls.lab, cls.domain.core)
        cls.domain.plug(cls.domain.mn1, cls.domain.mag1)

    def registering(self, dialogue):
        """Runs `mn attach` while `dialogue` answers; what crowflyctl ended with."""
        done = []
        command = ["mn", "attach", *attach_words(self.domain.mn1, HI_NEW)]
        thread = threading.Thread(target=lambda: done.append(self.domain.mag1.crowflyctl(*command, check=False)))
        thread.start()
        try:
            dialogue()
        finally:
            thread.join(30)
        return done[0]

    def next_pbu(self, limit_s=anchor.ANSWER_LIMIT_S):
        """The next PBU, which there has to be."""
        pbu = self.anchor.pbu(limit_s)
        self.assertIsNotNone(pbu, "no PBU")
        return pbu

    def leave(self):
        """De-registers MN1."""
        thread = threading.Thread(target=self.domain.detach, args=(self.domain.mn1, self.domain.mag1))
        thread.start()
        pbu = self.next_pbu()
        while anchor.lifetime(pbu):  # an extension that was due
            pbu = self.next_pbu()
        self.anchor.answer(pbu, 0)
        thread.join(30)
        self.assertEqual([], self.domain.mag1.bindings())

    def test_rfc5213_every_status_that_refuses_is_named_and_leaves_nothing(self):
        told = []
        for status in REFUSE:
            with self.subTest(status=status):
                done = self.registering(lambda s=status: self.anchor.answer(self.next_pbu(), s, 0))
                self.assertEqual(1, done.returncode)
                self.assertIn(f"status {status}", done.stderr + done.stdout)
                self.assertEqual([], self.domain.mag1.bindings())
                self.assertEqual([], self.domain.mn1.addresses())
                told.append((done.stderr + done.stdout).strip())
        self.assertIsNone(self.anchor.pbu(QUIET_S), "a PBU that was refused is not sent again")
        self.said = f"{len(told)} statuses; {told[0]}"

    def test_rfc5213_an_accepted_one_with_status_1_is_accepted(self):
        done = self.registering(lambda: self.anchor.answer(self.next_pbu(), 1, home=HOME))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([HOME], self.domain.mag1.bindings()[0]["hnps"])
        self.leave()

    def test_rfc5213_157_is_tried_again_at_once_with_a_later_timestamp(self):
        seen = []

        def dialogue():
            for status in (TIMESTAMP_OLD, TIMESTAMP_OLD, 0):
                seen.append(self.next_pbu())
                self.anchor.answer(seen[-1], status, home=HOME)
        self.assertEqual(0, self.registering(dialogue).returncode)
        stamps = [anchor.stamp(pbu) for pbu in seen]
        self.assertEqual(sorted(set(stamps)), stamps)
        self.assertEqual(3, len({anchor.number(pbu) for pbu in seen}))
        self.leave()

    def test_rfc6275_135_is_tried_again_with_a_higher_number(self):
        seen = []

        def dialogue():
            for status in (OUT_OF_WINDOW, 0):
                seen.append(self.next_pbu())
                self.anchor.answer(seen[-1], status, home=HOME)
        self.assertEqual(0, self.registering(dialogue).returncode)
        first, second = map(anchor.number, seen)
        self.assertLess((second - first) % 65536, 32768)
        self.leave()

    def test_rfc5213_5_5_a_clock_an_hour_off_is_told_and_not_followed(self):
        """156 to a MN that is registered: it stays while its lifetime lasts, the operator is told, our clock stays."""
        domain = self.domain
        ahead = [mh.timestamp(time.time() + HOUR_S)]
        refused = self.registering(
            lambda: self.anchor.answer(self.next_pbu(), TIMESTAMP_MISMATCH, 0, instead=ahead))
        self.assertEqual(1, refused.returncode)
        done = self.registering(lambda: self.anchor.answer(self.next_pbu(), 0, SHORT, home=HOME))
        self.assertEqual(0, done.returncode, done.stderr)
        with Ctl(domain.mag1.socket) as events:
            events.call("events.subscribe")
            extension = self.next_pbu(4 * SHORT)
            self.assertLess(abs(anchor.stamp(extension) - time.time()), HOUR_S / 2, "it has followed the LMA's clock")
            self.anchor.answer(extension, TIMESTAMP_MISMATCH, 0, instead=ahead)
            told = str(events.receive())
        self.assertIn("clock", told)
        self.assertEqual([mn_id(domain.mn1)], [binding["mn_id"] for binding in domain.mag1.bindings()])
        wait_for("it ends with its lifetime", lambda: not domain.mag1.bindings(), 4 * SHORT + 3, 0.2)
        self.said = told[:160]

    def test_rfc5213_8_3_a_prefix_of_128_bits_is_what_it_says(self):
        done = self.registering(lambda: self.anchor.answer(self.next_pbu(), 0, home=AN_ADDRESS_OF_IT))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([AN_ADDRESS_OF_IT], self.domain.mag1.bindings()[0]["hnps"])
        self.leave()

    def test_rfc5213_6_9_1_2_a_pba_that_answers_something_else_is_ignored(self):
        """Another number, another access technology, none, no handoff indicator, from an LMA that is not known to be
        old: counted, and the MN is not served."""
        before = self.domain.mag1.stats()

        def dialogue():
            pbu = self.next_pbu()
            self.anchor.answer(pbu, 0, home=HOME, sequence=(anchor.number(pbu) + 7) % 65536)
            wait_for("another number", lambda: self.risen("pmipv6.drop.pba-unmatched", before))
            self.anchor.answer(pbu, 0, home=HOME, instead=[mh.option(mh.ATT, bytes([0, ATT_802_3 + 1]))])
            self.anchor.answer(pbu, 0, home=HOME, aligned=False)
            wait_for("options anywhere", lambda: self.risen("pmipv6.drop.unaligned-options", before))
            for option in (mh.ATT, mh.HANDOFF):
                self.anchor.answer(pbu, 0, home=HOME, without=(option,))
            wait_for("another ATT, none, no HI", lambda: self.risen("pmipv6.drop.pba-mismatch", before, 3))
            self.assertEqual([], [b for b in self.domain.mag1.bindings() if b["hnps"]])
        self.assertEqual(1, self.registering(dialogue).returncode)
        self.assertEqual([], self.domain.mag1.bindings())

    def risen(self, name, before, by=1):
        """Whether a counter has risen."""
        return self.domain.mag1.stats()[name] >= before[name] + by


class OldLma(OtherLma):
    """The same LMA, known to be an old node."""

    @staticmethod
    def adjust(name, config):
        """RFC 5213 section 6.9.1.2 does not hold for it."""
        OtherLma.adjust(name, config)
        config["peers"] = [{"address": str(ADDRESS["lma"]), "lenient": True}]

    def test_a_pba_without_hi_and_att_unaligned_and_with_a_prefix_of_128_bits_serves_the_host(self):
        lacking = mh.HANDOFF, mh.ATT, mh.MN_LL_ID
        done = self.registering(lambda: self.anchor.answer(
            self.next_pbu(), 0, home=AN_ADDRESS_OF_IT, without=lacking, aligned=False))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([HOME], self.domain.mag1.bindings()[0]["hnps"])
        address, _ = self.domain.mn1.slaac()
        self.assertEqual(HOME, str(address.network))
        self.assertEqual(0, self.domain.mag1.stats()["pmipv6.drop.pba-mismatch"])
        self.said = f"{AN_ADDRESS_OF_IT} is {HOME}: {address.ip}"
        self.leave()

    def test_a_pba_that_has_another_hi_is_ignored_all_the_same(self):
        before = self.domain.mag1.stats()

        def dialogue():
            self.anchor.answer(self.next_pbu(), 0, home=HOME, instead=[mh.option(mh.HANDOFF, b"\0\5")])
            wait_for("it is counted", lambda: self.risen("pmipv6.drop.pba-mismatch", before))
        self.assertEqual(1, self.registering(dialogue).returncode)
        self.assertEqual([], self.domain.mag1.bindings())


def only_mn1(name, config):
    """The LMA serves whom it knows; its IPv4 pool has one address for MNs."""
    if name == "lma":
        config["lma"] |= {
            "accept_unknown_mns": False, "ipv4_pools": ["10.9.0.0/30"], "mobile_nodes": [
                {"mn_id": "mn1@lab.example"}, {"mn_id": "mn3@lab.example"},
                {"mn_id": "mn4@lab.example", "ipv4": False}]}


class Policy(WithDomain):
    """An LMA that knows its mobile nodes by name."""

    adjust = staticmethod(only_mn1)
    nodes = NODES
    attached = False

    def test_rfc5213_153_for_a_mobile_node_of_somebody_else(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn1, domain.mag1)
        domain.plug(domain.mn2, domain.mag2)
        done = domain.mag2.crowflyctl("mn", "attach", *attach_words(domain.mn2, HI_NEW), check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("153", done.stderr + done.stdout)
        pbas = [message.status for message in domain.signalling(since) if message.type == mh.PBA]
        self.assertEqual([0, 153], pbas)
        self.assertEqual(["mn1@lab.example"], [binding["mn_id"] for binding in domain.lma.bindings()])
        self.assertEqual([], domain.mag2.bindings())
        self.said = (done.stderr or done.stdout).strip()[:120]

    def test_rfc5844_3_3_2_the_statuses_of_an_ipv4_home_address(self):
        """The prefix is granted all the same: 129 not allowed, 130 not this one, 0, 132 the pool is empty."""
        found = []
        for name, address, expected in (
                ("mn4", "0.0.0.0", 129), ("mn1", "10.77.0.1", 130), ("mn1", "0.0.0.0", 0), ("mn3", "0.0.0.0", 132)):
            with self.subTest(name=name, status=expected):
                pba = self.asks(f"{name}@lab.example", address)
                self.assertEqual((0, 1), (pba.status, len(pba.prefixes())))
                reply = pba.option(mh.IPV4_REPLY)[0]
                self.assertEqual(expected, reply[0])
                self.assertEqual(expected == 0, bool(pba.option(mh.IPV4_ROUTER)), "option 38 with status 0 alone")
                found.append(reply[0])
        self.said = ", ".join(map(str, found))

    def asks(self, name, address):
        """The PBA for an MN that asks for a prefix and an IPv4 home address, by a PBU under MAG3's address."""
        lma, target, since = self.domain.lma, ADDRESS["lma"], time.time()
        length = 0 if address == "0.0.0.0" else 32
        wish = mh.option(mh.IPV4_REQUEST, struct.pack("!BB", length << 2, 0) + ipaddress.IPv4Address(address).packed)
        pieces = [mh.timestamp(time.time()), mh.nai(name), mh.prefix_option("::/0"), mh.option(mh.HANDOFF, b"\0\3"),
                  mh.option(mh.ATT, b"\0\3"), wish]
        sender = Sender(self.domain.core, "lma")
        octets = mh.sealed(str(ADDRESS["mag3"]), str(target), mh.pbu(4711, 100, pieces))
        packet = ipv6(ADDRESS["mag3"], target, pcap.NEXT_MH, octets)
        sender.send([ether(mac_of(lma.space, "core0"), sender.mac, packet)])
        sender.close()
        return wait_for("a PBA", lambda: [m for m in self.domain.captures["lma"].messages_so_far(since)
                                          if m.type == mh.PBA and m.destination == ADDRESS["mag3"]], poll_s=0.05)[0]
