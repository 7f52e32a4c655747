"""IPv4 between the nodes: draft-loureiro section 6.2, RFC 5844 section 4, RFC 5555 section 4."""

import ipaddress
import time

from scapy.layers.inet import IP, UDP

from e2e.ipv4 import (ALT_COA, DATA, KEEPALIVE_S, NAT_PORT, NAT_PORTS, NO_NAT, OUTSIDE, PROTO_IPV6, SIGNALLING,
                      Nat, WithIpv4, active, over_ipv4)
from e2e.two_lmas import two_lmas
from lab.domain import ADDRESS, TWO_LMAS
from lab.shell import Failure, wait_for

LMA, LMA2 = "198.51.100.1", "198.51.100.2"
MAG1, MAG2 = "198.51.100.11", "198.51.100.12"
MAG1_MAGS, MAG2_MAGS, LMA_LMAS, LMA2_LMAS = "203.0.113.11", "203.0.113.12", "203.0.113.1", "203.0.113.2"
MAG2_INSIDE = "10.0.0.12"


class Plain(WithIpv4):
    """Two LMAs, two MAGs, IPv4 alone, no NAT; the tests go in order."""

    nodes = TWO_LMAS

    @staticmethod
    def adjust(name, config):
        """Two LMAs, over IPv4."""
        two_lmas(name, config)
        over_ipv4(name, config)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.attach_now()

    def test_1_l_63_registration_goes_by_udp_port_5436(self):
        pbu, pba = self.in_order("mag1", 0, [("PBU", MAG1, LMA, SIGNALLING), ("PBA", LMA, MAG1, SIGNALLING)])
        self.assertEqual(ADDRESS["mag1"], ipaddress.IPv6Address(pbu.option(ALT_COA)), "HL-8: the name")
        self.assertEqual(MAG1, pbu.ipv4_coa(), "HL-8: the address")
        self.assertEqual((SIGNALLING, pbu.source[1]), (pba.source[1], pba.destination[1]))
        self.assertEqual(NO_NAT, pba.refresh_time_s())
        self.in_order("mag2", 0, [("PBU", MAG2, LMA2, SIGNALLING), ("PBA", LMA2, MAG2, SIGNALLING)])

    def test_2_l_63_l_64_ls_10_six_messages_each_leg_by_its_own_addresses(self):
        since = self.pings(1)
        trigger = self.in_order("lma2", since, [
            ("RO Trigger", LMA_LMAS, LMA2_LMAS, SIGNALLING), ("RO Init", LMA2, MAG2, SIGNALLING),
            ("RO Init Ack", MAG2, LMA2, SIGNALLING), ("RO Trigger Ack", LMA2_LMAS, LMA_LMAS, SIGNALLING)])[0]
        setup, _ = self.in_order("mag1", since, [
            ("RO Setup", MAG2_MAGS, MAG1_MAGS, SIGNALLING), ("RO Setup Ack", MAG1_MAGS, MAG2_MAGS, SIGNALLING)])
        self.assertEqual((MAG1, MAG2_MAGS), (trigger.ipv4_coa(), setup.ipv4_coa()), "HL-8")
        active(self.domain.mag1)
        active(self.domain.mag2)

    def test_3_ls_10_the_pair_talks_in_ipv4_tunnels_past_both_lmas(self):
        since = self.pings()
        self.assertEqual([], self.users("lma", since) + self.users("lma2", since))
        direct = self.users("mag1", since)
        self.assertEqual(100, len(direct))
        ends = {(outer[IP].src, outer[IP].dst, outer[IP].proto) for outer, _ in direct}
        self.assertEqual({(MAG1_MAGS, MAG2_MAGS, PROTO_IPV6), (MAG2_MAGS, MAG1_MAGS, PROTO_IPV6)}, ends)

    def test_4_every_checksum_is_right_and_nothing_is_ipv6(self):
        self.whole()

    def test_5_ls_10_tcp_both_ways(self):
        self.tcp()

    def test_6_l_63_a_capture_gives_the_pairs_chart(self):
        seen = [(message.name, message.source[0], message.destination[0]) for message in self.signals("lma2")
                if message.name.startswith("RO ")]
        self.assertGreaterEqual(len(seen), 4)
        self.assertEqual(seen, self.charted("lma2"))
        self.said = f"{len(seen)} messages"


class Forced(WithIpv4):
    """The MAGs ask for UDP in front of every packet, and the LMA grants it."""

    @staticmethod
    def adjust(name, config):
        """F flag asked for and granted."""
        flag = "force_udp_encapsulation" if name.startswith("mag") else "accept_forced_udp_encapsulation"
        over_ipv4(name, config, **{flag: True})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.attach_now()

    def test_1_l_65_the_f_flag_puts_data_into_udp_port_5437(self):
        pbu, pba = self.in_order("mag1", 0, [("PBU", MAG1, LMA, SIGNALLING), ("PBA", LMA, MAG1, SIGNALLING)])
        self.assertTrue(pbu.octets[8] & 0x01, "F flag")
        self.assertEqual((0x80, NO_NAT), (pba.option(31)[0], pba.refresh_time_s()))
        self.pings(1)
        active(self.domain.mag1)
        since = self.pings()
        self.assertEqual([], self.users("lma", since))
        ports = {(outer[UDP].sport, outer[UDP].dport) for outer, _ in self.users("mag1", since)}
        self.assertEqual({(DATA, DATA)}, ports)

    def test_2_every_checksum_is_right_and_nothing_is_ipv6(self):
        self.whole()

    def test_3_l_65_tcp_both_ways(self):
        self.tcp()


class BehindNat(WithIpv4):
    """MAG2 is behind a NAT, towards the LMA and towards MAG1; the tests go in order."""

    @staticmethod
    def adjust(name, config):
        """MAG2 has a private address; NATs forget soon."""
        over_ipv4(name, config, behind=("mag2",), nat_keepalive_s=KEEPALIVE_S)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nat = Nat(cls.lab, cls.domain, "mag2")
        cls.attach_now()

    def test_1_l_65_registration_finds_the_nat_and_crosses_it_by_port_4191(self):
        outside = OUTSIDE["others"]
        first, told, again, pba = self.in_order("lma", 0, [
            ("PBU", outside, LMA, SIGNALLING), ("PBA", LMA, outside, SIGNALLING),
            ("PBU", outside, LMA, NAT_PORT), ("PBA", LMA, outside, NAT_PORT)])
        self.assertEqual(MAG2_INSIDE, first.ipv4_coa(), "what the MAG takes for its own is not what the LMA sees")
        for pbu, answer in ((first, told), (again, pba)):
            self.assertIn(pbu.source[1], NAT_PORTS)
            self.assertEqual((pbu.source, KEEPALIVE_S), (answer.destination, answer.refresh_time_s()))

    def test_2_l_66_ls_11_setup_finds_the_nat_between_the_mags(self):
        since, outside = self.pings(1), OUTSIDE["equals"]
        setup, told, again, ack = self.in_order("mag1", since, [
            ("RO Setup", outside, MAG1_MAGS, SIGNALLING), ("RO Setup Ack", MAG1_MAGS, outside, SIGNALLING),
            ("RO Setup", outside, MAG1_MAGS, NAT_PORT), ("RO Setup Ack", MAG1_MAGS, outside, NAT_PORT)])
        self.assertEqual((MAG2_INSIDE, KEEPALIVE_S), (setup.ipv4_coa(), told.refresh_time_s()))
        self.assertEqual(again.source, ack.destination)
        active(self.domain.mag1)
        active(self.domain.mag2)

    def test_3_l_66_ls_11_the_pair_talks_through_the_nat_past_the_lma(self):
        since = self.pings()
        self.assertEqual([], self.users("lma", since))
        direct = self.users("mag1", since)
        self.assertEqual(100, len(direct))
        for outer, _ in direct:
            inner_port, outer_port = sorted((outer[UDP].sport, outer[UDP].dport))
            self.assertEqual(NAT_PORT, inner_port)
            self.assertIn(outer_port, NAT_PORTS)

    def test_4_l_65_the_nat_is_kept_open_within_the_refresh_time(self):
        since = time.time()
        time.sleep(2 * KEEPALIVE_S)
        pbus = [message.time for message in self.signals("lma", since) if message.name == "PBU" and message.inner]
        gaps = [b - a for a, b in zip(pbus, pbus[1:])]
        self.assertTrue(gaps, "at least two PBUs")
        self.assertLess(max(gaps), KEEPALIVE_S)
        self.said = f"every {max(gaps):.1f} s"

    def test_5_l_65_l_66_a_nat_that_forgets_is_found_again(self):
        self.pings(1)
        active(self.domain.mag2)
        stream = self.domain.mn1.start_ping(self.there, 0.05)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 5)
        before = {self.port_of("mag1"), self.port_of("lma")}
        self.nat.forget()
        forgotten = time.time()
        wait_for("the ping goes on", lambda: [reply for reply in stream.replies() if reply[0] > forgotten + 0.5],
                 3 * KEEPALIVE_S, 0.2)
        wait_for("new ports everywhere", lambda: not before & {self.port_of("mag1"), self.port_of("lma")},
                 2 * KEEPALIVE_S, 0.5)
        time.sleep(1)
        result = stream.result()
        stream.stop()
        self.assertTrue(self.users("mag1", forgotten))
        self.said = f"gap {result.longest_gap_s():.1f} s"

    def test_6_every_checksum_is_right_and_nothing_is_ipv6(self):
        self.whole()

    def test_7_ls_11_tcp_both_ways(self):
        self.tcp()

    def test_8_l_66_a_capture_past_a_nat_gives_the_pairs_chart(self):
        """In port 4191 nodes have their IPv6 names."""
        outside, inside = OUTSIDE["equals"], (str(ADDRESS["mag2"]), str(ADDRESS["mag1"]))
        self.assertEqual([("RO Setup", outside, MAG1_MAGS), ("RO Setup Ack", MAG1_MAGS, outside),
                          ("RO Setup", *inside), ("RO Setup Ack", *inside[::-1])], self.charted("mag1")[:4])

    def port_of(self, name):
        """The port that the NAT shows of MAG2's port 4191 to a node, last seen."""
        seen = [message.source[1] for message in self.signals(name)
                if message.port == NAT_PORT and message.source[0] in OUTSIDE.values()]
        if not seen:
            raise Failure(f"nothing of MAG2 at {name} by port {NAT_PORT}")
        return seen[-1]
