"""Realms (RFC 5845 section 3): hosts of two customers with the same IPv4 addresses, at one MAG and at several.

Blue and red have one pool, which is the same. MN1 (blue) and MN2 (red) have one address at two ports of MAG1, MN4
(blue) and MN3 (red) another one at MAG3 and MAG2. Each realm has a port of the LMA, and behind it a counterpart, whose
address is the same in both networks, too.
"""

import ipaddress
import time

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from e2e.case import WithLab, binaries
from e2e.gre import key_of, tunnelled
from lab import netns
from lab.capture import Capture
from lab.domain import ADDRESS, ATT_802_3, HI_BETWEEN_MAGS, HI_NEW, NODES, ONLY_IPV4, Domain, mn_id
from lab.host import INTERFACE, Host
from lab.shell import wait_for
from lab.steps import live_paths

POOL = ipaddress.IPv4Network("10.0.0.0/24")
ROUTER, ONE, OTHER = POOL[1], POOL[9], POOL[10]
FAR = ipaddress.IPv4Address("172.16.0.1")  # the counterpart, in either network
REALM_OF = {"mn1": "blue", "mn2": "red", "mn3": "red", "mn4": "blue"}
HOME_OF = {"mn1": ONE, "mn2": ONE, "mn3": OTHER, "mn4": OTHER}
NETWORK = {"blue": ipaddress.IPv4Network("192.0.2.0/24"), "red": ipaddress.IPv4Network("198.51.100.0/24")}
SECOND = "access2"  # MAG1's second access port
TUNNEL_MTU_BYTES = 1500 - 40 - 8  # IPv6, GRE with a key
IP_ICMP = 28
PINGS = 20
SIZE = {"blue": 100, "red": 200}  # of pings, to know them by
DESCRIPTORS = 256


def realms(name, config):
    """GRE everywhere, a second access port at MAG1, two realms and their networks at the LMA."""
    config["gre"] = "optional"
    if name == "mag1":
        config["ports"].append({"device": "net_af_packet2", "name": SECOND, "roles": ["access"],
                                "rx_descriptors": DESCRIPTORS, "tx_descriptors": DESCRIPTORS})
    if name == "lma":
        config["lma"]["realms"] = [{"name": realm, "ipv4_pools": [str(POOL)]} for realm in NETWORK]
        config["lma"]["mobile_nodes"] = [
            {"mn_id": f"{mn}@lab.example", "realm": realm, "ipv4_hoa": str(HOME_OF[mn])}
            for mn, realm in REALM_OF.items()]
        config["ports"] += [
            {"device": f"net_af_packet{number}", "name": realm, "roles": ["network"], "realm": realm,
             "addresses": [f"{net[1]}/{net.prefixlen}"], "gateway4": str(net[2]),
             "rx_descriptors": DESCRIPTORS, "tx_descriptors": DESCRIPTORS}
            for number, (realm, net) in enumerate(NETWORK.items(), 2)]


class RealmDomain(Domain):
    """The domain with a network a realm, each with its counterpart, and MAG1's second port."""

    def _cable(self, node):
        super()._cable(node)
        more = []
        if node.name == "lma":
            self.counterparts = {realm: self._counterpart(node, realm) for realm in NETWORK}
            more = list(NETWORK)
        if node.name == "mag1":
            netns.bridge(self.radio, "br-second")
            netns.veth(node.space, SECOND, self.radio, "second")
            netns.plug(self.radio, "second", "br-second")
            netns.silence(self.radio, "second")
            more = [SECOND]
        for interface in more:
            netns.silence(node.space, interface)
        node.ports += more

    def _counterpart(self, node, realm):
        host, net = Host(self.lab, f"net-{realm}"), NETWORK[realm]
        netns.veth(node.space, realm, host.space, INTERFACE)
        host.execute("ip", "addr", "add", f"{net[2]}/{net.prefixlen}", "dev", INTERFACE)
        host.execute("ip", "addr", "add", f"{FAR}/32", "dev", "lo")
        host.execute("ip", "route", "add", POOL, "via", net[1], "src", FAR)
        return host

    def join(self, mn, mag, second=False, hi=HI_NEW):
        """Plugs an MN in at a MAG's first or second port, and registers it for IPv4."""
        netns.plug(self.radio, mn.name, "br-second" if second else f"br-{mag.name}")
        port = SECOND if second else "access"
        return mag.ctl_json("mn", "attach", mn_id(mn), "--port", port, "--mac", mn.mac(), "--att", ATT_802_3,
                            "--hi", hi, *ONLY_IPV4)


def echoes(capture):
    """(source, destination, octets of the IPv4 packet) of every echo request and reply in a capture of plain IPv4."""
    found = []
    for frame in capture.frames():
        packet = Ether(frame.octets)
        if IP in packet and ICMP in packet and packet[ICMP].type in (0, 8):
            found.append((packet[IP].src, packet[IP].dst, packet[IP].len))
    return found


def errors(capture):
    """(destination, MTU) of every "fragmentation needed" in a capture."""
    found = []
    for frame in capture.frames():
        packet = Ether(frame.octets)
        if IP in packet and ICMP in packet and (packet[ICMP].type, packet[ICMP].code) == (3, 4):
            found.append((packet[IP].dst, packet[ICMP].nexthopmtu))
    return found


class Realms(WithLab):
    """Blue and red, from their first DISCOVER on; the tests go in order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain = RealmDomain(cls.lab, binaries(), realms, NODES, ("mn3", "mn4"))
        cls.domain.start()
        cls.domain.capture_signalling()
        cls.mns = {name: cls.domain.hosts[name] for name in REALM_OF}

    def host_side(self, name):
        """A capture of ICMP at a host: an MN, or the counterpart of a realm."""
        label = f"{name}-icmp-{len(self.lab.processes)}"
        if name in self.mns:
            return Capture(self.lab, self.domain.radio, name, label, "icmp")
        return Capture(self.lab, self.domain.counterparts[name].space, INTERFACE, label, "icmp")

    def keyed(self, name, label):
        """A capture of GRE on a node's core link."""
        return Capture(self.lab, self.domain.core, name, f"{name}-{label}-{len(self.lab.processes)}", "ip6 proto 47")

    def sizes(self, captures):
        """The lengths of echo packets that each capture has seen."""
        return {name: {size for _, _, size in echoes(capture)} for name, capture in captures.items()}

    def keys_of(self, mn, since=0.0):
        """The keys that an MN's last PBU and PBA agreed on: (up, down)."""
        found = {}
        for message in self.domain.signalling(since):
            if message.name in ("PBU", "PBA") and mn_id(mn).encode() in bytes(message.octets):
                found[message.name] = key_of(message) or found.get(message.name)
        return found["PBA"], found["PBU"]

    def test_1_rfc_5845_two_hosts_get_one_address_by_dhcp(self):
        domain, mns = self.domain, self.mns
        for name, mag, second in (("mn1", domain.mag1, False), ("mn2", domain.mag1, True),
                                  ("mn3", domain.mag2, False), ("mn4", domain.mag3, False)):
            domain.join(mns[name], mag, second)
            mns[name].start_dhcp()
        got = {name: mn.dhcp() for name, mn in mns.items()}
        expected = {name: (ipaddress.IPv4Interface(f"{home}/{POOL.prefixlen}"), ROUTER)
                    for name, home in HOME_OF.items()}
        self.assertEqual(expected, got)
        bindings = {binding["mn_id"]: binding for binding in domain.lma.bindings()}
        shown = {name: (bindings[f"{name}@lab.example"]["ipv4_hoa"], bindings[f"{name}@lab.example"]["realm"])
                 for name in mns}
        self.assertEqual({name: (f"{HOME_OF[name]}/32", realm) for name, realm in REALM_OF.items()}, shown)
        keys = [key for mn in mns.values() for key in self.keys_of(mn)]
        self.assertEqual(8, len(set(keys)), "every MN has two keys of its own")
        self.said = ", ".join(f"{name} {got[name][0].ip} in {REALM_OF[name]}" for name in mns)

    def test_2_rfc_5845_each_pings_its_own_counterpart_with_its_own_keys(self):
        domain = self.domain
        lma, mag1 = str(ADDRESS["lma"]), str(ADDRESS["mag1"])
        for name, stranger in (("mn1", "mn2"), ("mn2", "mn1")):
            with self.subTest(mn=name):
                mn, realm = self.mns[name], REALM_OF[name]
                ends = [realm, REALM_OF[stranger], name, stranger]
                seen = {end: self.host_side(end) for end in ends}
                core = self.keyed("mag1", name)
                pings = mn.ping(FAR, PINGS, size=SIZE[realm])
                sizes = self.sizes(seen)
                packets = [packet for packet in map(tunnelled, core.frames()) if packet]
                for capture in (*seen.values(), core):
                    capture.stop()
                octets = {SIZE[realm] + IP_ICMP}
                self.assertEqual(0, pings.lost)
                self.assertEqual({realm: octets, REALM_OF[stranger]: set(), name: octets, stranger: set()}, sizes)
                up, down = self.keys_of(mn)
                self.assertEqual({((mag1, lma), up, (ONE, FAR)), ((lma, mag1), down, (FAR, ONE))},
                                 {(packet.outer, packet.key, packet.ends) for packet in packets})
                self.assertEqual(2 * PINGS, len(packets))
        keys = {name: [hex(key) for key in self.keys_of(self.mns[name])] for name in ("mn1", "mn2")}
        self.said = f"{ONE} to {FAR}: blue's keys {keys['mn1']}, red's {keys['mn2']}"
        self.assertEqual([0, 0], [domain.lma.stats()[f"dataplane.drop.{why}"] for why in (
            "realm-unreachable", "spoofed-home")])

    def test_3_rfc_5845_at_the_same_time_and_from_the_network(self):
        counterparts = self.domain.counterparts
        seen = {end: self.host_side(end) for end in ("blue", "red", "mn1", "mn2")}
        running = [self.mns["mn1"].start_ping(FAR, 0.01, SIZE["blue"], 100),
                   self.mns["mn2"].start_ping(FAR, 0.01, SIZE["red"], 100),
                   counterparts["blue"].start_ping(ONE, 0.01, SIZE["blue"], 100),
                   counterparts["red"].start_ping(ONE, 0.01, SIZE["red"], 100)]
        lost = [ping.finish(30).lost for ping in running]
        sizes = self.sizes(seen)
        for capture in seen.values():
            capture.stop()
        blue, red = ({SIZE[realm] + IP_ICMP} for realm in ("blue", "red"))
        self.assertEqual([0, 0, 0, 0], lost)
        self.assertEqual({"blue": blue, "red": red, "mn1": blue, "mn2": red}, sizes)

    def test_4_rfc_5845_within_a_realm_through_the_lma_and_never_localized(self):
        domain = self.domain
        seen = {end: self.host_side(end) for end in ("blue", "red", *self.mns)}
        hairpin = domain.lma.stats()["dataplane.lma.hairpin"]
        pings = [self.mns["mn1"].ping(OTHER, PINGS, size=SIZE["blue"]),
                 self.mns["mn2"].ping(OTHER, PINGS, size=SIZE["red"])]
        sizes = self.sizes(seen)
        for capture in seen.values():
            capture.stop()
        blue, red = ({SIZE[realm] + IP_ICMP} for realm in ("blue", "red"))
        self.assertEqual([0, 0], [ping.lost for ping in pings])
        self.assertEqual({"blue": set(), "red": set(), "mn1": blue, "mn4": blue, "mn2": red, "mn3": red}, sizes)
        self.assertEqual(hairpin + 4 * PINGS, domain.lma.stats()["dataplane.lma.hairpin"])
        self.assertEqual([], [path for node in domain.nodes.values() for path in live_paths(node)])
        self.assertEqual([], [message.name for message in domain.signalling() if message.name.startswith("RO ")])
        without, = [path for path in domain.lma.paths() if {path["source"], path["destination"]} == {
            f"{ONE}/32", f"{OTHER}/32"}]
        self.assertIn("realm", without["why"])
        shown = domain.lma.crowflyctl("path", "show", ONE, OTHER).stdout
        self.assertIn("RO messages name no realm", shown)
        self.said = without["why"]

    def test_5_rfc_5844_the_default_router_answers_each_on_its_own_link(self):
        seen = {end: self.host_side(end) for end in ("mn1", "mn2")}
        lost = [self.mns[name].ping(ROUTER, 5, size=SIZE[REALM_OF[name]]).lost for name in seen]
        sizes = self.sizes(seen)
        for capture in seen.values():
            capture.stop()
        self.assertEqual([0, 0], lost)
        self.assertEqual({name: {SIZE[REALM_OF[name]] + IP_ICMP} for name in seen}, sizes)

    def test_6_rfc_2473_icmp_errors_come_to_the_right_mn_and_network(self):
        self.mns["mn2"].execute("ip", "link", "set", INTERFACE, "mtu", 1500)
        seen = {end: self.host_side(end) for end in ("blue", "red", "mn1", "mn2")}
        whole = TUNNEL_MTU_BYTES - IP_ICMP
        up = self.mns["mn2"].ping(FAR, 5, size=whole + 1)
        down = self.domain.counterparts["red"].ping(ONE, 5, size=whole + 1)
        told = {end: set(errors(capture)) for end, capture in seen.items()}
        for capture in seen.values():
            capture.stop()
        self.assertEqual({"blue": set(), "mn1": set(), "mn2": {(str(ONE), TUNNEL_MTU_BYTES)},
                          "red": {(str(FAR), TUNNEL_MTU_BYTES)}}, told)
        self.assertLess(max(up.lost, down.lost), 2, "told how large, then fragmented")
        rate = self.mns["mn2"].iperf(self.domain.counterparts["red"], FAR)
        self.assertGreater(rate, 1)
        self.said = f"{rate:.0f} Mbit/s of TCP"

    def test_7_rfc_5845_a_handover_takes_the_address_along_and_leaves_the_other_alone(self):
        domain, mn2 = self.domain, self.mns["mn2"]
        domain.detach(self.mns["mn4"], domain.mag3)
        netns.unplug(domain.radio, "mn4")
        streams = [self.mns[name].start_ping(FAR, 0.02) for name in ("mn1", "mn2")]
        wait_for("the pings have replies", lambda: all(len(stream.replies()) > 20 for stream in streams))
        since = time.time()
        domain.join(mn2, domain.mag3, hi=HI_BETWEEN_MAGS)
        wait_for("the ping goes on", lambda: [r for r in streams[1].replies() if r[0] > time.time() - 0.1
                                              and r[0] > since + 0.5])
        domain.mag1.ctl_json("mn", "detach", mn_id(mn2))
        blue, red = (stream.stop() for stream in streams)
        self.assertEqual(0, blue.lost)
        self.assertEqual([ONE], [address.ip for address in mn2.ipv4_addresses()])
        core = self.keyed("mag3", "moved")
        self.assertEqual(0, mn2.ping(FAR, PINGS, size=SIZE["red"]).lost)
        packets = [packet for packet in map(tunnelled, core.frames()) if packet]
        core.stop()
        self.assertEqual(set(self.keys_of(mn2, since)), {packet.key for packet in packets})
        self.assertEqual(0, self.mns["mn1"].ping(FAR, PINGS).lost)
        self.assertEqual([f"{ONE}/32"], [binding["ipv4_hoa"] for binding in domain.mag1.bindings()])
        self.said = f"{red.lost} of {red.sent} lost, gap {1000 * red.longest_gap_s():.0f} ms"

    def test_8_who_has_left_is_out_and_the_other_is_not(self):
        domain = self.domain
        domain.detach(self.mns["mn1"], domain.mag1)
        lost = self.mns["mn1"].ping(FAR, 5, wait_s=1)
        self.assertEqual((5, 0), (lost.lost, self.mns["mn2"].ping(FAR, PINGS).lost))
        before = domain.lma.stats()["dataplane.drop.binding-suspended"]
        domain.counterparts["blue"].ping(ONE, 5, wait_s=1)
        self.assertEqual(before + 5, domain.lma.stats()["dataplane.drop.binding-suspended"])
        self.assertEqual(0, domain.counterparts["red"].ping(ONE, PINGS).lost)
