"""A router between MAG1 and the others that takes less than its links: the tunnels follow what it says (RFC 2473
sections 7 and 8, RFC 4213 section 3.2, RFC 8201, RFC 1191), and no host meets a black hole. And what nobody who is not
on the way can make a node believe.
"""

import ipaddress

from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.packet import Raw

from e2e import ipv4
from e2e.case import WithDomain
from e2e.forms import (LINK_MTU_BYTES, NODES, PATH_LIFETIME_S, attach_both_unaided, forget_paths, join_taps, localize,
                       on_taps, ping, read_wire, total)
from e2e.ipv4_homes import POOL
from lab import exchange, netns
from lab.capture import Capture
from lab.domain import ADDRESS, NETWORK_SIDE
from lab.inject import Sender, ether
from lab.shell import run, wait_for
from lab.steps import live_paths

WAY_MTU_BYTES = 1300
# Less than every IPv6 packet has to be able to be: the tunnel has to fragment (RFC 2473 section 7.1).
TUNNEL_MTU_BYTES = {6: WAY_MTU_BYTES - 40, 4: WAY_MTU_BYTES - 20}
IPV6_LEAST_BYTES = 1280
TCP_BYTES = 200_000
FAR = ipaddress.IPv6Network("2001:db8:f1::/64")
INSIDE, OUTSIDE = FAR[1], ipaddress.IPv6Address("2001:db8:f::fe")
MAG1 = FAR[0x11]
INSIDE_4, OUTSIDE_4 = "192.0.2.1", "198.51.100.254"
MAG1_4 = "192.0.2.11"


class Router:
    """A Linux router in front of MAG1; its routes have the smaller MTU, so that both ways are told of it."""

    def __init__(self, lab, domain):
        self.space, core = lab.namespace("router"), domain.core
        netns.bridge(core, "br1")
        netns.plug(core, "mag1", "br1")
        for inside, outside, bridge in (("in", "rtin", "br1"), ("out", "rtout", "br0")):
            netns.veth(self.space, inside, core, outside)
            netns.plug(core, outside, bridge)
            netns.silence(core, outside)
        netns.sysctl(self.space, "net.ipv4.ip_forward", 1)
        netns.sysctl(self.space, "net.ipv6.conf.all.forwarding", 1)
        # Linux limits its errors; here every one counts.
        netns.sysctl(self.space, "net.ipv6.icmp.ratelimit", 0)
        netns.sysctl(self.space, "net.ipv4.icmp_ratelimit", 0)
        for family, device, address, network in (
                ("-6", "in", f"{INSIDE}/64", FAR), ("-6", "out", f"{OUTSIDE}/64", "2001:db8:f::/64"),
                ("-4", "in", f"{INSIDE_4}/24", "192.0.2.0/24"), ("-4", "out", f"{OUTSIDE_4}/24", "198.51.100.0/24")):
            nodad = ["nodad"] if family == "-6" else []
            run("ip", family, "-n", self.space, "addr", "add", address, "dev", device, *nodad)
            run("ip", family, "-n", self.space, "route", "replace", network, "dev", device, "mtu", "lock",
                WAY_MTU_BYTES, *(["metric", 256] if family == "-6" else []))


def peers_of(name):
    """Whom a node knows."""
    return [other for other in NODES if other != name]


def common(name, config):
    """An IPv4 pool, and no path before a test wants one."""
    if name == "lma":
        config["lma"]["ipv4_pools"] = [str(POOL)]
        config["localized_routing"]["enabled"] = False
    config["localized_routing"]["lifetime_s"] = PATH_LIFETIME_S
    on_taps(name, config)


def core_port(config):
    """The transport port."""
    return next(port for port in config["ports"] if port["name"] == "core")


class Story(WithDomain):
    """What is done over either outer family; the tests go in order."""

    attached = False
    nodes = NODES
    outer = 6

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        join_taps(domain)
        cls.router = Router(cls.lab, domain)
        cls.capture = Capture(cls.lab, domain.core, "rtout", "router-wire", "ip or ip6")
        homes = attach_both_unaided(domain)
        cls.pairs = {inner: (homes[0][inner], homes[1][inner]) for inner in ("ipv6", "ipv4")}

    def known(self, node, peer):
        """What a node says of the way to a peer."""
        entries = self.domain.nodes[node].call("peer.list")["peers"]
        return next(entry for entry in entries if entry["address"] == str(self.address(peer))).get("path_mtu_bytes")

    def address(self, name):
        """A node's name."""
        return ADDRESS[name]

    def talk(self, peers):
        """Both inner families, TCP first: nobody knows anything then. Returns the path MTUs that the hosts find."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        found = {}
        for inner, (here, there) in self.pairs.items():
            with self.subTest(inner=inner, outer=self.outer, peers=peers):
                forget_paths(mn1, mn2)
                found[inner] = exchange.tcp(mn1, mn2, there, TCP_BYTES)
                exchange.udp(mn1, mn2, there, 3, 8_000)
                exchange.udp(mn2, mn1, here, 3, 8_000)
                if inner == "ipv4":
                    for octets in (TUNNEL_MTU_BYTES[self.outer] + 1, LINK_MTU_BYTES):
                        self.assertEqual(1, ping(mn1, there, octets, "dont"), f"{octets} octets in fragments")
        return found

    def expect(self, found):
        """What hosts are told: the tunnel's MTU, but never less than an IPv6 link's. IPv6 in IPv4 goes with DF clear
        (RFC 4213 section 3.2.1): until an IPv4 packet has found the router, that fragments for it."""
        tunnel = TUNNEL_MTU_BYTES[self.outer]
        told = max(tunnel, IPV6_LEAST_BYTES)
        before = told if self.outer == 6 else LINK_MTU_BYTES - 20
        self.assertEqual({"ipv6": (before, before), "ipv4": (tunnel, tunnel)}, found)
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        forget_paths(mn1, mn2)
        self.assertEqual((told, told), exchange.tcp(mn1, mn2, self.pairs["ipv6"][1], TCP_BYTES))

    def over_the_lma(self):
        """Up and down: MAG1 and the LMA each have the router between them."""
        found = self.talk("mag1, lma")
        self.assertEqual((WAY_MTU_BYTES, WAY_MTU_BYTES), (self.known("mag1", "lma"), self.known("lma", "mag1")))
        self.assertIsNone(self.known("lma", "mag2"))
        self.expect(found)
        self.said = f"hosts found {found}"

    def past_the_lma(self):
        """The same between the MAGs."""
        localize(self.domain, [there for _, there in self.pairs.values()])
        found = self.talk("mag1, mag2")
        self.assertEqual((WAY_MTU_BYTES, WAY_MTU_BYTES), (self.known("mag1", "mag2"), self.known("mag2", "mag1")))
        self.expect(found)
        self.said = f"hosts found {found}"

    def wire(self):
        """What came out of the router."""
        seen = read_wire(self.capture.stop())
        self.assertEqual(({f"ipv{self.outer}"}, 0), (set(seen.carriers), seen.malformed))
        self.said = f"{sum(seen.carriers.values())} whole, {seen.fragments} fragments"


class OverIpv6(Story):
    """Packet Too Big."""

    @staticmethod
    def adjust(name, config):
        """MAG1 has an address of its own network."""
        common(name, config)
        port = core_port(config)
        port["gateway"] = str(INSIDE if name == "mag1" else OUTSIDE)
        if name == "mag1":
            port["addresses"] = [f"{MAG1}/64"]
        if name == "lma":
            config["lma"]["authorised_mags"] = [str(MAG1), str(ADDRESS["mag2"])]
        if name == "mag2":
            config["mag"]["peer_mags"] = [str(MAG1)]

    def address(self, name):
        """A node's name: MAG1 has another one."""
        return MAG1 if name == "mag1" else ADDRESS[name]

    def test_1_rfc_2473_tcp_and_datagrams_through_a_way_of_1300_octets_over_the_lma(self):
        self.over_the_lma()

    def test_2_rfc_2473_tcp_and_datagrams_through_a_way_of_1300_octets_past_the_lma(self):
        self.past_the_lma()

    def test_3_every_frame_has_the_form(self):
        self.wire()

    def test_4_rfc_8201_what_is_not_sent_is_not_believed(self):
        """Errors of a stranger about packets that MAG2 does not send to the LMA, or that would fit."""
        domain, mag2 = self.domain, self.domain.mag2
        sender = Sender(domain.core, "mag2")
        to = next(port["mac"] for port in mag2.call("status")["ports"] if port["name"] == "core")
        here, there = self.pairs["ipv6"]
        inet = NETWORK_SIDE["inet"]
        outer = IPv6(src=str(ADDRESS["mag2"]), dst=str(ADDRESS["lma"]))
        lies = {
            "another's home": (outer / IPv6(src=str(here), dst=inet) / Raw(bytes(1400)), 1290),
            "no home": (outer / IPv6(src="2001:db8:bad::1", dst=inet) / Raw(bytes(1400)), 1290),
            "less than any": (outer / IPv6(src=str(there), dst=inet) / Raw(bytes(1400)), 1279),
            "it would fit": (outer / IPv6(src=str(there), dst=inet) / Raw(bytes(1000)), 1290),
        }
        before, count = total(mag2, "net.drop.path-mtu"), 0
        for name, (quoted, mtu) in lies.items():
            with self.subTest(lie=name):
                count += 1
                error = IPv6(src="2001:db8:f::bad", dst=str(ADDRESS["mag2"])) / ICMPv6PacketTooBig(mtu=mtu) / \
                    Raw(bytes(quoted)[:1200])
                sender.send([ether(to, sender.mac, bytes(error))])
                wait_for("it is counted", lambda c=count: total(mag2, "net.drop.path-mtu") - before == c, 3)
                self.assertIsNone(self.known("mag2", "lma"))
        sender.close()


class OverIpv4(Story):
    """Fragmentation needed and DF set."""

    outer = 4

    @staticmethod
    def adjust(name, config):
        """IPv4 alone; MAG1 in a network of its own."""
        common(name, config)
        port = core_port(config)
        addresses = {peer: f"198.51.100.{ipv4.last(peer)}" for peer in NODES} | {"mag1": MAG1_4}
        port["addresses"] = [f"{ADDRESS[name]}/128", f"{addresses[name]}/24"]
        port["gateway4"] = INSIDE_4 if name == "mag1" else OUTSIDE_4
        config["ipv4_transport"] = {"peers": [
            {"peer": str(ADDRESS[peer]), "address": addresses[peer]} for peer in peers_of(name)]}

    def test_1_rfc_4213_tcp_and_datagrams_through_a_way_of_1300_octets_over_the_lma(self):
        self.over_the_lma()

    def test_2_rfc_4213_tcp_and_datagrams_through_a_way_of_1300_octets_past_the_lma(self):
        self.past_the_lma()

    def test_3_every_frame_has_the_form(self):
        self.wire()
