"""A NAT before the MAG of the pair's source, which therefore has to speak first, and one before each of the two MAGs
(RFC 5555 section 4.1; L-65, L-66, LS-11)."""

import time

from scapy.layers.inet import UDP

from e2e.ipv4 import KEEPALIVE_S, NAT_PORT, NAT_PORTS, OUTSIDE, SIGNALLING, Nat, WithIpv4, active, outside, over_ipv4
from e2e.test_protected_ipv4 import Sealed, keys
from e2e.two_lmas import two_lmas
from lab import mh
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, TWO_LMAS
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

LMA, MAG2_MAGS = "198.51.100.1", "203.0.113.12"
HIDDEN = "mag1"


class SourceHidden(WithIpv4):
    """MN1, who speaks first, is at a MAG behind a NAT; the tests go in order."""

    hidden = (HIDDEN,)

    @classmethod
    def adjust(cls, name, config):
        """MAG1 has a private address."""
        over_ipv4(name, config, behind=cls.hidden, nat_keepalive_s=KEEPALIVE_S)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nats = [Nat(cls.lab, cls.domain, name, number) for number, name in enumerate(cls.hidden)]
        cls.attach_now()

    def direct(self, one, other):
        """The pair talks past the LMAs, through the NAT."""
        for name in (one, other):
            active(self.domain.nodes[name])
        since = self.pings()
        for name in self.domain.nodes:
            if name.startswith("lma"):
                self.assertEqual([], self.users(name, since), name)
        ends = {tuple(sorted((outer[UDP].sport, outer[UDP].dport))) for outer, _ in self.users(other, since)}
        self.assertTrue(ends and all(low == NAT_PORT and high in NAT_PORTS for low, high in ends), ends)

    def test_1_l_65_ls_11_the_mag_behind_the_nat_gets_ro_init_and_speaks_first(self):
        since, mapped = self.pings(1), OUTSIDE["equals"]
        init, = self.in_order("lma", since, [("RO Init", LMA, OUTSIDE["others"], NAT_PORT)])
        self.in_order("mag2", since, [
            ("RO Setup", mapped, MAG2_MAGS, SIGNALLING), ("RO Setup Ack", MAG2_MAGS, mapped, SIGNALLING),
            ("RO Setup", mapped, MAG2_MAGS, NAT_PORT), ("RO Setup Ack", MAG2_MAGS, mapped, NAT_PORT)])
        homes = [piece[2:10] for piece in prefixes(init.octets)]
        self.assertEqual([net.network_address.packed[:8] for net in (self.two, self.one)], homes, "roles exchanged")
        self.direct(HIDDEN, "mag2")

    def test_2_l_65_l_66_a_nat_that_forgets_is_found_again(self):
        stream = self.domain.mn1.start_ping(self.there, 0.05)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 5)
        self.nats[0].forget()
        forgotten = time.time()
        wait_for("the ping goes on", lambda: [reply for reply in stream.replies() if reply[0] > forgotten + 0.5],
                 3 * KEEPALIVE_S, 0.2)
        self.said = f"gap {stream.result().longest_gap_s():.1f} s"
        stream.stop()

    def test_3_l_56_ls_11_the_path_follows_mn2_to_another_mag(self):
        domain = self.domain
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach_moved(domain.mn2, domain.mag2)
        wait_for("MAG3 sends to MAG1", lambda: [path for path in live_paths(domain.mag3) if path["state"] == "active"
                                               and path["peer"] == str(ADDRESS[HIDDEN])])
        self.direct(HIDDEN, "mag3")

    def test_4_every_checksum_is_right_and_nothing_is_ipv6(self):
        self.whole()


class SourceHiddenTwoLmas(Sealed, SourceHidden):
    """The same with two LMAs and ESP: LMA1, whose MAG it is, controls the pair."""

    nodes = TWO_LMAS

    @classmethod
    def adjust(cls, name, config):
        """Two LMAs, keys, MAG1 hidden and aware of it."""
        two_lmas(name, config)
        over_ipv4(name, config, behind=cls.hidden, nat_keepalive_s=KEEPALIVE_S, behind_nat=name in cls.hidden)
        keys(cls.lab, name, config, behind=cls.hidden)

    def test_1_l_65_l_69_ls_11_the_lma_of_the_mag_behind_the_nat_controls(self):
        since = self.pings(1)
        self.in_order("lma", since, [("RO Init", LMA, OUTSIDE["others"], NAT_PORT),
                                     ("RO Init Ack", OUTSIDE["others"], LMA, NAT_PORT)])
        for name in ("lma", "lma2"):
            path, = active(self.domain.nodes[name])
            self.assertEqual(str(ADDRESS["lma"]), path["controller"], name)
        self.direct(HIDDEN, "mag2")

    test_2_l_65_l_66_l_69_a_nat_that_forgets_is_found_again_by_esp = (
        SourceHidden.test_2_l_65_l_66_a_nat_that_forgets_is_found_again)

    def test_3_l_68_l_69_ls_11_tshark_decrypts_and_finds_nothing_wrong(self):
        self.tshark()


class TwoNats(SourceHidden):
    """Both MAGs are hidden, each by a NAT of its own: nobody can speak first."""

    hidden = (HIDDEN, "mag2")

    def test_1_l_65_the_pair_stays_with_its_anchor_and_an_operator_sees_why(self):
        domain, before = self.domain, user_packets(self.domain.lma)
        self.pings()
        self.assertGreaterEqual(user_packets(domain.lma) - before, 200, "each ping four times")
        for name in ("mag1", "mag2"):
            self.assertEqual([], [path for path in live_paths(domain.nodes[name]) if path["state"] == "active"])
        path = domain.lma.call("path.show", source=str(self.one), destination=str(self.two))
        self.assertIn("behind NATs", path["why"])
        self.said = path["why"]

    def test_2_l_65_each_registration_has_its_own_nat(self):
        seen = {message.source[0] for message in self.signals("lma") if message.name == "PBU"}
        self.assertLessEqual({outside(number)["others"] for number in (0, 1)}, seen)


def prefixes(octets):
    """Data of the HNP options of a message."""
    return [data for _, kind, data in mh.options(octets) if kind == mh.HNP]
