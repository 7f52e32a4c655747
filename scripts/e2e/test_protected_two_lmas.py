"""ESP between two LMAs over IPv6: what RO Trigger and its acknowledgement are protected by, and what comes of those
that are not (RFC 4303; L-67 to L-70, L-74)."""

import time

from e2e.test_protected import DISSECTOR, WithKeys
from e2e.two_lmas import LMAS, WithTwoLmas, two_lmas
from lab import esp, mh, pcap
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, describe
from lab.inject import ipv6
from lab.shell import run, wait_for

NO_SUCH_STATE = 131
SET_UP = [("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"),
          ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")]
FORGED_SEQUENCE = 4242


class TwoLmas(WithKeys, WithTwoLmas):
    """MN1 of LMA1, MN2 of LMA2, keys between all nodes; the tests go in order."""

    @staticmethod
    def peers_of(name):
        """Everybody has keys with everybody."""
        return [peer for peer in esp.NODES if peer != name]

    @classmethod
    def adjust(cls, name, config):
        """Two LMAs, with keys."""
        two_lmas(name, config)
        super().adjust(name, config)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.attach_both()

    def test_l_69_ls_2_six_messages_in_esp_on_every_leg(self):
        since = time.time()
        with self.sink(self.domain.mn2) as taking:
            self.datagram(self.domain.mn1, self.there)
            taking.recv(100)
        found = self.exactly(since, SET_UP)
        self.active_at("mag1", "mag2", *LMAS)
        self.assertEqual([0, 0, 0], [message.status for message in found[3:]])
        self.assertTrue(all(message.checksum_good for message in found))
        between = [packet for _, packet in self.to_node("lma2", ADDRESS["lma"]) + self.to_node("lma", ADDRESS["lma2"])]
        spis = {int.from_bytes(packet.payload[:4], "big") for packet in between}
        self.assertEqual({esp.spi("lma", "lma2", 1), esp.spi("lma2", "lma", 1)}, spis)
        self.nothing_clear()

    def test_l_69_ls_4_lma1_triggers_again_in_esp_when_mn1_moves(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        swap = {"mag1": "mag3"}
        self.exactly(since, [("PBU", "mag3", "lma"), ("PBA", "lma", "mag3")] + [
            (kind, swap.get(source, source), swap.get(to, to)) for kind, source, to in SET_UP])
        domain.detach(domain.mn1, domain.mag1)
        self.active_at("mag3", "mag2")
        self.assertEqual(0, domain.mn1.ping(self.there, 20).lost)
        self.nothing_clear()

    def test_l_70_l_69_each_lma_shows_its_association_with_the_other(self):
        for name, other in (LMAS, LMAS[::-1]):
            peers = {peer["address"]: peer for peer in self.domain.nodes[name].call("peer.list")["peers"]}
            association = peers[str(ADDRESS[other])]["associations"][0]
            self.assertEqual((esp.suite_of(name, other), True), (association["suite"], association["active"]))
            self.assertGreater(association["inbound"]["opened"], 0)
            self.assertGreater(association["outbound"]["sealed"], 0)

    def test_l_67_l_69_a_clear_trigger_is_dropped_and_counted_and_not_answered(self):
        domain, state, since = self.domain, self.state(), time.time()
        before = domain.lma2.stats()
        self.inject("lma2", [ipv6(ADDRESS["lma"], ADDRESS["lma2"], pcap.NEXT_MH, self.trigger(300))])
        self.risen("lma2", "esp.drop.unprotected", before)
        self.assertEqual([], [describe(m) for m in domain.signalling(since) if m.source == ADDRESS["lma2"]])
        self.assertEqual([], [m for m in self.clear["lma2"].messages(since) if m.source == ADDRESS["lma2"]])
        self.assertEqual(state, self.state())

    def test_l_74_a_trigger_that_is_replayed_or_tampered_changes_nothing(self):
        state = self.state()
        old = [octets for octets, packet in self.to_node("lma2", ADDRESS["lma"])]
        before = self.domain.lma2.stats()
        self.inject("lma2", old)
        self.risen("lma2", "esp.drop.replayed", before, len(old))
        sealed = esp.seal("lma", "lma2", self.trigger(0), len(old) + 20)
        before = self.domain.lma2.stats()
        self.inject("lma2", [sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:]])
        self.risen("lma2", "esp.drop.bad-icv", before)
        self.assertEqual(state, self.state())
        self.said = f"{len(old)} packets"

    def test_l_74_a_mag_may_not_speak_for_an_lma(self):
        """MAG3 has keys with LMA2, but is no LMA: its trigger is dropped for its role."""
        state, before = self.state(), self.domain.lma2.stats()
        message = mh.sealed(str(ADDRESS["mag3"]), str(ADDRESS["lma2"]), mh.ro_request(
            mh.RO_TRIGGER, FORGED_SEQUENCE, 300, self.pieces()))
        self.inject("lma2", [esp.seal("mag3", "lma2", message, 20)])
        self.risen("lma2", "esp.drop.role", before)
        self.assertEqual(state, self.state())

    def test_l_69_a_trigger_that_scapy_sealed_is_answered(self):
        """For a pair that has no path: taken and refused, in ESP."""
        since = time.time()
        pieces = [mh.prefix_option("2001:db8:100:77::/64"), mh.prefix_option("2001:db8:200:77::/64"),
                  mh.address_option(ADDRESS["mag1"])]
        octets = mh.ro_request(mh.RO_TRIGGER, FORGED_SEQUENCE, 0, pieces)
        sequence = 40  # not beyond what LMA1 itself would reach soon: who has a key moves the window
        self.inject("lma2", [esp.seal("lma", "lma2", mh.sealed(str(ADDRESS["lma"]), str(ADDRESS["lma2"]), octets),
                                      sequence)])
        ack = wait_for("RO Trigger Ack", lambda: [
            m for m in self.domain.signalling_so_far(since) if m.type == mh.RO_TRIGGER_ACK
            and m.sequence == FORGED_SEQUENCE], poll_s=0.1)[0]
        self.assertEqual((NO_SUCH_STATE, ADDRESS["lma2"]), (ack.status, ack.source))

    def test_l_68_l_69_tshark_decrypts_and_finds_nothing_wrong(self):
        kinds, count, bad = set(), 0, []
        # Of a leg with extended sequence numbers tshark 4.0 knows no ICV; scapy has opened it.
        extended = {esp.spi(*ends, 1) for ends in (tuple(esp.EXTENDED), tuple(esp.EXTENDED)[::-1])}
        for name in ("lma", "lma2", "mag1", "mag2"):
            fields = ["esp.spi", "mip6.mhtype", "mip6ro.mhtype", "esp.icv_good", "_ws.malformed"]
            done = run("tshark", "-r", self.domain.captures[name].path, "-X", f"lua_script:{DISSECTOR}",
                       *esp.keys_for_tshark((1,)), "-T", "fields", "-E", "separator=;",
                       *[word for field in fields for word in ("-e", field)])
            for line in done.stdout.splitlines():
                spi, kind, localized, good, malformed = line.split(";")
                if int(spi, 16) in extended:
                    continue
                if good not in ("1", "True"):
                    bad.append((name, int(spi, 16)))
                    continue
                self.assertTrue(kind or localized, f"not decrypted at {name}: {line}")
                self.assertEqual("", malformed, line)
                kinds.add(localized)
                count += 1
        self.assertEqual([("lma2", esp.spi("lma", "lma2", 1))], bad, "but for the one that was tampered with")
        self.assertLessEqual({str(kind) for kind in (mh.RO_TRIGGER, mh.RO_TRIGGER_ACK, mh.RO_INIT, mh.RO_SETUP)}, kinds)
        self.said = f"{count} packets"

    def pieces(self):
        """What a trigger for the pair says."""
        return [mh.prefix_option(self.one), mh.prefix_option(self.two), mh.address_option(ADDRESS["mag1"])]

    def trigger(self, lifetime_s):
        """LMA1's trigger for the pair, in our words."""
        octets = mh.ro_request(mh.RO_TRIGGER, FORGED_SEQUENCE, lifetime_s, self.pieces())
        return mh.sealed(str(ADDRESS["lma"]), str(ADDRESS["lma2"]), octets)
