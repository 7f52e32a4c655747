"""Linux hosts with IPv4 home addresses: by DHCP and ARP on the access link, localized as others are.

draft-loureiro section 6.1 (L-29, L-58 to L-62, LS-9), RFC 5844 section 3. Scapy, which shares no code with the
nodes, reads and makes the frames of the access link.
"""

import ipaddress
import time

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from e2e.ipv4_homes import (FIXED_MAC, IPV4_IN_IPV6, PINGS, POOL, POOL_2, ROUTER, TUNNEL_MTU_BYTES, WithIpv4,
                            ipv4_pool)
from e2e.two_lmas import two_lmas
from lab import netns
from lab.capture import Capture
from lab.domain import ADDRESS, FIXED_ROUTER, HI_BETWEEN_MAGS, ONLY_IPV4, TWO_LMAS, WITH_IPV4, describe
from lab.host import INTERFACE
from lab.inject import Sender
from lab.mh import IPV4_DHCP_MODE, IPV4_REPLY, IPV4_REQUEST, IPV4_ROUTER
from lab.shell import wait_for
from lab.steps import LIFETIME_S, live_paths, user_packets

HOST_SIDE = "arp or udp port 67"
IPERF_S = 2


def told(frame):
    """DHCP options of a frame as {name: value}, or None."""
    if DHCP not in frame:
        return None
    return {option[0]: option[1] for option in frame[DHCP].options if isinstance(option, tuple)}


def host_frames(capture):
    """Frames of a host's access link, as scapy reads them."""
    return [Ether(frame.octets) for frame in capture.frames()]


def not_localized(name, config):
    """As `ipv4_pool`, localized routing off at first."""
    ipv4_pool(name, config)
    if name == "lma":
        config["localized_routing"]["enabled"] = False


class Ipv4Only(WithIpv4):
    """Two hosts with IPv4 alone, from their first DISCOVER to a handover; the tests go in order."""

    adjust = staticmethod(not_localized)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.since = time.time()
        cls.radio = [Capture(cls.lab, cls.domain.radio, mn.name, f"{mn.name}-host", HOST_SIDE)
                     for mn in (cls.domain.mn1, cls.domain.mn2)]

    def test_rfc5844_a_stock_client_gets_address_mask_router_and_mtu(self):
        domain, cls = self.domain, type(self)
        (one, router), (two, _) = [self.attach_ipv4(mn, mag) for mn, mag in (
            (domain.mn1, domain.mag1), (domain.mn2, domain.mag2))]
        cls.one, cls.two = one.ip, two.ip
        self.assertEqual([POOL, POOL, ROUTER], [one.network, two.network, router])
        self.assertNotIn(one.ip, (two.ip, ROUTER))
        for mn in (domain.mn1, domain.mn2):
            self.assertEqual((TUNNEL_MTU_BYTES, []), (mn.mtu_bytes(), mn.addresses()))
        binding, = domain.mag1.bindings()
        self.assertEqual(([], f"{one.ip}/32"), (binding["hnps"], binding["ipv4_hoa"]))
        self.said = f"{one}, {two} by {router}"

    def test_rfc5844_pbu_and_pba_carry_options_36_to_39_and_no_prefix(self):
        pbu, pba = self.domain.expect_order(self.since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])
        self.assertEqual(([], []), (pbu.prefixes(), pba.prefixes()))
        self.assertEqual([bytes(6)], pbu.option(IPV4_REQUEST))
        self.assertEqual([bytes([0, POOL.prefixlen << 2]) + self.one.packed], pba.option(IPV4_REPLY))
        self.assertEqual([bytes(2) + ROUTER.packed], pba.option(IPV4_ROUTER))
        self.assertEqual([b"\0\x01"], pba.option(IPV4_DHCP_MODE))

    def test_rfc5844_before_localizing_pings_go_through_the_lma(self):
        domain = self.domain
        capture = domain.capture_user("lma", "anchored", IPV4_IN_IPV6)
        pings = domain.mn1.ping(self.two, PINGS)
        seen = len(self.pair_at(capture, self.one, self.two))
        capture.stop()
        self.assertEqual((0, 4 * PINGS, []), (pings.lost, seen, domain.paths_anywhere()))
        self.said = f"{pings.median_ms:.2f} ms, {seen} packets at the LMA"

    def test_rfc5227_arp_answers_for_the_router_and_the_subnet_never_for_the_host(self):
        domain = self.domain
        probed = domain.mn1.execute("arping", "-D", "-c", 2, "-I", INTERFACE, self.one, check=False)
        self.assertEqual(0, probed.returncode, probed.stdout)
        domain.mn1.execute("arping", "-c", 1, "-I", INTERFACE, ROUTER)
        replies = [frame for frame in host_frames(self.radio[0]) if ARP in frame and frame[ARP].op == 2
                   and frame.src == FIXED_MAC]
        self.assertEqual({str(ROUTER), str(self.two)}, {frame[ARP].psrc for frame in replies})
        self.assertEqual({(FIXED_MAC, domain.mn1.mac())}, {(frame[ARP].hwsrc, frame.dst) for frame in replies})

    def test_rfc5844_the_default_router_answers_ping_itself_within_a_rate(self):
        domain, lma = self.domain, user_packets(self.domain.lma)
        before = domain.mag1.stats()["net.drop.access-rate-limit"]
        pings, many = domain.mn1.ping(ROUTER, 5, 0.1), domain.mn1.ping(ROUTER, 120, 0.002)
        self.assertEqual((0, 0, {64}), (pings.lost, pings.duplicates, pings.hop_limits))
        limited = domain.mag1.stats()["net.drop.access-rate-limit"] - before
        self.assertEqual((many.lost, lma), (limited, user_packets(domain.lma)))
        self.assertGreater(limited, 0)
        self.said = f"{pings.median_ms:.2f} ms; {limited} of {many.sent} at once are not answered"

    def test_ls_9_l_29_l_58_l_61_l_62_four_messages_with_both_home_addresses(self):
        domain, since = self.domain, self.localize()
        first = domain.mn2.ping(self.one, 5)
        found = domain.expect_order(since, [
            ("RO Init", "lma", "mag1"), ("RO Setup", "mag1", "mag2"), ("RO Setup Ack", "mag2", "mag1"),
            ("RO Init Ack", "mag1", "lma")])
        self.assertEqual(0, first.lost)
        self.names_both(found, self.two, self.one)  # MN2 sent the packet: it is the source
        self.assertEqual((0, 0), (found[2].status, found[3].status))
        self.assertEqual([ADDRESS["mag2"], ADDRESS["mag1"]], [m.mag_address() for m in found[:2]])
        peers = self.path_lists((domain.mag1, domain.mag2, domain.lma), self.one, self.two)
        self.assertEqual([str(ADDRESS["mag2"]), str(ADDRESS["mag1"])], peers[:2])
        self.said = " > ".join(map(describe, found))

    def test_ls_9_l_59_packets_go_from_mag_to_mag_as_ipv4_in_ipv6(self):
        domain = self.domain
        capture = domain.capture_user("mag2", "tunnel", IPV4_IN_IPV6)
        pings = self.direct(domain.mn1, self.one, self.two, "direct")
        ends = {(outer.source, outer.destination) for outer, _ in self.pair_at(capture, self.one, self.two)}
        capture.stop()
        here, there = ADDRESS["mag1"], ADDRESS["mag2"]
        self.assertEqual({(here, there), (there, here)}, ends)
        rate = domain.mn1.iperf(domain.mn2, self.two, IPERF_S)
        self.said = f"{pings.median_ms:.2f} ms, {rate:.0f} Mbit/s of TCP"

    def test_l_61_refreshes_name_both_home_addresses(self):
        domain, since = self.domain, time.time()
        stream = domain.mn1.start_ping(self.two, 0.02)
        wait_for("a refresh from each MAG", lambda: len(
            {m.source for m in domain.signalling_so_far(since) if m.name == "RO Refresh"}) == 2, LIFETIME_S + 5, 0.5)
        found = [m for m in domain.signalling(since) if m.name.startswith("RO ")]
        self.names_both(found, self.two, self.one)
        self.assertEqual({"RO Refresh", "RO Refresh Ack"}, {m.name for m in found})
        self.assertEqual(0, stream.stop().lost)

    def test_l_59_rfc5844_a_handover_keeps_address_router_and_path(self):
        domain = self.domain
        stream = domain.mn1.start_ping(self.two, 0.01)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 50)
        since = time.time()
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS, ONLY_IPV4)
        found = domain.expect_order(since, [
            ("PBU", "mag3", "lma"), ("PBA", "lma", "mag3"), ("RO Init", "lma", "mag3"),
            ("RO Setup", "mag3", "mag2"), ("RO Setup Ack", "mag2", "mag3"), ("RO Init Ack", "mag3", "lma")])
        domain.detach_moved(domain.mn1, domain.mag1)
        wait_for("the ping goes on", lambda: [r for r in stream.replies() if r[0] > found[-1].time + 0.5])
        result = stream.stop()
        self.assertEqual([self.one], [address.ip for address in domain.mn1.ipv4_addresses()])
        self.names_both([m for m in domain.signalling(since) if m.name.startswith("RO ") and m.lifetime],
                        self.two, self.one)
        self.assertEqual((0, []), (result.duplicates, live_paths(domain.mag1)))
        self.path_lists((domain.mag2, domain.mag3), self.one, self.two)
        self.direct(domain.mn1, self.one, self.two, "moved")
        self.said = f"{result.lost} of {result.sent} lost, gap {1000 * result.longest_gap_s():.0f} ms"

    def test_rfc5844_the_lease_is_renewed_at_the_new_mag_by_the_same_server(self):
        domain = self.domain
        wait_for("a renewal at MAG3", lambda: domain.mag3.stats()["net.tx.dhcp-ack"] > 0, 30, 0.2)
        time.sleep(0.5)
        frames = [frame for frame in host_frames(self.radio[0]) if told(frame)]
        kinds = [told(frame)["message-type"] for frame in frames]
        self.assertEqual(([1, 2, 3, 5], 0), (kinds[:4], kinds.count(6)))
        answers = [frame for frame in frames if told(frame)["message-type"] in (2, 5)]
        expected = {(FIXED_MAC, str(ROUTER), str(ROUTER), "255.255.0.0", str(ROUTER), TUNNEL_MTU_BYTES)}
        seen = {(frame.src, frame[IP].src, told(frame)["server_id"], told(frame)["subnet_mask"],
                 told(frame)["router"], told(frame)["interface-mtu"]) for frame in answers}
        self.assertEqual(expected, seen)
        self.assertEqual({str(self.one)}, {frame[BOOTP].yiaddr for frame in answers})
        renewals = [frame for frame in frames if told(frame)["message-type"] == 3 and frame[IP].src == str(self.one)]
        self.assertEqual({(str(ROUTER), FIXED_MAC)}, {(frame[IP].dst, frame.dst) for frame in renewals})
        self.assertEqual([self.one], [address.ip for address in domain.mn1.ipv4_addresses()])
        self.said = f"{len(renewals)} renewals, {kinds.count(5)} leases"

    def test_rfc2131_a_client_that_lies_is_refused_or_counted(self):
        domain, mn = self.domain, self.domain.mn2
        mac, sender = mn.mac(), Sender(mn.space, INTERFACE)
        raw = bytes.fromhex(mac.replace(":", ""))

        def send(source="0.0.0.0", chaddr=raw, mac=mac, ciaddr="0.0.0.0", **options):
            message = BOOTP(chaddr=chaddr, ciaddr=ciaddr, xid=7) / DHCP(options=[*options.items(), "end"])
            packet = IP(src=source, dst="255.255.255.255") / UDP(sport=68, dport=67) / message
            sender.send([bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / packet)])

        lies = {
            "net.tx.dhcp-nak": lambda: send(**{"message-type": "request", "requested_addr": "10.1.99.99"}),
            "net.drop.dhcp-other-server": lambda: send(
                **{"message-type": "request", "requested_addr": str(self.two), "server_id": "10.1.0.2"}),
            "net.drop.dhcp-foreign-client": lambda: send(chaddr=b"\2\0\0\0\0\x99", **{"message-type": "discover"}),
            "net.drop.dhcp-unknown-link": lambda: send(
                mac="02:00:00:00:00:99", chaddr=b"\2\0\0\0\0\x99", **{"message-type": "discover"}),
            "net.drop.dhcp-malformed": lambda: send(**{"message-type": "offer"}),
        }
        try:
            for counter, lie in lies.items():
                before = domain.mag2.stats()[counter]
                lie()
                wait_for(counter, lambda c=counter, b=before: domain.mag2.stats()[c] == b + 1, 5)
            before = domain.mag2.stats()["net.drop.arp-foreign-sender"]
            sender.send([bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(
                op=1, hwsrc=mac, psrc=str(self.one), pdst=str(ROUTER)))])
            wait_for("the spoofed ARP", lambda: domain.mag2.stats()["net.drop.arp-foreign-sender"] == before + 1, 5)
        finally:
            sender.close()
        self.assertEqual(0, domain.mn2.ping(self.one, 10).lost)
        self.said = ", ".join(lies)


class Mixed(WithIpv4):
    """MN1 has both families, MN2 too, MN3 has IPv6 alone."""

    more_mns = ("mn3",)

    def test_both_families_on_one_host(self):
        domain, cls = self.domain, type(self)
        one, _ = self.attach_ipv4(domain.mn1, domain.mag1, more=WITH_IPV4)
        two, _ = self.attach_ipv4(domain.mn2, domain.mag2, more=WITH_IPV4)
        cls.one, cls.two = one.ip, two.ip
        for mn in (domain.mn1, domain.mn2):
            mn.slaac()
        cls.hnp = [domain.home(mn) for mn in (domain.mn1, domain.mn2)]
        self.said = f"{one}, {cls.hnp[0][0]}"

    def test_rfc4443_rfc5844_the_routers_of_both_families_answer_ping(self):
        domain, lma = self.domain, user_packets(self.domain.lma)
        for router in (ROUTER, f"{FIXED_ROUTER}%{INTERFACE}"):
            self.assertEqual(0, domain.mn1.ping(router, 5, 0.1).lost, router)
        self.assertEqual(lma, user_packets(domain.lma))

    def test_l_58_hl_10_one_path_for_both_families(self):
        domain, since = self.domain, time.time()
        (_, here), (there, other) = self.hnp
        domain.mn1.ping(there, 5)
        found = domain.expect_order(since, [("RO Init", "lma", "mag2"), ("RO Setup", "mag2", "mag1"),
                                            ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma")])
        homes = [ipaddress.IPv4Interface(self.one), ipaddress.IPv4Interface(self.two)]
        for message in found:
            self.assertEqual(([here, other], homes), (message.prefixes(), message.ipv4_homes()), message.name)
        self.path_lists((domain.mag1, domain.mag2, domain.lma), self.one, self.two)
        self.direct(domain.mn1, self.one, self.two, "dual")
        before = user_packets(domain.lma)
        self.assertEqual(0, domain.mn1.ping(there, 20).lost)
        self.assertEqual(0, user_packets(domain.lma) - before)
        again = [m for m in domain.signalling(found[-1].time + 0.001) if m.name == "RO Init"]
        self.assertEqual([], again)

    def test_a_host_with_ipv6_alone_gets_no_ipv4(self):
        domain = self.domain
        three = domain.hosts["mn3"]
        domain.attach(three, domain.mag3)
        client = three.start_dhcp()
        three.slaac()
        wait_for("its DISCOVER is counted", lambda: domain.mag3.stats()["net.drop.dhcp-unknown-link"] > 0, 10)
        self.assertEqual([], three.ipv4_addresses())
        self.assertEqual(0, three.ping(self.hnp[0][0], 10).lost)
        client.terminate()
        client.wait(5)


def one_of_two(name, config):
    """MN2 is not to be localized."""
    ipv4_pool(name, config)
    if name == "lma":
        config["lma"]["mobile_nodes"] = [{"mn_id": "mn2@lab.example", "localized_routing": False}]


class OneCorrespondent(WithIpv4):
    """L-60: MN1 and MN2, at one MAG, talk to MN3; only MN1's packets are localized."""

    adjust = staticmethod(one_of_two)
    more_mns = ("mn3",)

    def test_rfc5844_a_discover_that_is_there_before_the_binding_is_answered(self):
        domain, mn = self.domain, self.domain.hosts["mn3"]
        domain.plug(mn, domain.mag2)
        capture = Capture(domain.lab, domain.radio, mn.name, "early", HOST_SIDE)
        mn.start_dhcp()
        wait_for("its DISCOVER is there", lambda: domain.mag2.stats()["net.drop.dhcp-unknown-link"], 10)
        domain.attach(mn, domain.mag2, more=ONLY_IPV4)
        type(self).cn, _ = mn.dhcp()
        kinds = [told(frame)["message-type"] for frame in host_frames(capture) if told(frame)]
        capture.stop()
        self.assertEqual(domain.mag2.stats()["net.drop.dhcp-unknown-link"], kinds.count(1), "it did not ask again")
        self.assertEqual([2, 3, 5], kinds[-3:])

    def test_l_60_the_pair_decides_not_the_destination(self):
        domain, cn = self.domain, self.cn
        (one, _), (two, _) = [self.attach_ipv4(mn, domain.mag1) for mn in (domain.mn1, domain.mn2)]
        for mn in (domain.mn1, domain.mn2):
            self.assertEqual(0, mn.ping(cn.ip, 5).lost)
        self.path_lists((domain.mag1, domain.mag2, domain.lma), one.ip, cn.ip)
        capture = domain.capture_user("lma", "l-60", IPV4_IN_IPV6)
        lost = [mn.ping(cn.ip, PINGS).lost for mn in (domain.mn1, domain.mn2)]
        seen = [len(self.pair_at(capture, address.ip, cn.ip)) for address in (one, two)]
        capture.stop()
        self.assertEqual(([0, 0], [0, 4 * PINGS]), (lost, seen))
        self.assertEqual(1, len(live_paths(domain.mag1)))
        self.said = f"of {PINGS} pings each {seen[0]} and {seen[1]} packets at the LMA"


def two_pools(name, config):
    """Each LMA has a pool, and knows the other's; the MAGs notice pairs and ask."""
    two_lmas(name, config)
    if name == "lma":
        config["lma"]["ipv4_pools"] = [str(POOL)]
        config["lma"]["peer_lmas"].append({"prefix": str(POOL_2), "lma": str(ADDRESS["lma2"])})
    if name == "lma2":
        config["lma"]["ipv4_pools"] = [str(POOL_2)]
        config["lma"]["peer_lmas"].append({"prefix": str(POOL), "lma": str(ADDRESS["lma"])})
    settings = config["localized_routing"]
    settings["mag_requested"] = name != "lma2"
    if name in ("lma", "lma2"):
        settings["detect"] = {"after_packets": 1_000_000}


class TwoLmas(WithIpv4):
    """MN1 of LMA1, MN2 of LMA2."""

    adjust = staticmethod(two_pools)
    nodes = TWO_LMAS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        inet = cls.domain.inet
        netns.sysctl(inet.space, "net.ipv4.ip_forward", 1)
        for pool, via, interface in ((POOL, "2001:db8:ee::1", INTERFACE), (POOL_2, "2001:db8:ed::1", "eth1")):
            inet.execute("ip", "route", "add", pool, "via", "inet6", via, "dev", interface)

    def test_l_29_l_61_all_messages_of_two_lmas_name_both_home_addresses(self):
        domain = self.domain
        (one, _), (two, _) = [self.attach_ipv4(mn, mag) for mn, mag in (
            (domain.mn1, domain.mag1), (domain.mn2, domain.mag2))]
        self.assertIn(two.ip, POOL_2)
        since = time.time()
        domain.mn1.execute("ping", "-4", "-c", 1, "-W", 1, two.ip, check=False)
        found = domain.expect_order(since, [
            ("RO Request", "mag1", "lma"), ("RO Request Ack", "lma", "mag1"), ("RO Trigger", "lma", "lma2"),
            ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"), ("RO Setup Ack", "mag1", "mag2"),
            ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.names_both(found, one.ip, two.ip)
        self.path_lists((domain.mag1, domain.mag2), one.ip, two.ip)
        self.direct(domain.mn1, one.ip, two.ip, "two-lmas")
        self.said = " > ".join(map(describe, found))


__all__ = ["Failure"]
