"""Signalling in ESP over IPv4, plain and behind a NAT: what test_ipv4_transport does in the clear, and that
nothing else than ESP and tunnels is on the wire (RFC 5844 section 4.3.1 and figures 11 and 13, RFC 5555
section 4.1; L-68, L-69, LS-10, LS-11)."""

import time

from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import Ether

from e2e import test_ipv4_transport as transport
from e2e.ipv4 import (KEEPALIVE_S, NAT_PORT, NAT_PORTS, OUTSIDE, PROTO_UDP, SIGNALLING, Signal, active, last,
                      over_ipv4)
from e2e.two_lmas import two_lmas
from lab import esp, mh, pcap
from lab.domain import ADDRESS, ROOT
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import run, wait_for

DISSECTOR = ROOT / "configs" / "wireshark" / "crowfly.lua"
LMA, MAG1, MAG1_MAGS = transport.LMA, transport.MAG1, transport.MAG1_MAGS
ETHERTYPE_IPV4 = 0x0800
NETS = ("198.51.100", "203.0.113")


def keys(lab, name, config, behind=()):
    """Keys with every other node. Who is behind a NAT has its IPv6 name alone: no address is its own."""
    peers = [peer for peer in esp.NODES if peer != name]
    config["protection"] = "esp"
    config["security"] = esp.security(lab.state, name, peers)
    config["localized_routing"]["lifetime_s"] = 3600
    for peer, entry in zip(peers, config["security"]["peers"]):
        if peer not in behind:
            entry["addresses"] += [f"{net}.{last(peer)}" for net in NETS]


def leg_of(octets):
    """Source, destination and generation of the association that an ESP packet names, or None."""
    spi = int.from_bytes(octets[:4], "big")
    legs = ((source, to, number) for source in esp.NODES for to in esp.NODES for number in (1, 2) if source != to)
    return next((leg for leg in legs if esp.spi(*leg) == spi), None)


def unsealed(frame):
    """The message in an ESP packet over IPv4, by scapy, or None."""
    packet = Ether(frame.octets)
    if ESP in packet and IP in packet:
        sealed = packet[IP]
        plain = esp.association(*leg_of(bytes(sealed[ESP]))).decrypt(IP(bytes(sealed)))
        assert plain.proto == PROTO_UDP, f"protocol {plain.proto}"
        found = plain[UDP]
        return Signal(frame.time, (plain.src, found.sport), (plain.dst, found.dport), bytes(found.payload), None)
    if UDP not in packet or NAT_PORT not in (packet[UDP].sport, packet[UDP].dport):
        return None
    inner = pcap.ipv6(bytes(packet[UDP].payload))
    if inner is None or inner.next_header != esp.NEXT_ESP:
        return None
    ends = (packet[IP].src, packet[UDP].sport), (packet[IP].dst, packet[UDP].dport)
    octets = esp.opened(inner)
    inside = pcap.Ipv6(inner.source, inner.destination, pcap.NEXT_MH, inner.hop_limit, octets)
    return Signal(frame.time, *ends, octets, inside)


class Sealed:
    """Signals are what scapy finds in ESP; what is in the clear is a failure."""

    def signals(self, name, since=0.0):
        """Protected signalling on a node's link."""
        frames = (frame for frame in self.captures[name].frames() if frame.time >= since)
        return [found for found in map(unsealed, frames) if found]

    def clear(self, name, since=0.0):
        """Signalling in the clear on a node's link."""
        return super().signals(name, since)

    def nothing_clear(self):
        """No Mobility Header has been on any link in the clear."""
        for name in self.captures:
            self.assertTrue(self.signals(name) or name == "mag3", name)
            self.assertEqual([], self.clear(name), f"in the clear at {name}")
        for node in self.domain.nodes.values():
            status = node.call("status")
            self.assertEqual(("esp", []), (status["protection"], status["alarms"]))

    def tshark(self):
        """Tshark opens every ESP packet and finds no malformed frame."""
        words = ["-X", f"lua_script:{DISSECTOR}", *keys_for_tshark()]
        fields = ["esp.spi", "mip6.mhtype", "mip6ro.mhtype", "esp.icv_good", "_ws.malformed"]
        count = 0
        for name, capture in self.captures.items():
            done = run("tshark", "-r", capture.path, *words, "-Y", "esp or _ws.malformed", "-T", "fields",
                       "-E", "separator=;", *[word for field in fields for word in ("-e", field)])
            for line in done.stdout.splitlines():
                spi, kind, localized, good, malformed = line.split(";")
                self.assertEqual("", malformed, name)
                self.assertTrue(spi, line)
                self.assertIn(good, ("1", "True"), f"ICV of {spi} at {name}")
                count += 1
                self.opened_by_tshark(name, line, kind or localized)
        self.assertGreater(count, 0)
        self.said = f"{count} packets"

    def opened_by_tshark(self, name, line, kind):
        """Its Mobility Header was found."""
        self.assertTrue(kind, f"not decrypted at {name}: {line}")

    def refuses_clear(self, packet):
        """An IPv4 packet to the LMA is dropped and counted, and not answered."""
        domain, since = self.domain, time.time()
        lma, sender = domain.lma, Sender(domain.core, "lma")
        before, bindings = lma.stats()["esp.drop.unprotected"], len(lma.bindings())
        sender.send([ether(mac_of(lma.space, "core0"), sender.mac, bytes(packet), ETHERTYPE_IPV4)])
        sender.close()
        wait_for("it is counted", lambda: lma.stats()["esp.drop.unprotected"] == before + 1)
        self.assertEqual(bindings, len(lma.bindings()))
        clear = [message.words() for message in self.clear("lma", since)]
        self.assertEqual(1, len(clear), f"it alone, and no answer: {clear}")


def keys_for_tshark():
    """Keys of the lab for tshark, whatever the IPv4 addresses are: the SPIs tell associations apart."""
    words = esp.keys_for_tshark((1,))
    return words + [more for word in words if word.startswith("uat:") for more in ("-o", any_ipv4(word))]


def any_ipv4(word):
    """The same association between any two IPv4 addresses."""
    fields = word.removeprefix("uat:esp_sa:").split(",")
    fields[:3] = ['"IPv4"', '"*"', '"*"']
    return "uat:esp_sa:" + ",".join(fields)


def registration():
    """A PBU in the clear of an MN that is nowhere, by MAG1's name."""
    return mh.pbu(4711, 100, [
        mh.nai("clear@lab.example"), mh.prefix_option("::/0"), mh.option(mh.HANDOFF, b"\0\x01"),
        mh.option(mh.ATT, b"\0\x03"), mh.timestamp(time.time())])


class ProtectedPlain(Sealed, transport.Plain):
    """Two LMAs, two MAGs, IPv4 alone, ESP on every leg: the tests of the clear domain, and then its own."""

    @classmethod
    def adjust(cls, name, config):
        """Two LMAs, over IPv4, with keys."""
        two_lmas(name, config)
        over_ipv4(name, config)
        keys(cls.lab, name, config)

    test_1_l_68_ls_10_registration_is_esp = transport.Plain.test_1_l_63_registration_goes_by_udp_port_5436
    test_2_l_68_l_69_ls_10_six_messages_in_esp_each_leg_by_its_own_addresses = (
        transport.Plain.test_2_l_63_l_64_ls_10_six_messages_each_leg_by_its_own_addresses)
    test_3_l_69_ls_10_the_pair_talks_past_both_lmas = (
        transport.Plain.test_3_ls_10_the_pair_talks_in_ipv4_tunnels_past_both_lmas)

    def test_4_l_68_l_69_ls_10_nothing_is_in_the_clear(self):
        self.nothing_clear()

    def test_5_l_68_l_69_ls_10_tshark_decrypts_and_finds_nothing_wrong(self):
        self.tshark()

    def test_6_l_67_ls_10_a_clear_pbu_is_dropped_and_counted_and_not_answered(self):
        self.refuses_clear(IP(src=MAG1, dst=LMA) / UDP(sport=SIGNALLING, dport=SIGNALLING) / registration())

    test_7_every_checksum_is_right_and_nothing_is_ipv6 = (
        transport.Plain.test_4_every_checksum_is_right_and_nothing_is_ipv6)
    test_8_ls_10_tcp_both_ways = transport.Plain.test_5_ls_10_tcp_both_ways


class ProtectedBehindNat(Sealed, transport.BehindNat):
    """MAG2 is behind a NAT and begins in UDP port 4191, which ESP can cross."""

    @classmethod
    def adjust(cls, name, config):
        """MAG2 has a private address and knows it."""
        over_ipv4(name, config, behind=("mag2",), nat_keepalive_s=KEEPALIVE_S, behind_nat=name == "mag2")
        keys(cls.lab, name, config, behind=("mag2",))

    def test_1_l_68_ls_11_registration_crosses_the_nat_in_esp_at_the_first_try(self):
        outside = OUTSIDE["others"]
        pbu, pba = self.in_order("lma", 0, [("PBU", outside, LMA, NAT_PORT), ("PBA", LMA, outside, NAT_PORT)])
        self.assertEqual((ADDRESS["mag2"], ADDRESS["lma"]), (pbu.inner.source, pbu.inner.destination), "the selectors")
        self.assertEqual(transport.MAG2_INSIDE, pbu.ipv4_coa())
        self.assertIn(pbu.source[1], NAT_PORTS)
        self.assertEqual((pbu.source, KEEPALIVE_S), (pba.destination, pba.refresh_time_s()))
        self.in_order("mag1", 0, [("PBU", MAG1, LMA, SIGNALLING), ("PBA", LMA, MAG1, SIGNALLING)])

    def test_2_l_69_ls_11_setup_crosses_the_nat_in_esp(self):
        since, outside = self.pings(1), OUTSIDE["equals"]
        setup, ack = self.in_order("mag1", since, [
            ("RO Setup", outside, MAG1_MAGS, NAT_PORT), ("RO Setup Ack", MAG1_MAGS, outside, NAT_PORT)])
        self.assertEqual((transport.MAG2_INSIDE, KEEPALIVE_S), (setup.ipv4_coa(), ack.refresh_time_s()))
        self.assertEqual(setup.source, ack.destination)
        active(self.domain.mag1)
        active(self.domain.mag2)

    test_3_l_69_ls_11_the_pair_talks_through_the_nat_past_the_lma = (
        transport.BehindNat.test_3_l_66_ls_11_the_pair_talks_through_the_nat_past_the_lma)
    test_4_l_68_ls_11_the_nat_is_kept_open_by_esp = (
        transport.BehindNat.test_4_l_65_the_nat_is_kept_open_within_the_refresh_time)
    test_5_l_68_l_69_ls_11_a_nat_that_forgets_is_found_again_by_esp = (
        transport.BehindNat.test_5_l_65_l_66_a_nat_that_forgets_is_found_again)

    def test_6_l_68_l_69_ls_11_nothing_is_in_the_clear(self):
        self.nothing_clear()

    def test_7_l_68_l_69_ls_11_tshark_decrypts_and_finds_nothing_wrong(self):
        self.tshark()

    def test_8_l_67_ls_11_a_clear_pbu_by_port_4191_is_dropped_and_counted_and_not_answered(self):
        message = mh.sealed(str(ADDRESS["mag2"]), str(ADDRESS["lma"]), registration())
        inner = ipv6(ADDRESS["mag2"], ADDRESS["lma"], pcap.NEXT_MH, message)
        self.refuses_clear(IP(src=OUTSIDE["others"], dst=LMA) / UDP(sport=NAT_PORTS[0], dport=NAT_PORT) / inner)

    test_9_every_checksum_is_right_and_nothing_is_ipv6 = (
        transport.BehindNat.test_6_every_checksum_is_right_and_nothing_is_ipv6)
