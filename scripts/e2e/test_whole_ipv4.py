"""The whole of localized routing over IPv4 with ESP and a NAT: two LMAs, three MAGs, one of them hidden, mobile nodes
with both families of home addresses (draft-loureiro sections 4.2 to 4.5, 6 and 10; L-63 to L-70, LS-10, LS-11).

Every leg has keys. What was said by whom in which order is read from captures at the nodes' own links, opened by scapy;
tshark reads the same captures. A pair of two families has two paths, so each figure is there twice.
"""

import functools
import socket
import struct
import time
from dataclasses import dataclass

from scapy.utils import checksum

from e2e.ipv4 import KEEPALIVE_S, NAT_PORT, PROTO_UDP, Nat, WithIpv4, over_ipv4, signal
from e2e.ipv4_homes import POOL, POOL_2
from e2e.test_protected_ipv4 import DISSECTOR, keys, keys_for_tshark, leg_of, unsealed
from e2e.two_lmas import PORT, two_lmas
from lab import esp, mh, netns, pcap
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HI_NEW, TWO_LMAS, WITH_IPV4
from lab.inject import mac_of
from lab.shell import Failure, run, wait_for
from lab.steps import live_paths, user_packets

LIFETIME_S = 8
BARE, IN_UDP = "ESP", "ESP in UDP 4191"
HIDDEN = "mag2"
ETHERNET, ETHERTYPE_IPV4 = 14, b"\x08\x00"
# The Internet side by LMA: its interface, its address, the LMA's, the pool behind it.
NETWORKS = {"lma": ("eth0", "192.0.2.2", "192.0.2.1", POOL), "lma2": ("eth1", "192.0.2.130", "192.0.2.129", POOL_2)}
INTERVAL_S = 0.2


@dataclass(frozen=True)
class Leg:
    """One protected message: when it left, whose association it was in, and what carried it."""

    time: float
    source: str
    to: str
    form: str
    octets: bytes

    @property
    def name(self):
        """The message's name."""
        return mh.NAMES.get(self.octets[2], f"type {self.octets[2]}")

    @property
    def lifetime(self):
        """Lifetime field, as in the message."""
        return struct.unpack_from("!H", self.octets, 10)[0]

    @property
    def status(self):
        """Status of an acknowledgement."""
        return self.octets[6] if self.octets[2] == mh.PBA else self.octets[9]

    def family(self):
        """4 or 6, by the homes that an RO message names."""
        kinds = {kind for _, kind, _ in mh.options(self.octets)}
        return 6 if mh.HNP in kinds else 4 if mh.IPV4_HOME_ADDRESS in kinds else None

    def words(self):
        """The message in a few words."""
        return f"{self.name} {self.source}>{self.to} [{self.form}]"


@functools.lru_cache(maxsize=None)
def leg(frame):
    """The protected message in a frame, or None."""
    octets = frame.octets
    if octets[12:14] != ETHERTYPE_IPV4:
        return None
    at = ETHERNET + 4 * (octets[ETHERNET] & 15)
    if octets[23] == esp.NEXT_ESP:
        sealed, form = octets[at:], BARE
    elif octets[23] == PROTO_UDP and NAT_PORT in struct.unpack_from("!HH", octets, at):
        inner = pcap.ipv6(octets[at + 8:])
        if inner is None or inner.next_header != esp.NEXT_ESP:
            return None
        sealed, form = inner.payload, IN_UDP
    else:
        return None
    source, to, _ = leg_of(sealed)
    return Leg(frame.time, source, to, form, unsealed(frame).octets)


def carried(source, to):
    """How a leg's messages go: bare, or past the NAT."""
    return IN_UDP if HIDDEN in (source, to) else BARE


class Whole(WithIpv4):
    """From the first packet to the end of both paths; the tests go in order."""

    nodes = TWO_LMAS

    @classmethod
    def adjust(cls, name, config):
        """Two LMAs with two pools each, IPv4 alone, keys, MAG2 hidden."""
        two_lmas(name, config)
        over_ipv4(name, config, behind=(HIDDEN,), nat_keepalive_s=KEEPALIVE_S, behind_nat=name == HIDDEN)
        keys(cls.lab, name, config, behind=(HIDDEN,))
        config["localized_routing"] |= {"lifetime_s": LIFETIME_S, "receive_grace_s": 2}
        if name in NETWORKS:
            other = {"lma": "lma2", "lma2": "lma"}[name]
            _, gateway, own, pool = NETWORKS[name]
            config["lma"]["ipv4_pools"] = [str(pool)]
            config["lma"]["peer_lmas"].append({"prefix": str(NETWORKS[other][3]), "lma": str(ADDRESS[other])})
            port = next(port for port in config["ports"] if port["name"] == "net")
            port["addresses"].append(f"{own}/25")
            port["gateway4"] = gateway

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        for interface, address, lma, pool in NETWORKS.values():
            domain.inet.execute("ip", "addr", "add", f"{address}/25", "dev", interface)
            domain.inet.execute("ip", "route", "add", pool, "via", lma)
        netns.sysctl(domain.inet.space, "net.ipv4.ip_forward", 1)
        cls.nat = Nat(cls.lab, domain, HIDDEN)
        cls.watch()
        cls.began = time.time()
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag, HI_NEW, WITH_IPV4)
            mn.start_dhcp()
        cls.ipv4 = [mn.dhcp()[0].ip for mn in (domain.mn1, domain.mn2)]
        for mn in (domain.mn1, domain.mn2):
            mn.slaac()
        cls.here, cls.one = domain.home(domain.mn1)
        cls.there, cls.two = domain.home(domain.mn2)

    def datagram(self, address):
        """One datagram from MN1 to MN2, which does not answer: an answer would let LMA2 notice the pair too (HL-16)."""
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        ends = []
        for mn in (self.domain.mn1, self.domain.mn2):
            with netns.inside(mn.space):
                ends.append(socket.socket(family, socket.SOCK_DGRAM))
        with ends[0] as sending, ends[1] as taking:
            taking.settimeout(5)
            taking.bind(("", PORT))
            sending.sendto(b"crowfly", (str(address), PORT))
            taking.recv(100)

    def legs(self, since=0.0):
        """Every protected message once, by time, as its sender's link saw it leave."""
        found = []
        for name, capture in self.captures.items():
            frames = (frame for frame in pcap.frames(capture.path) if frame.time >= since)
            found += [message for message in map(leg, frames) if message and message.source == name]
        return sorted(found, key=lambda message: message.time)

    def exactly(self, since, family, expected):
        """Waits for these messages about the pair's homes of one family, in this order and each in the form of its
        leg; no other RO message about them was there until then, and none refused."""
        def found():
            matched, wanted = [], list(expected)
            for message in self.legs(since):
                if wanted and (message.name, message.source, message.to) == wanted[0] and (
                        message.family() in (family, None) or not message.name.startswith("RO")):
                    matched.append(message)
                    wanted.pop(0)
            return matched if not wanted else None
        try:
            matched = wait_for("signalling", found, poll_s=0.2)
        except Failure:
            seen = ", ".join(message.words() for message in self.legs(since)) or "nothing"
            raise Failure(f"expected about IPv{family}: {expected}; seen: {seen}") from None
        others = [message.words() for message in self.legs(since) if message.name.startswith("RO ")
                  and message.time <= matched[-1].time and message.family() == family
                  and message.lifetime and "Refresh" not in message.name]
        ro = [message for message in matched if message.name.startswith("RO ")]
        self.assertEqual([message.words() for message in ro], others)
        for message in matched:
            self.assertEqual(carried(message.source, message.to), message.form, message.words())
        refused = [message.words() for message in matched if message.name.endswith((" Ack", "PBA")) and message.status]
        self.assertEqual([], refused)
        return matched

    def figures(self, since, before, messages):
        """The same messages for both families, behind what comes once."""
        for family in (6, 4):
            found = self.exactly(since, family, before + messages)
        self.said = " > ".join(message.words() for message in found)

    def peers(self):
        """By MAG, whom it sends the pair's packets to."""
        return {name: sorted(path["peer"] for path in live_paths(self.domain.nodes[name]) if path["state"] == "active")
                for name in ("mag1", "mag2", "mag3")}

    def between(self, one, other):
        """Waits until both families go between two MAGs and nowhere else; not one packet is at an LMA then."""
        wanted = {name: [] for name in ("mag1", "mag2", "mag3")}
        wanted |= {one: [str(ADDRESS[other])] * 2, other: [str(ADDRESS[one])] * 2}
        try:
            wait_for(f"both paths between {one} and {other}", lambda: self.peers() == wanted, 15)
        except Failure as failure:
            raise Failure(f"{failure}: {self.peers()}") from None
        lmas = [self.domain.nodes[name] for name in NETWORKS]

        def at_rest():
            seen = [user_packets(lma) for lma in lmas]
            time.sleep(0.2)
            return seen if seen == [user_packets(lma) for lma in lmas] else None
        before = wait_for("what was on its way by the LMAs has arrived", at_rest)
        lost = [self.domain.mn1.ping(to, 20).lost for to in (self.there, self.ipv4[1])]
        self.assertEqual([0, 0], lost)
        self.assertEqual(before, [user_packets(lma) for lma in lmas], "packets of the pair at an LMA")

    @classmethod
    def start_streams(cls):
        """A ping of each family that is never restarted."""
        cls.streams = [cls.domain.mn1.start_ping(to, INTERVAL_S) for to in (cls.there, cls.ipv4[1])]
        for stream in cls.streams:
            wait_for("the ping has replies", lambda s=stream: len(s.replies()) > 5)

    def lost(self):
        """What both streams have lost until now."""
        return [stream.result().lost for stream in self.streams]

    def moved(self, mn, old, new, expected):
        """Hands an MN over, reads the messages, and waits until both streams go on."""
        domain, before, kept = self.domain, self.lost(), (mn.addresses(), mn.ipv4_addresses())
        lma = {"mn1": "lma", "mn2": "lma2"}[mn.name]
        since = time.time()
        domain.attach(mn, new, HI_BETWEEN_MAGS, WITH_IPV4)
        self.figures(since, [("PBU", new.name, lma), ("PBA", lma, new.name)], expected)
        domain.detach_moved(mn, old)
        after = time.time()
        for stream in self.streams:
            wait_for("the ping goes on", lambda s=stream: [reply for reply in s.replies() if reply[0] > after + 0.5])
        self.assertEqual(kept, (mn.addresses(), mn.ipv4_addresses()))
        self.assertEqual([0, 0], [stream.result().duplicates for stream in self.streams])
        lost = [now - then for now, then in zip(self.lost(), before)]
        self.said = f"{lost} lost; {self.said}"

    def test_1_l_65_l_68_ls_10_ls_11_registrations_in_esp_one_past_a_nat(self):
        for mag, lma in (("mag1", "lma"), (HIDDEN, "lma2")):
            for message in self.exactly(self.began, None, [("PBU", mag, lma), ("PBA", lma, mag)]):
                self.assertEqual(carried(mag, lma), message.form)
        self.assertTrue(self.one and self.ipv4[0] in POOL and self.ipv4[1] in POOL_2)
        self.said = f"{self.here}, {self.ipv4[0]}; {self.there}, {self.ipv4[1]}"

    def test_2_ls_2_ls_10_ls_11_l_58_l_69_twelve_messages_set_up_two_paths(self):
        since = time.time()
        for address in (self.there, self.ipv4[1]):
            self.datagram(address)
        self.figures(since, [], [
            ("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"),
            ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.between("mag1", "mag2")

    def test_3_l_8_ls_7_each_mag_refreshes_at_its_own_lma(self):
        self.start_streams()
        since = time.time()
        wanted = {(name, source, to, family) for family in (4, 6) for mag, lma in (("mag1", "lma"), (HIDDEN, "lma2"))
                  for name, source, to in (("RO Refresh", mag, lma), ("RO Refresh Ack", lma, mag))}
        seen = lambda: {(message.name, message.source, message.to, message.family())
                        for message in self.legs(since) if message.name.startswith("RO ")}
        wait_for("refreshes", lambda: wanted <= seen(), 2 * LIFETIME_S, 0.5)
        # MAG2 keeps its NAT open towards MAG1 with RO Setup (L-66): nothing else was set up anew.
        kept_open = {(name, *ends) for name, *ends in seen() if name in ("RO Setup", "RO Setup Ack")}
        self.assertEqual(wanted, seen() - kept_open)
        refused = [message.words() for message in self.legs(since)
                   if message.name == "RO Refresh Ack" and message.status]
        self.assertEqual(([], [0, 0]), (refused, self.lost()))

    def test_4_ls_4_l_52_l_53_the_source_moves(self):
        domain = self.domain
        self.moved(domain.mn1, domain.mag1, domain.mag3, [
            ("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag3"),
            ("RO Setup Ack", "mag3", "mag2"), ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        self.between("mag2", "mag3")

    def test_5_ls_5_l_55_the_destination_moves_out_from_behind_the_nat(self):
        domain = self.domain
        self.moved(domain.mn2, domain.mag2, domain.mag1, [
            ("RO Init", "lma2", "mag1"), ("RO Setup", "mag1", "mag3"), ("RO Setup Ack", "mag3", "mag1"),
            ("RO Init Ack", "mag1", "lma2")])
        self.between("mag1", "mag3")

    def test_6_ls_5_ls_11_and_back_behind_it(self):
        domain = self.domain
        self.moved(domain.mn2, domain.mag1, domain.mag2, [
            ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag3"), ("RO Setup Ack", "mag3", "mag2"),
            ("RO Init Ack", "mag2", "lma2")])
        self.between("mag2", "mag3")

    def test_7_l_12_hl_21_l_45_policy_ends_the_paths_and_nothing_is_lost(self):
        domain, lmas = self.domain, [self.domain.nodes[name] for name in NETWORKS]
        since, before = time.time(), self.lost()
        for lma in reversed(lmas):  # the controller first; policy ends what stands
            lma.config["localized_routing"]["enabled"] = False
            lma.write_config()
            lma.call("config.reload")
        wait_for("no path", lambda: not any(self.peers().values()), 10)
        anchored = [user_packets(lma) for lma in lmas]
        time.sleep(10 * INTERVAL_S)
        self.assertEqual(before, self.lost())
        for lma, was in zip(lmas, anchored):
            self.assertGreater(user_packets(lma) - was, 2 * 9, f"packets at {lma.name}")
        ends = {(m.name, m.source, m.to, m.family()) for m in self.legs(since)
                if m.name in ("RO Trigger", "RO Init", "RO Setup") and not m.lifetime}
        for family in (4, 6):
            self.assertLessEqual({("RO Trigger", "lma2", "lma", family), ("RO Init", "lma2", "mag2", family)}, ends)
            # Each LMA tells its MN's MAG; the one that is told first tells the other.
            self.assertTrue({("RO Setup", "mag2", "mag3", family), ("RO Setup", "mag3", "mag2", family)} & ends)
        self.assertEqual([], [m.words() for m in self.legs(since) if m.name == "RO Init" and m.lifetime])
        for stream in self.streams:
            stream.stop()
        self.said = "; ".join(sorted({f"{name} {source}>{to}" for name, source, to, _ in ends}))

    def test_8_l_68_l_69_nothing_was_in_the_clear_and_every_checksum_is_right(self):
        count = 0
        for name, capture in self.captures.items():
            capture.stop()
            frames = list(pcap.frames(capture.path))
            clear = [message.words() for message in map(signal, filter(is_udp, frames)) if message]
            self.assertEqual([], clear, f"in the clear at {name}")
            self.assertEqual([], [frame for frame in frames if pcap.packet(frame)], f"IPv6 on the link of {name}")
            own = bytes.fromhex(mac_of(self.domain.nodes[name].space, "core0").replace(":", ""))
            sent = [frame for frame in frames if frame.octets[6:12] == own]
            self.assertEqual([], list(filter(is_wrong, sent)), name)
            count += len(sent)
        for node in self.domain.nodes.values():
            status = node.call("status")
            self.assertEqual(("esp", []), (status["protection"], status["alarms"]), node.name)
        self.said = f"{count} frames"

    def test_9_l_68_l_69_l_70_tshark_decrypts_every_leg_and_finds_no_malformed_frame(self):
        """But the leg with extended sequence numbers, which tshark 4.0 does not know; scapy has opened it."""
        words = ["-X", f"lua_script:{DISSECTOR}", *keys_for_tshark()]
        fields = ["esp.spi", "mip6.mhtype", "mip6ro.mhtype", "esp.icv_good", "_ws.malformed"]
        read, unread = set(), 0
        for name, capture in self.captures.items():
            done = run("tshark", "-r", capture.path, *words, "-Y", "esp or _ws.malformed", "-T", "fields",
                       "-E", "separator=;", *[word for field in fields for word in ("-e", field)])
            for line in done.stdout.splitlines():
                spi, kind, localized, good, malformed = line.split(";")
                source, to, _ = leg_of(bytes.fromhex(spi.removeprefix("0x")))
                if frozenset((source, to)) == esp.EXTENDED:
                    unread += 1
                    continue
                self.assertEqual("", malformed, f"{name}: {line}")
                self.assertIn(good, ("1", "True"), f"ICV at {name}: {line}")
                self.assertTrue(kind or localized, f"not decrypted at {name}: {line}")
                read.add((source, to, kind or localized))
        legs = {frozenset(message[:2]) for message in read}
        wanted = [("mag1", "lma"), ("mag2", "lma2"), ("mag1", "lma2"), ("lma", "lma2"), ("mag1", "mag2"),
                  ("mag2", "mag3"), ("mag1", "mag3")]
        self.assertLessEqual({frozenset(ends) for ends in wanted}, legs)
        self.said = f"{len(read)} kinds of message on {len(legs)} legs; {unread} packets with extended numbers"


def is_udp(frame):
    """Whether a frame is UDP over IPv4."""
    return frame.octets[12:14] == ETHERTYPE_IPV4 and frame.octets[23] == PROTO_UDP


def is_wrong(frame):
    """Whether scapy computes another IPv4 or UDP checksum; UDP around data may go without (RFC 768)."""
    octets = frame.octets
    if octets[12:14] != ETHERTYPE_IPV4:
        return False
    at, length = ETHERNET + 4 * (octets[ETHERNET] & 15), struct.unpack_from("!H", octets, 16)[0]
    if checksum(octets[ETHERNET:at]):
        return True
    udp = octets[at:ETHERNET + length]
    if octets[23] != PROTO_UDP or (udp[6:8] == b"\0\0" and leg(frame) is None):
        return False
    return checksum(octets[26:34] + struct.pack("!BBH", 0, PROTO_UDP, len(udp)) + udp) != 0
