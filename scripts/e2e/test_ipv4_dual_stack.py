"""IPv6 and IPv4 home addresses over IPv4 transport, plain and behind a NAT (draft-loureiro section 6)."""

import ipaddress
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from e2e.ipv4 import NAT_PORT, PROTO_IPV4, PROTO_UDP, Nat, WithIpv4, active, over_ipv4
from e2e.ipv4_homes import ipv4_pool
from lab.domain import HI_NEW, WITH_IPV4
from lab.steps import user_packets


class DualStack(WithIpv4):
    """Both MNs have an IPv6 prefix and an IPv4 home address; the tests go in order."""

    hidden = ()

    @staticmethod
    def adjust(name, config):
        """An IPv4 pool, over IPv4."""
        ipv4_pool(name, config)
        over_ipv4(name, config)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.hidden:
            cls.nat = Nat(cls.lab, cls.domain, *cls.hidden)
        cls.watch()

    def test_1_ls_10_registration_brings_both_families(self):
        domain, cls = self.domain, type(self)
        cls.ipv4 = []
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag, HI_NEW, WITH_IPV4)
            mn.start_dhcp()
            cls.ipv4.append(mn.dhcp()[0].ip)
            mn.slaac()
        cls.here, cls.one = domain.home(domain.mn1)
        cls.there, cls.two = domain.home(domain.mn2)
        self.said = f"{cls.ipv4[0]}, {cls.here}"

    def test_2_ls_10_both_families_go_past_the_lma(self):
        domain = self.domain
        self.pings(1)
        active(domain.mag1)
        active(domain.mag2)
        before, since = user_packets(domain.lma), time.time()
        self.pings(20)
        self.assertEqual(0, domain.mn1.ping(self.ipv4[1], 20).lost)
        self.assertEqual(0, user_packets(domain.lma) - before)
        outer = [self.outer_of_ipv4(frame) for frame in self.captures["mag1"].frames() if frame.time >= since]
        self.assertEqual({self.expected()}, {found for found in outer if found})

    def test_3_every_checksum_is_right_and_nothing_is_ipv6(self):
        self.whole()

    def test_4_tcp_both_ways(self):
        self.tcp()

    def outer_of_ipv4(self, frame):
        """What carries an IPv4 packet of the pair: "IP", or the UDP port on this side of the NAT; or None."""
        packet = Ether(frame.octets)
        if IP not in packet:
            return None
        udp = packet.getlayer(UDP) if packet[IP].proto == PROTO_UDP else None
        inner = bytes(udp.payload) if udp else bytes(packet[IP].payload) if packet[IP].proto == PROTO_IPV4 else b""
        if len(inner) < 20 or inner[0] >> 4 != 4:
            return None
        ends = {ipaddress.IPv4Address(inner[12:16]), ipaddress.IPv4Address(inner[16:20])}
        return (min(udp.sport, udp.dport) if udp else "IP") if ends == set(self.ipv4) else None

    def expected(self):
        """IPv4-in-IPv4, or UDP port 4191."""
        return NAT_PORT if self.hidden else "IP"


class DualStackBehindNat(DualStack):
    """The same with MAG2 behind a NAT."""

    hidden = ("mag2",)

    @staticmethod
    def adjust(name, config):
        """An IPv4 pool, over IPv4, MAG2 hidden."""
        ipv4_pool(name, config)
        over_ipv4(name, config, behind=("mag2",))

    test_1_ls_11_registration_brings_both_families = DualStack.test_1_ls_10_registration_brings_both_families
    test_2_ls_11_both_families_go_past_the_lma = DualStack.test_2_ls_10_both_families_go_past_the_lma
    test_3_ls_11_every_checksum_is_right = DualStack.test_3_every_checksum_is_right_and_nothing_is_ipv6
    test_4_ls_11_tcp_both_ways = DualStack.test_4_tcp_both_ways
