"""Access links that are VLANs of one port (802.1Q), as an access switch brings them to a MAG.

MN1 and MN3 have the same link-layer address and are at one port of MAG1, on VLANs of their own (RFC 5213 section 6.3:
each has its MAG for itself). MN2 is at MAG2, on a third one.
"""

import ipaddress
import struct
import time

from e2e.case import WithLab, binaries
from e2e.ipv4_homes import FIXED_MAC, POOL, ROUTER, ipv4_pool
from lab import mh, pcap
from lab.capture import Capture
from lab.domain import ADDRESS, FIXED_ROUTER, HI_BETWEEN_MAGS, HI_NEW, NODES, WITH_IPV4, Domain, attach_words
from lab.host import INTERFACE
from lab.inject import Sender, ether, ipv6
from lab.shell import run, wait_for
from lab.steps import live_paths, user_packets
from lab.switch import Switch, tag_of, tagged

VLAN = {"mn1": 10, "mn2": 30, "mn3": 20}
MOVED = 40  # MN1's VLAN at MAG3
NOBODYS = 50
ALL_ROUTERS, ALL_ROUTERS_MAC = "ff02::2", "33:33:00:00:00:02"
ROUTER_SOLICITATION = 133
UDP, DISCARD = 17, 9
PINGS, LARGE = 20, 1_300
COUNT = 5
MARK = b"of another VLAN"


class VlanDomain(Domain):
    """Every MAG's access port is a trunk."""

    def __init__(self, lab, *rest):
        self.switch = None
        super().__init__(lab, *rest)

    def _cable(self, node):
        super()._cable(node)
        if node.name.startswith("mag"):
            self.switch = self.switch or Switch(self.radio)
            self.switch.trunk(node.name)

    def join(self, mn, mag, vlan, hi=HI_NEW):
        """Puts an MN into a VLAN of a MAG's port, and registers it for both families."""
        self.switch.host(mn.name, mag.name, vlan)
        return mag.ctl_json("mn", "attach", *attach_words(mn, hi), "--vlan", vlan, *WITH_IPV4)


def lasting(name, config):
    """An IPv4 pool, and paths that outlive the tests."""
    ipv4_pool(name, config)
    config["localized_routing"]["lifetime_s"] = 3600


class Vlans(WithLab):
    """MN1 and MN3 at MAG1, MN2 at MAG2; the tests go in order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain = VlanDomain(cls.lab, binaries(), lasting, NODES, ("mn3",))
        cls.addClassCleanup(cls.domain.switch.close)
        cls.domain.start()
        cls.mns = {name: cls.domain.hosts[name] for name in VLAN}
        cls.homes = {}

    def access(self, name):
        """A capture of the frames at a MAG's access port, or at a host's."""
        return Capture(self.lab, self.domain.radio, name, f"{name}-access-{len(self.lab.processes)}")

    def active(self, mag):
        """How many directions of pairs a MAG has paths for."""
        return len([path for path in live_paths(mag) if path["state"] == "active"])

    def direct(self, source, to):
        """Pings in both families that the LMA sees nothing of."""
        before = user_packets(self.domain.lma)
        lost = [self.mns[source].ping(home, PINGS, size=LARGE).lost for home in self.homes[to]]
        self.assertEqual(([0, 0], 0), (lost, user_packets(self.domain.lma) - before))

    def test_1_two_hosts_with_one_mac_on_two_vlans_get_addresses_of_their_own(self):
        domain, capture = self.domain, self.access("mag1")
        run("ip", "-n", self.mns["mn3"].space, "link", "set", INTERFACE, "address", self.mns["mn1"].mac())
        for name, mag in (("mn1", domain.mag1), ("mn3", domain.mag1), ("mn2", domain.mag2)):
            domain.join(self.mns[name], mag, VLAN[name])
            self.mns[name].start_dhcp()
        for name, mn in self.mns.items():
            (address, router), (ipv4, ipv4_router) = mn.slaac(), mn.dhcp()
            self.assertEqual((FIXED_ROUTER, POOL, ROUTER), (router, ipv4.network, ipv4_router))
            self.homes[name] = address.ip, ipv4.ip
        self.assertEqual(6, len({home for homes in self.homes.values() for home in homes}))
        links = {binding["mn_id"]: (binding["link"]["vlan"], binding["link"]["mac"])
                 for binding in domain.mag1.bindings()}
        mac = self.mns["mn1"].mac()
        self.assertEqual({f"{mn}@lab.example": (VLAN[mn], mac) for mn in ("mn1", "mn3")}, links)
        self.assertEqual({VLAN["mn1"], VLAN["mn3"]}, {tag_of(frame.octets) for frame in capture.frames()})
        capture.stop()
        self.said = ", ".join(f"{mn} {homes[0]} {homes[1]}" for mn, homes in self.homes.items())

    def test_2_each_pings_its_router_and_a_host_of_another_mag_through_a_localized_path(self):
        domain, capture = self.domain, self.access("mag1")
        for name in ("mn1", "mn3"):
            for home in self.homes["mn2"]:
                self.mns[name].ping(home, 3)
        wait_for("a path of each with MN2, in each family", lambda: self.active(domain.mag1) == 4)
        for name in ("mn1", "mn3"):
            self.assertEqual([0, 0], [self.mns[name].ping(router, 3).lost for router in (
                f"{FIXED_ROUTER}%{INTERFACE}", ROUTER)])
            self.direct(name, "mn2")
            self.direct("mn2", name)
        self.assertEqual({VLAN["mn1"], VLAN["mn3"]}, {tag_of(frame.octets) for frame in capture.frames()})
        capture.stop()

    def test_3_two_vlans_of_one_port_talk_through_their_mag_alone(self):
        for home in self.homes["mn3"]:
            self.mns["mn1"].ping(home, 3)
        wait_for("a path of MN1 and MN3, in each family", lambda: self.active(self.domain.mag1) == 6)
        self.direct("mn1", "mn3")
        self.direct("mn3", "mn1")

    def test_4_a_frame_of_another_vlan_is_a_counted_drop_and_reaches_nobody(self):
        seen, frame = self.access("mn2"), self.datagram()
        for what, counter, wrong in (
                ("of MN3's VLAN", "source-not-on-link", tagged(frame, VLAN["mn3"])),
                ("of nobody's VLAN", "source-not-on-link", tagged(frame, NOBODYS)),
                ("without a tag", "source-not-on-link", frame),
                ("with two tags", "vlan", tagged(tagged(frame, VLAN["mn1"]), VLAN["mn1"]))):
            with self.subTest(what=what):
                self.dropped(f"dataplane.drop.{counter}", wrong)
        datagrams = [frame for frame in seen.frames() if MARK in frame.octets]
        seen.stop()
        self.assertEqual([], datagrams)
        self.assertEqual(0, self.mns["mn1"].ping(self.homes["mn2"][0], PINGS).lost)

    def test_5_a_solicitation_of_another_vlan_is_a_counted_drop_and_gets_no_answer(self):
        source, capture = "fe80::1", self.access("mag1")
        packet = ipv6(source, ALL_ROUTERS, pcap.NEXT_ICMPV6, solicitation(source, ALL_ROUTERS), 255)
        self.dropped("net.drop.unknown-link", tagged(ether(ALL_ROUTERS_MAC, self.mns["mn1"].mac(), packet), NOBODYS))
        tags = [tag_of(frame.octets) for frame in capture.frames()]
        capture.stop()
        self.assertEqual(COUNT, tags.count(NOBODYS), "the solicitations, and no answer")

    def test_6_a_handover_to_another_vlan_of_another_mag_keeps_addresses_and_path(self):
        domain, mn1 = self.domain, self.mns["mn1"]
        before, since = (mn1.addresses(), mn1.ipv4_addresses()), time.time()  # one of each
        domain.join(mn1, domain.mag3, MOVED, HI_BETWEEN_MAGS)
        domain.detach_moved(mn1, domain.mag1)
        for mag in (domain.mag1, domain.mag2):
            wait_for(f"its paths with {mag.name} follow", lambda m=mag: 2 == len([
                path for path in live_paths(m) if path["state"] == "active" and path["peer"] == str(ADDRESS["mag3"])]))
        wait_for("MN2 answers", lambda: mn1.ping(self.homes["mn2"][0], 2).lost == 0)
        self.said = f"direct again within {time.time() - since:.1f} s"
        self.direct("mn1", "mn2")
        self.direct("mn3", "mn2")
        self.assertEqual(before, (mn1.addresses(), mn1.ipv4_addresses()))

    def dropped(self, counter, frame):
        """MAG1 throws away what comes to its access port, for that reason."""
        mag1 = self.domain.mag1
        before, port = mag1.stats(), Sender(self.domain.radio, "mag1")
        port.send([frame] * COUNT)
        port.close()
        try:
            wait_for(counter, lambda: mag1.stats()[counter] - before[counter] >= COUNT)
        finally:
            after = mag1.stats()
            self.said = ", ".join(f"{name} {value - before[name]}" for name, value in after.items()
                                  if ".drop." in name and value != before[name])
        self.assertEqual(COUNT, after[counter] - before[counter])

    def datagram(self):
        """MN1 to MN2 by UDP, without a tag."""
        (source, _), (to, _) = self.homes["mn1"], self.homes["mn2"]
        header = struct.pack("!HHHH", DISCARD, DISCARD, 8 + len(MARK), 1)
        return ether(FIXED_MAC, self.mns["mn1"].mac(), ipv6(source, to, UDP, header + MARK))


def solicitation(source, destination):
    """A Router Solicitation (RFC 4861 section 4.1)."""
    octets = struct.pack("!BBHI", ROUTER_SOLICITATION, 0, 0, 0)
    value = mh.checksum(ipaddress.IPv6Address(source), ipaddress.IPv6Address(destination), octets, pcap.NEXT_ICMPV6)
    return octets[:2] + struct.pack("!H", value) + octets[4:]
