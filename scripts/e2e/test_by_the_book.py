"""Tunnels by the book, seen from outside: an access link that takes less than all before it (RFC 2473 section 8, RFC
8201, RFC 1191), hop limits, the encapsulation limit (RFC 2473 sections 4.1.1 and 6.6), ECN by the table of RFC 6040,
flow labels (RFC 6438).

MAG2's access link takes 1400 octets, and its host tells its peers of more, as one does that has others behind it.
Whoever sends is told by MAG2, in the name of the host's home: the LMA and another MAG take nothing else from it (L-75).
"""

import collections
import ipaddress
import re

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from e2e.case import WithDomain
from e2e.forms import (LINK_MTU_BYTES, NODES, PATH_LIFETIME_S, attach_both_unaided, forget_paths, localize, ping,
                       total)
from e2e.ipv4_homes import FIXED_MAC, POOL, ROUTER
from lab import exchange
from lab.capture import Capture
from lab.domain import ACCESS_PORT, ADDRESS, FIXED_ROUTER, HI_BETWEEN_MAGS, NETWORK_SIDE, WITH_IPV4
from lab.host import INTERFACE, family
from lab.inject import Sender, ether
from lab.shell import run, wait_for
from lab.steps import user_packets

ACCESS_MTU_BYTES, TUNNEL_MTU_BYTES = 1400, 1460
TCP_BYTES, TCP_HEADERS_BYTES = 200_000, 60
INET_IPV4 = "192.0.2.2"
ETHERTYPE_IPV4 = 0x0800
FAMILIES = ("ipv6", "ipv4")
NEXT_IPV4, NEXT_UDP, NEXT_IPV6, NEXT_OPTIONS = 4, 17, 41, 60
ICMPV6_PARAMETER_PROBLEM = 4
OUTER_BYTES = 40
OWN_LIMIT, LIMIT_BYTES = 4, 8  # RFC 2473 section 6.6
LIMIT_AT = OUTER_BYTES + 4  # of the limit in a packet whose options follow its header
NOT_ECT, ECT_1, ECT_0, CE = range(4)
DROPPED = None
# RFC 6040 figure 4: by the inner field, what leaves by the outer one.
EXIT = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT_0: NOT_ECT, ECT_1: NOT_ECT, CE: DROPPED},
    ECT_0: {NOT_ECT: ECT_0, ECT_0: ECT_0, ECT_1: ECT_1, CE: CE},
    ECT_1: {NOT_ECT: ECT_1, ECT_0: ECT_1, ECT_1: ECT_1, CE: CE},
    CE: {NOT_ECT: CE, ECT_0: CE, ECT_1: CE, CE: CE},
}
PORT = 20_000  # of UDP: what tells packets apart
FLOWS, PACKETS_OF_A_FLOW = 8, 3


def adjust(name, config):
    """An IPv4 pool, no path before a test wants one, and the narrow link."""
    if name == "lma":
        config["lma"]["ipv4_pools"] = [str(POOL)]
        config["localized_routing"]["enabled"] = False
    config["localized_routing"]["lifetime_s"] = PATH_LIFETIME_S
    if name == "mag2":
        next(port for port in config["ports"] if port["name"] == ACCESS_PORT)["mtu_bytes"] = ACCESS_MTU_BYTES
    if name == "mag3":
        config["dataplane"]["encapsulation_limit"] = OWN_LIMIT


def port_mac(node, name):
    """Link-layer address of a node's port."""
    return next(port["mac"] for port in node.call("status")["ports"] if port["name"] == name)


def limited(limit, source, destination):
    """A packet that is in a tunnel already, and may be put into so many more."""
    options = bytes([NEXT_IPV6, 0, 4, 1, limit, 1, 1, 0])
    carried = IPv6(src="2001:db8:a::1", dst="2001:db8:b::1") / UDP(sport=PORT, dport=PORT) / Raw(bytes(8))
    return bytes(IPv6(src=str(source), dst=str(destination), nh=NEXT_OPTIONS) / Raw(options + bytes(carried)))


def source_port(user):
    """UDP source port of an IP packet without extension headers, or None."""
    at, protocol = (40, user[6]) if user[0] >> 4 == 6 else (20, user[9])
    return int.from_bytes(user[at:at + 2], "big") if protocol == NEXT_UDP else None


def traffic_class(user):
    """Traffic Class or TOS of an IP packet."""
    return (int.from_bytes(user[:2], "big") >> 4) & 0xFF if user[0] >> 4 == 6 else user[1]


class ByTheBook(WithDomain):
    """One story; the tests go in order."""

    adjust = staticmethod(adjust)
    nodes = (*NODES, "mag3")
    attached = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        inet = domain.inet
        inet.execute("ip", "addr", "add", f"{INET_IPV4}/32", "dev", INTERFACE)
        inet.execute("ip", "route", "add", "0.0.0.0/0", "via", "inet6", NETWORK_SIDE["lma"], "dev", INTERFACE)
        cls.one, cls.two = attach_both_unaided(domain)
        cls.inet = {"ipv6": NETWORK_SIDE["inet"], "ipv4": INET_IPV4}
        mn2 = domain.mn2
        run("ip", "-n", mn2.space, "link", "set", INTERFACE, "mtu", ACCESS_MTU_BYTES)
        # The IPv6 route beside that of the Router Advertisements, the IPv4 one instead of what it was.
        for version, change, router, more in (("-6", "add", FIXED_ROUTER, ["metric", 1]), ("-4", "change", ROUTER, [])):
            mn2.execute("ip", version, "route", change, "default", "via", router, "dev", INTERFACE, "onlink", *more,
                        "advmss", LINK_MTU_BYTES - TCP_HEADERS_BYTES)

    def sender(self, space, interface):
        """A raw socket until the end of the test."""
        made = Sender(space, interface)
        self.addCleanup(made.close)
        return made

    def capture(self, space, interface, name, expression):
        """A capture until the end of the test."""
        made = Capture(self.lab, space, interface, name, expression)
        self.addCleanup(made.stop)
        return made

    def octets(self, capture, count=1, inside=None):
        """The IP packets of a capture, once there are so many; those of the tests' UDP ports alone, where it is said
        how deep inside a packet has that header."""
        def seen():
            packets = [frame.octets[14:] for frame in capture.frames()]
            found = [packet for packet in packets if inside is None or (source_port(packet[inside:]) or 0) >= PORT]
            return found if len(found) >= count else None
        return wait_for(f"{count} packets", seen, 5)

    def downloads(self, client, name):
        """TCP both ways between a host and MN2, both families: each side ends with the MTU of its link."""
        mn2 = self.domain.mn2
        for inner in FAMILIES:
            with self.subTest(inner=inner, client=name):
                forget_paths(client, mn2)
                self.assertEqual(LINK_MTU_BYTES, exchange.known_mtu(client, self.two[inner]))
                self.assertEqual((ACCESS_MTU_BYTES, ACCESS_MTU_BYTES),
                                 exchange.tcp(client, mn2, self.two[inner], TCP_BYTES))

    def test_01_rfc_8201_rfc_1191_tcp_from_the_internet_onto_a_narrow_access_link(self):
        self.downloads(self.domain.inet, "inet")

    def test_02_rfc_8201_rfc_1191_tcp_from_a_peer_by_the_lma_onto_a_narrow_access_link(self):
        self.downloads(self.domain.mn1, "mn1 by the LMA")

    def test_03_rfc_6040_what_a_host_marks_is_on_the_outer_packet(self):
        domain = self.domain
        sender, to = self.sender(domain.inet.space, INTERFACE), port_mac(domain.lma, "net")
        capture = self.capture(domain.core, "mag2", "ecn-in", "ip6 proto 41 or ip6 proto 4")
        for mark in EXIT:
            user = UDP(sport=PORT + mark, dport=PORT) / Raw(bytes(8))
            sender.send([
                ether(to, sender.mac, bytes(IPv6(src=self.inet["ipv6"], dst=str(self.two["ipv6"]), tc=mark) / user)),
                ether(to, sender.mac, bytes(IP(src=INET_IPV4, dst=str(self.two["ipv4"]), tos=mark) / user),
                      ETHERTYPE_IPV4)])
        both = [(outer, outer[OUTER_BYTES:]) for outer in self.octets(capture, 2 * len(EXIT), OUTER_BYTES)]
        seen = sorted((source_port(user) - PORT, traffic_class(user), traffic_class(outer)) for outer, user in both)
        self.assertEqual(sorted(2 * [(mark, mark, mark) for mark in EXIT]), seen)

    def test_04_rfc_6040_what_leaves_a_tunnel_by_the_table(self):
        """Tunnel packets of the LMA's, marked as a router on the way would."""
        domain, mag2 = self.domain, self.domain.mag2
        sender, to = self.sender(domain.core, "mag2"), port_mac(mag2, "core")
        capture = self.capture(domain.radio, "mn2", "ecn-out", "udp")
        before, wanted = total(mag2, "drop.ecn"), collections.Counter()
        for inner, row in EXIT.items():
            for outer, leaves in row.items():
                number = PORT + 4 * inner + outer
                user = UDP(sport=number, dport=PORT) / Raw(bytes(8))
                for carried in (IPv6(src=self.inet["ipv6"], dst=str(self.two["ipv6"]), tc=inner) / user,
                                IP(src=INET_IPV4, dst=str(self.two["ipv4"]), tos=inner) / user):
                    around = IPv6(src=str(ADDRESS["lma"]), dst=str(ADDRESS["mag2"]), tc=outer)
                    sender.send([ether(to, sender.mac, bytes(around / carried))])
                    if leaves is not DROPPED:
                        wanted[number, leaves] += 1
        found = self.octets(capture, wanted.total(), 0)
        self.assertEqual(wanted, collections.Counter((source_port(user), traffic_class(user)) for user in found))
        self.assertEqual(2, total(mag2, "drop.ecn") - before)
        self.said = f"{wanted.total()} of 32 delivered, 2 counted drops"

    def test_05_rfc_6438_a_flow_has_one_label_and_another_flow_another(self):
        domain = self.domain
        sender, to = self.sender(domain.inet.space, INTERFACE), port_mac(domain.lma, "net")
        capture = self.capture(domain.core, "mag2", "labels", "ip6 proto 41")
        for _ in range(PACKETS_OF_A_FLOW):
            sender.send([ether(to, sender.mac, bytes(
                IPv6(src=self.inet["ipv6"], dst=str(self.two["ipv6"])) / UDP(sport=PORT + flow, dport=PORT) /
                Raw(bytes(8)))) for flow in range(FLOWS)])
        labels = collections.defaultdict(list)
        for outer in self.octets(capture, FLOWS * PACKETS_OF_A_FLOW, OUTER_BYTES):
            labels[source_port(outer[OUTER_BYTES:])].append(int.from_bytes(outer[1:4], "big") & 0xFFFFF)
        self.assertEqual({PORT + flow: PACKETS_OF_A_FLOW for flow in range(FLOWS)},
                         {flow: len(of) for flow, of in labels.items()})
        self.assertEqual({1}, {len(set(of)) for of in labels.values()}, "one a flow")
        different = {of[0] for of in labels.values()}
        self.assertNotIn(0, different)
        # Two of eight flows share one of a million once in forty thousand runs.
        self.assertGreaterEqual(len(different), FLOWS - 1)
        self.said = f"{len(different)} labels for {FLOWS} flows"

    def test_06_rfc_2473_4_1_1_the_encapsulation_limit_is_one_less_outside(self):
        domain = self.domain
        inet, lma_port = self.sender(domain.inet.space, INTERFACE), port_mac(domain.lma, "net")
        mn = self.sender(domain.mn1.space, INTERFACE)
        here, there = self.one["ipv6"], self.inet["ipv6"]
        for name, sender, to, user, at in (
                ("up", mn, FIXED_MAC, limited(3, here, there), "mag1"),
                ("down", inet, lma_port, limited(1, there, here), "mag1")):
            with self.subTest(way=name):
                capture = self.capture(domain.core, at, f"limit-{name}", "ip6 proto 60")
                out = self.capture(*((domain.inet.space, INTERFACE) if name == "up" else (domain.radio, "mn1")),
                                   f"limit-out-{name}", "ip6 proto 60")
                sender.send([ether(to, sender.mac, user)])
                outer, = self.octets(capture)
                limit = user[LIMIT_AT] - 1
                options = bytes([NEXT_IPV6, 0, 4, 1, limit, 1, 1, 0])
                self.assertEqual((NEXT_OPTIONS, options), (outer[6], outer[OUTER_BYTES:OUTER_BYTES + len(options)]))
                # Taken by the other end, and inside it is what it was.
                delivered = self.octets(out)[-1]
                self.assertEqual(user[8:], delivered[8:])

    def test_07_rfc_2473_6_6_at_a_limit_of_0_the_tunnels_entry_is_told(self):
        domain = self.domain
        here, there = self.one["ipv6"], self.inet["ipv6"]
        for name, node, space, to, user in (
                ("up", domain.mag1, domain.mn1.space, FIXED_MAC, limited(0, here, there)),
                ("down", domain.lma, domain.inet.space, port_mac(domain.lma, "net"), limited(0, there, here))):
            with self.subTest(way=name):
                before = total(node, "drop.encapsulation-limit")
                sender = self.sender(space, INTERFACE)
                answers = self.capture(space, INTERFACE, f"problem-{name}",
                                       f"icmp6 and ip6[40] == {ICMPV6_PARAMETER_PROBLEM} and ip6[41] == 0")
                sender.send([ether(to, sender.mac, user)])
                told, = self.octets(answers)
                self.assertEqual(user[8:24], told[24:40], "to the source of what was in no tunnel of ours")
                self.assertEqual((ICMPV6_PARAMETER_PROBLEM, 0, LIMIT_AT),
                                 (told[40], told[41], int.from_bytes(told[44:48], "big")))
                self.assertEqual(user, told[48:])
                self.assertEqual(1, total(node, "drop.encapsulation-limit") - before)

    def test_08_rfc_8201_rfc_1191_tcp_from_a_peer_past_the_lma_onto_a_narrow_access_link(self):
        domain = self.domain
        localize(domain, [self.two[inner] for inner in FAMILIES])
        before = user_packets(domain.lma)
        self.downloads(domain.mn1, "mn1 past the LMA")
        self.assertEqual(before, user_packets(domain.lma), "errors go the way of the packets, back")

    def test_09_rfc_791_an_ipv4_packet_without_df_goes_onto_the_link_in_fragments(self):
        mn1, mag2 = self.domain.mn1, self.domain.mag2
        forget_paths(mn1, self.domain.mn2)
        before = total(mag2, "link.fragmented"), total(mag2, "link.fragments")
        for octets in (ACCESS_MTU_BYTES + 1, TUNNEL_MTU_BYTES):
            self.assertEqual(1, ping(mn1, self.two["ipv4"], octets, "dont"), f"{octets} octets")
        after = total(mag2, "link.fragmented"), total(mag2, "link.fragments")
        self.assertEqual((2, 4), (after[0] - before[0], after[1] - before[1]))

    def test_10_rfc_4291_errors_come_from_the_home_that_the_packet_was_for(self):
        """What fits comes, what does not is told; where the last hop is spent, too, and from whom."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        homes = {"ipv6": self.domain.home(mn2)[1].network_address, "ipv4": self.two["ipv4"]}
        for inner, there in self.two.items():
            with self.subTest(inner=inner):
                forget_paths(mn1)
                self.assertEqual(1, ping(mn1, there, ACCESS_MTU_BYTES))
                self.assertEqual(LINK_MTU_BYTES, exchange.known_mtu(mn1, there))
                self.assertEqual(0, ping(mn1, there, ACCESS_MTU_BYTES + 1))
                self.assertEqual(ACCESS_MTU_BYTES, exchange.known_mtu(mn1, there))
                # One hop is MAG1's, the other MAG2's.
                done = mn1.execute("ping", family(there), "-n", "-c", 1, "-W", 2, "-t", 2, there, check=False)
                said = re.search(r"From (\S+) icmp_seq=1 (Time .*)", done.stdout)
                self.assertIsNotNone(said, done.stdout)
                self.assertEqual(str(homes[inner]), said[1])
                self.assertIn("exceeded", said[2])

    def test_11_rfc_2473_4_1_1_a_limit_of_the_nodes_own_where_it_is_configured(self):
        """The MN moves to MAG3, is told of the room that is left, and what it sends goes with the limit."""
        domain, mn1 = self.domain, self.domain.mn1
        capture = self.capture(domain.core, "mag3", "own-limit", f"ip6 proto {NEXT_OPTIONS}")
        domain.attach(mn1, domain.mag3, HI_BETWEEN_MAGS, WITH_IPV4)
        domain.detach_moved(mn1, domain.mag1)
        room = LINK_MTU_BYTES - OUTER_BYTES - LIMIT_BYTES
        for inner, there in self.inet.items():
            there = ipaddress.ip_address(there)
            with self.subTest(inner=inner):
                wait_for(f"the host sends {room} octets", lambda to=there: ping(mn1, to, room) == 1, 10, 0.2)
        options = bytes([NEXT_IPV6, 0, 4, 1, OWN_LIMIT, 1, 1, 0])
        for outer in self.octets(capture, 2):
            self.assertEqual(NEXT_OPTIONS, outer[6])
            self.assertIn(outer[OUTER_BYTES:OUTER_BYTES + LIMIT_BYTES], (options, bytes([NEXT_IPV4]) + options[1:]))
            self.assertLessEqual(len(outer), LINK_MTU_BYTES)
