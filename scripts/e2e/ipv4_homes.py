"""What the tests with IPv4 home addresses share: pools, hosts with a DHCP client, and their pairs in captures."""

import ipaddress
import time

from e2e.case import WithDomain
from lab.domain import HI_NEW, ONLY_IPV4
from lab.mh import IPV4_HOME_ADDRESS
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

POOL = ipaddress.IPv4Network("10.1.0.0/16")
POOL_2 = ipaddress.IPv4Network("10.2.0.0/16")
ROUTER = POOL[1]  # the first host address of the pool
FIXED_MAC = "00:00:5e:00:52:13"  # of every MAG on every access link (RFC 6543)
TUNNEL_MTU_BYTES = 1460
BINDING_LIFETIME_S = 20  # so that a client renews within a test
IPV4_IN_IPV6 = "ip6 proto 4"
PINGS = 50


def ipv4_pool(name, config):
    """LMA1 gives out IPv4 home addresses, for a short time."""
    if name == "lma":
        config["lma"]["ipv4_pools"] = [str(POOL)]
    if name.startswith("mag"):
        config["mag"]["binding_lifetime_s"] = BINDING_LIFETIME_S


class WithIpv4(WithDomain):
    """The domain with an IPv4 pool; nobody is attached yet."""

    adjust = staticmethod(ipv4_pool)
    attached = False

    @classmethod
    def attach_ipv4(cls, mn, mag, hi=HI_NEW, more=ONLY_IPV4):
        """Attaches a host and lets its DHCP client get what there is; returns address and default router."""
        cls.domain.attach(mn, mag, hi, more)
        mn.start_dhcp()
        return mn.dhcp()

    def pair_at(self, capture, one, other):
        """Packets between two addresses in a running capture: (outer, inner)."""
        both = [(outer, outer.inner()) for outer in capture.packets()]
        return [(outer, inner) for outer, inner in both
                if inner and {inner.source, inner.destination} == {one, other}]

    def direct(self, mn, one, there, label):
        """Pings of a pair: not one packet of it at the LMA, by its counters and by a capture."""
        domain = self.domain
        capture = domain.capture_user("lma", f"{label}-{len(domain.lab.processes)}", IPV4_IN_IPV6)
        before = user_packets(domain.lma)
        pings = mn.ping(there, PINGS)
        seen = len(self.pair_at(capture, one, there))
        capture.stop()
        self.assertEqual((0, 0, 0), (pings.lost, seen, user_packets(domain.lma) - before))
        return pings

    def path_lists(self, nodes, one, other):
        """Waits for an active path of two addresses, as /32, at each node; returns the nodes' peers."""
        homes = {f"{one}/32", f"{other}/32"}
        return [wait_for(f"a path of {one} and {other} at {node.name}", lambda n=node: [
            path for path in live_paths(n) if path["state"] == "active"
            and {path["source"], path["destination"]} == homes])[0].get("peer") for node in nodes]

    def names_both(self, messages, source, destination):
        """Every message names both IPv4 homes, source first, and no prefix (L-29, L-61, L-62)."""
        # Prefix length 32 in the upper six bits, P and the reserved bits 0 (HL-11).
        expected = [bytes([32 << 2, 0]) + address.packed for address in (source, destination)]
        for message in messages:
            self.assertEqual(expected, message.option(IPV4_HOME_ADDRESS), message.name)
            self.assertEqual([], message.prefixes(), message.name)
            self.assertEqual([], message.misaligned(), message.name)
            self.assertTrue(message.checksum_good, message.name)

    def localize(self):
        """Switches localized routing on at the LMA, where the domain started without it."""
        lma = self.domain.lma
        lma.config["localized_routing"]["enabled"] = True
        lma.write_config()
        lma.call("config.reload")
        return time.time()
