"""GRE keys in the tunnels (RFC 5845, HL-29): negotiated, sent, and nothing accepted without them."""

import struct
import time

from e2e.case import WithDomain
from e2e.gre import GRE, GRE_KEY_OPTION, key_of, tunnelled
from e2e.ipv4 import active
from lab import mh
from lab.capture import Capture
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HI_NEW, NETWORK_SIDE, attach_words
from lab.inject import Sender, ether, ipv6, mac_of
from lab.pcap import NEXT_IPV6
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

KEY_REQUIRED = 163
NO_NEXT_HEADER = 59
PATH_MTU_BYTES = 1500 - 40 - 8  # IPv6, GRE with a key


def needs_gre(_name, config):
    """Every node wants GRE."""
    config["gre"] = "required"


def gre_packet(source, target, key, inner):
    """An IPv6 packet with GRE, keyed if `key` is not None, around another one."""
    flags, octets = (0, b"") if key is None else (0x2000, struct.pack("!I", key))
    return ipv6(source, target, GRE, struct.pack("!HH", flags, 0x86DD) + octets + inner)


class Required(WithDomain):
    """The demo's domain with GRE everywhere; the tests go in order."""

    adjust = staticmethod(needs_gre)

    def keys(self, requests, answer, since=0.0):
        """The keys that the last exchange agreed on: {(sender, receiver) of packets: key}."""
        found = {}
        for message in self.domain.signalling(since):
            if message.name in (requests, answer) and key_of(message) is not None:
                found[str(message.destination), str(message.source)] = key_of(message)
        return found

    def watched(self, name, ends, act):
        """What goes through tunnels at a node between two addresses while `act` runs."""
        capture = Capture(self.lab, self.domain.core, name, f"{name}-gre-{len(self.lab.processes)}", "ip6")
        result = act()
        found = [packet for packet in map(tunnelled, capture.frames()) if packet and set(packet.ends) == set(ends)]
        capture.stop()
        return result, found

    def test_1_rfc_5845_keys_are_agreed_and_carry_packets_over_the_lma(self):
        domain, inet = self.domain, NETWORK_SIDE["inet"]
        agreed = self.keys("PBU", "PBA")
        lma, mag1 = str(ADDRESS["lma"]), str(ADDRESS["mag1"])
        pings, seen = self.watched("mag1", [self.here, type(self.here)(inet)], lambda: domain.mn1.ping(inet, 20))
        self.assertEqual((0, 40), (pings.lost, len(seen)))
        self.assertEqual({((mag1, lma), "gre", agreed[mag1, lma]), ((lma, mag1), "gre", agreed[lma, mag1])},
                         {(packet.outer, packet.form, packet.key) for packet in seen})
        self.said = f"keys {sorted(hex(key) for key in agreed.values())}"

    def test_2_hl_29_a_path_has_keys_of_its_own(self):
        domain, since = self.domain, time.time()
        domain.mn1.ping(self.there, 2)
        for node in (domain.mag1, domain.mag2):
            active(node)
        before = user_packets(domain.lma)
        pings, seen = self.watched("mag1", [self.here, self.there], lambda: domain.mn1.ping(self.there, 50))
        self.assertEqual((0, 100, before), (pings.lost, len(seen), user_packets(domain.lma)))
        agreed = self.keys("RO Setup", "RO Setup Ack", since)
        ends = [(str(ADDRESS[a]), str(ADDRESS[b])) for a, b in (("mag1", "mag2"), ("mag2", "mag1"))]
        self.assertEqual({(way, "gre", agreed[way]) for way in ends},
                         {(packet.outer, packet.form, packet.key) for packet in seen})
        self.assertEqual(4, len(set(self.keys("PBU", "PBA").values())), "two MNs, two tunnels")

    def test_3_l_75_another_key_or_none_is_a_counted_drop(self):
        domain, name = self.domain, "dataplane.drop.tunnel-source-not-allowed"
        lma, mag1 = str(ADDRESS["lma"]), str(ADDRESS["mag1"])
        right = self.keys("PBU", "PBA")[lma, mag1]
        sender, mac = Sender(domain.core, "mag1"), mac_of(domain.mag1.space, "core0")
        inner = ipv6(NETWORK_SIDE["inet"], str(self.here), NO_NEXT_HEADER, b"keyed")
        packets = {"right": gre_packet(lma, mag1, right, inner), "wrong": gre_packet(lma, mag1, right ^ 1, inner),
                   "none": gre_packet(lma, mag1, None, inner), "no GRE": ipv6(lma, mag1, NEXT_IPV6, inner)}
        capture = Capture(self.lab, domain.radio, "mn1", "mn1-keyed", "ip6")
        for which, packet in packets.items():
            with self.subTest(which=which):
                before = domain.mag1.stats()[name]
                sender.send([ether(mac, sender.mac, packet)] * 3)
                dropped = 0 if which == "right" else 3
                wait_for("the packets are counted", lambda d=dropped, b=before: domain.mag1.stats()[name] >= b + d, 5)
                time.sleep(0.3)
                self.assertEqual(before + dropped, domain.mag1.stats()[name])
        reached = [packet for packet in capture.packets() if packet.payload == b"keyed"]
        capture.stop()
        sender.close()
        self.assertEqual(3, len(reached), "those with the right key")

    def test_4_a_handover_takes_the_keys_of_the_new_mag(self):
        domain, since = self.domain, time.time()
        stream = domain.mn1.start_ping(self.there, 0.02)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 5)
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        wait_for("a path to MAG3", lambda: [path for path in live_paths(domain.mag1)
                 if path["state"] == "active" and path["peer"] == str(ADDRESS["mag3"])])
        time.sleep(1)
        result = stream.result()
        stream.stop()
        pings, seen = self.watched("mag1", [self.here, self.there], lambda: domain.mn1.ping(self.there, 20))
        agreed = self.keys("RO Setup", "RO Setup Ack", since)
        ends = [(str(ADDRESS[a]), str(ADDRESS[b])) for a, b in (("mag1", "mag3"), ("mag3", "mag1"))]
        self.assertEqual((0, {(way, "gre", agreed[way]) for way in ends}),
                         (pings.lost, {(packet.outer, packet.form, packet.key) for packet in seen}))
        self.said = f"{result.lost} of {result.sent} lost, longest gap {result.longest_gap_s():.2f} s"

    def test_5_tcp_both_ways(self):
        domain = self.domain
        rates = [domain.mn1.iperf(domain.mn2, self.there), domain.mn1.iperf(domain.mn2, self.there, reverse=True)]
        self.assertGreater(min(rates), 1)
        whole = PATH_MTU_BYTES - 48
        self.assertEqual(0, domain.mn1.ping(self.there, 5, size=whole).lost)
        self.assertLess(domain.mn1.ping(self.there, 5, size=whole + 1).lost, 2, "told how large, then fragmented")
        self.said = f"{rates[0]:.0f} and {rates[1]:.0f} Mbit/s"


class OneSided(WithDomain):
    """The LMA wants GRE; MAG1 may, MAG2 does not."""

    attached = False

    @staticmethod
    def adjust(name, config):
        """Three nodes, three minds."""
        config["gre"] = {"lma": "required", "mag1": "optional"}.get(name, "off")

    def test_a_mag_without_gre_is_refused_with_163(self):
        domain = self.domain
        domain.attach(domain.mn1, domain.mag1)
        domain.plug(domain.mn2, domain.mag2)
        since = time.time()
        done = domain.mag2.crowflyctl("mn", "attach", *attach_words(domain.mn2, HI_NEW), check=False)
        self.assertNotEqual(0, done.returncode)
        statuses = [message.status for message in domain.signalling(since) if message.type == mh.PBA]
        self.assertEqual([KEY_REQUIRED], statuses)
        self.assertEqual(["mn1@lab.example"], [binding["mn_id"] for binding in domain.lma.bindings()])
        self.said = (done.stderr or done.stdout).strip()[:120]


class Mixed(WithDomain):
    """Who may uses GRE, who does not goes without, and a path between the two goes without too."""

    @staticmethod
    def adjust(name, config):
        """MAG2 without GRE."""
        config["gre"] = "off" if name == "mag2" else "optional"

    watched = Required.watched

    def test_an_optional_key_is_used_where_both_have_one(self):
        domain = self.domain
        offered = {str(m.source) for m in domain.signalling() if m.option(GRE_KEY_OPTION)}
        self.assertEqual({str(ADDRESS["mag1"]), str(ADDRESS["lma"])}, offered)
        inet = type(self.here)(NETWORK_SIDE["inet"])
        for mn, mag, home, form in (
                (domain.mn1, "mag1", self.here, "gre"), (domain.mn2, "mag2", self.there, "ip")):
            pings, seen = self.watched(mag, [home, inet], lambda mn=mn: mn.ping(inet, 10))
            self.assertEqual((0, {form}), (pings.lost, {packet.form for packet in seen}))
        domain.mn1.ping(self.there, 2)
        active(domain.mag1)
        active(domain.mag2)
        pings, seen = self.watched("mag1", [self.here, self.there], lambda: domain.mn1.ping(self.there, 20))
        self.assertEqual((0, {"ip"}), (pings.lost, {packet.form for packet in seen}))
