"""Every inner and outer family with GRE (RFC 5845 sections 3 and 7): IPv6 and IPv4 of the mobile nodes over IPv4,
bare and in UDP. IPv6 outside is the other tests' (test_gre) and, for IPv4 inside, the first class's.
"""

import time

from e2e.case import WithDomain
from e2e.gre import tunnelled
from e2e.ipv4 import WithIpv4, active, over_ipv4
from e2e.ipv4_homes import ipv4_pool
from lab.capture import Capture
from lab.domain import HI_NEW, WITH_IPV4
from lab.steps import user_packets

PINGS = 20


class Both:
    """Both families of a pair, over the LMA and past it."""

    form = "gre"

    def attach_dual_stack(self):
        """An IPv6 prefix and an IPv4 home address for both MNs; returns their addresses by family."""
        domain, ipv4 = self.domain, []
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag, HI_NEW, WITH_IPV4)
            mn.start_dhcp()
            ipv4.append(mn.dhcp()[0].ip)
            mn.slaac()
        return {"ipv6": [domain.home(mn)[0] for mn in (domain.mn1, domain.mn2)], "ipv4": ipv4}

    def localize(self):
        """Paths from now on."""
        lma = self.domain.lma
        lma.config["localized_routing"]["enabled"] = True
        lma.write_config()
        lma.call("config.reload")

    def seen(self, capture, since, ends):
        """Forms and keys of a pair's packets at a node, each with how many; none is without a key."""
        packets = [tunnelled(frame) for frame in capture.frames() if frame.time >= since]
        found = [packet for packet in packets if packet and set(packet.ends) == set(ends)]
        self.assertEqual([], [packet for packet in found if packet.key is None])
        self.assertEqual({self.form}, {packet.form for packet in found})
        return {(packet.outer, packet.key) for packet in found}, len(found)

    def story(self):
        """Over the LMA, then past it."""
        domain = self.domain
        homes = self.attach_dual_stack()
        capture = Capture(self.lab, domain.core, "mag1", "mag1-both", "ip or ip6")
        over, past = {}, {}
        for name, ends in homes.items():
            with self.subTest(inner=name, way="over the LMA"):
                since = time.time()
                self.assertEqual(0, domain.mn1.ping(ends[1], PINGS).lost)
                over[name], count = self.seen(capture, since, ends)
                self.assertEqual((2, 2 * PINGS), (len(over[name]), count))
        self.localize()
        domain.mn1.ping(homes["ipv6"][1], 2)
        domain.mn1.ping(homes["ipv4"][1], 2)
        for node in (domain.mag1, domain.mag2):
            active(node)
        for name, ends in homes.items():
            with self.subTest(inner=name, way="past the LMA"):
                before, since = user_packets(domain.lma), time.time()
                self.assertEqual(0, domain.mn1.ping(ends[1], PINGS).lost)
                past[name], count = self.seen(capture, since, ends)
                self.assertEqual((2, 2 * PINGS), (len(past[name]), count))
                self.assertEqual(before, user_packets(domain.lma))
        self.assertEqual(over["ipv4"], over["ipv6"], "one tunnel for an MN's both families")
        self.assertFalse({key for _, key in over["ipv6"]} & {key for _, key in past["ipv6"]})
        rate = domain.mn1.iperf(domain.mn2, homes["ipv6"][1])
        self.assertGreater(rate, 1)
        self.said = f"{self.form}: both families, TCP {rate:.0f} Mbit/s"


def dual_stack(name, config):
    """GRE, an IPv4 pool, and no path before the test wants one."""
    config["gre"] = "required"
    ipv4_pool(name, config)
    if name == "lma":
        config["localized_routing"]["enabled"] = False


class OverIpv6(Both, WithDomain):
    """IPv6 outside."""

    adjust = staticmethod(dual_stack)
    attached = False

    def test_rfc_5845_both_families_in_gre_over_ipv6(self):
        self.story()


class OverIpv4(Both, WithIpv4):
    """IPv4 outside."""

    @staticmethod
    def adjust(name, config):
        """No UDP."""
        dual_stack(name, config)
        over_ipv4(name, config)

    def test_rfc_5845_both_families_in_gre_over_ipv4(self):
        self.story()


class OverUdp(Both, WithIpv4):
    """IPv4 and UDP outside: a TLV header in front of GRE."""

    form = "udp+tlv+gre"

    @staticmethod
    def adjust(name, config):
        """F flag asked for and granted."""
        dual_stack(name, config)
        flag = "force_udp_encapsulation" if name.startswith("mag") else "accept_forced_udp_encapsulation"
        over_ipv4(name, config, **{flag: True})

    def test_rfc_5845_both_families_in_gre_in_udp(self):
        self.story()
