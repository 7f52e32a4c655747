"""Signalling in ESP: every message of the domain, opened by scapy and by tshark, and everything that a peer
or a stranger might send instead (RFC 4301, 4303; L-11, L-67 to L-70, L-74)."""

import json
import time

from e2e.case import WithDomain, binaries
from lab import esp, mh, pcap
from lab.ctl import Ctl
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HI_NEW, HNP_POOL, MAGS, ROOT
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import run, wait_for
from lab.steps import SETUP, live_paths

DISSECTOR = ROOT / "configs" / "wireshark" / "crowfly.lua"
MIN_ESP = 24
CHANGE_AFTER_S, CHANGE_LASTS_S = 4, 9
SOON_S = 0.9  # less than INITIAL_BINDACK_TIMEOUT: an answer to the first try


class WithKeys(WithDomain):
    """A domain with keys between all its nodes, or those that `peers_of` names."""

    attached = False

    @staticmethod
    def peers_of(name):
        """Whom a node has keys with."""
        return [peer for peer in ("lma", *MAGS) if peer != name and {peer, name} & set(MAGS)]

    @classmethod
    def adjust(cls, name, config):
        """Keys instead of none, and paths that last."""
        config["protection"] = "esp"
        config["security"] = esp.security(cls.lab.state, name, cls.peers_of(name))
        config["localized_routing"]["lifetime_s"] = 3600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clear = cls.domain.captures
        cls.domain.captures = {
            name: esp.EspCapture(cls.lab, cls.domain.core, name, f"{name}-esp") for name in cls.domain.nodes}
        cls.cables = {name: Sender(cls.domain.core, name) for name in cls.domain.nodes}

    def inject(self, name, packets):
        """Puts IPv6 packets on a node's cable."""
        cable, mac = self.cables[name], mac_of(self.domain.nodes[name].space, "core0")
        return cable.send([ether(mac, cable.mac, packet) for packet in packets])

    def risen(self, name, counter, before, by=1):
        """Waits until a counter has risen."""
        node = self.domain.nodes[name]
        wait_for(f"{counter} at {name}", lambda: node.stats()[counter] - before[counter] >= by)
        self.assertEqual(by, node.stats()[counter] - before[counter])

    def state(self):
        """Bindings and paths of every node, without what time changes."""
        def still(entry):
            return {key: entry.get(key) for key in (
                "mn_id", "hnps", "proxy_coa", "lma", "source", "destination", "peer", "state")}
        return {name: ([still(b) for b in node.bindings()], [still(p) for p in node.paths()])
                for name, node in self.domain.nodes.items()}

    def to_node(self, name, source=None):
        """ESP packets to a node, as captured on its cable: (frame, packet)."""
        capture = self.domain.captures[name]
        found = []
        for frame in capture.frames():
            packet = pcap.packet(frame)
            if packet and packet.destination == ADDRESS[name] and source in (None, packet.source):
                found.append((frame.octets[14:], packet))
        return found

    def nothing_clear(self):
        """No Mobility Header has been on any link in the clear."""
        for name, capture in self.clear.items():
            self.assertEqual([], capture.messages(), f"in the clear at {name}")


class Protected(WithKeys):
    """The tests go in order; each stands on the ones before."""

    def test_l_68_registrations_are_protected(self):
        domain, since = self.domain, time.time()
        self.attach_both()
        found = domain.expect_order(since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1"),
                                            ("PBU", "mag2", "lma"), ("PBA", "lma", "mag2")])
        self.assertEqual([0, 0], [message.status for message in found[1::2]])
        self.assertTrue(all(message.checksum_good for message in found))
        self.nothing_clear()
        for node in domain.nodes.values():
            status = node.call("status")
            self.assertEqual(("esp", []), (status["protection"], status["alarms"]))

    def test_l_69_the_set_up_of_a_path_is_protected_between_mags_too(self):
        domain, since = self.domain, time.time()
        pings = domain.mn1.ping(self.there, 5)
        found = domain.expect_order(since, SETUP)
        self.assertEqual((0, 0, 0), (pings.lost, found[2].status, found[3].status))
        wait_for("paths", lambda: live_paths(domain.mag1) and live_paths(domain.mag2))
        self.nothing_clear()
        for name in ("lma", "mag1", "mag2"):
            protected = [p for _, p in self.to_node(name)]
            self.assertGreater(len(protected), 1)
            self.assertTrue(all(len(p.payload) >= MIN_ESP for p in protected))

    def test_l_68_l_69_tshark_decrypts_and_finds_nothing_wrong(self):
        count = 0
        for name in ("lma", "mag1", "mag2"):
            path = self.domain.captures[name].path
            fields = ["esp.spi", "mip6.mhtype", "mip6ro.mhtype", "esp.icv_good", "_ws.malformed"]
            done = run("tshark", "-r", path, "-X", f"lua_script:{DISSECTOR}", *esp.keys_for_tshark(),
                       "-T", "fields", "-E", "separator=;", *[word for f in fields for word in ("-e", f)])
            lines = [line.split(";") for line in done.stdout.splitlines()]
            self.assertTrue(lines)
            for spi, kind, localized, good, malformed in lines:
                kind = kind or localized
                self.assertTrue(kind, f"not decrypted: {spi}")
                self.assertEqual("", malformed)
                self.assertIn(good, ("1", "True"), f"ICV of {spi}, type {kind}")
            count += len(lines)
        self.said = f"{count} packets"

    def test_l_68_without_keys_crowflyctl_says_that_a_capture_was_not_opened(self):
        path = self.domain.captures["mag1"].path
        found = run(binaries() / "crowflyctl", "decode", path).stdout
        self.assertIn("Encapsulating Security Payload", found)
        self.assertIn("not opened", found)
        count = len([frame for frame in pcap.frames(path) if pcap.packet(frame).next_header == esp.NEXT_ESP])
        chart = run(binaries() / "crowflyctl", "trace", self.one, self.two, "--pcap", path).stdout
        self.assertIn(f"{count} packets of the capture are ESP and were not opened", chart)
        asked = self.domain.mag1.crowflyctl("trace", self.one, self.two).stdout
        self.assertIn("RO Setup", asked)
        self.assertNotIn("not opened", asked)
        self.said = chart.splitlines()[-1]

    def test_l_70_each_leg_has_the_suite_of_its_own(self):
        for name in ("lma", "mag1"):
            peers = {p["address"]: p for p in self.domain.nodes[name].call("peer.list")["peers"]}
            for peer in self.peers_of(name):
                association = peers[str(ADDRESS[peer])]["associations"][0]
                self.assertEqual(esp.suite_of(name, peer), association["suite"])
                self.assertEqual(esp.spi(name, peer, 1), association["outbound"]["spi"])
                self.assertEqual((1, True), (association["generation"], association["active"]))
        used = peers[str(ADDRESS["lma"])]["associations"][0]
        self.assertGreater(used["inbound"]["opened"], 0)
        self.assertEqual(used["outbound"]["sequence"], used["outbound"]["sealed"])

    def test_l_67_a_clear_init_is_dropped_and_counted_and_not_answered(self):
        domain, state, since = self.domain, self.state(), time.time()
        before = domain.mag2.stats()
        pieces = [mh.prefix_option(self.one), mh.prefix_option("2001:db8:100:77::/64"),
                  mh.address_option(ADDRESS["mag1"])]
        init = mh.sealed(str(ADDRESS["lma"]), str(ADDRESS["mag2"]), mh.ro_request(mh.RO_INIT, 77, 300, pieces))
        with Ctl(domain.mag2.socket) as events:
            events.call("events.subscribe")
            self.inject("mag2", [ipv6(ADDRESS["lma"], ADDRESS["mag2"], pcap.NEXT_MH, init)])
            told = events.receive()
        self.risen("mag2", "esp.drop.unprotected", before)
        self.assertEqual("esp.drop.unprotected", find(told, "counter"))
        self.assertEqual([], domain.signalling(since), "an answer")
        self.assertEqual([], [m for m in self.clear["mag2"].messages(since) if m.source == ADDRESS["mag2"]])
        self.assertEqual(state, self.state())

    def test_l_74_what_is_replayed_changes_nothing(self):
        state, total = self.state(), 0
        for name in ("lma", "mag1", "mag2"):
            before = self.domain.nodes[name].stats()
            old = [octets for octets, _ in self.to_node(name)]
            self.inject(name, old)
            self.risen(name, "esp.drop.replayed", before, len(old))
            total += len(old)
        self.assertEqual(state, self.state())
        self.said = f"{total} packets"

    def test_l_74_what_is_forged_or_broken_changes_nothing(self):
        domain, state = self.domain, self.state()
        message = mh.sealed(str(ADDRESS["mag3"]), str(ADDRESS["lma"]), self.registration("forged@lab.example"))
        # Who has a key moves the window: not beyond what MAG3 itself will send.
        right = esp.seal("mag3", "lma", message, 32)
        flipped = right[:-20] + bytes([right[-20] ^ 1]) + right[-19:]
        unknown = right[:40] + b"\0\0\x77\x77" + right[44:]
        reserved = right[:40] + b"\0\0\0\xff" + right[44:]
        stolen = right[:8] + ADDRESS["mag1"].packed + right[24:]
        short = ipv6(ADDRESS["mag3"], ADDRESS["lma"], esp.NEXT_ESP, right[40:60])
        tunnel = esp.association("mag3", "lma", 1, 33).encrypt(
            esp.IPv6(ipv6(ADDRESS["mag3"], ADDRESS["lma"], pcap.NEXT_IPV6, message)))
        wrong_role = mh.sealed(str(ADDRESS["mag3"]), str(ADDRESS["mag1"]),
                               mh.ro_request(mh.RO_INIT, 7, 300, [mh.prefix_option(self.one)]))
        for name, packet, counter in (
                ("lma", flipped, "bad-icv"), ("lma", unknown, "unknown-spi"), ("lma", reserved, "reserved-spi"),
                ("lma", stolen, "wrong-source"), ("lma", short, "truncated"), ("lma", bytes(tunnel), "selectors"),
                ("mag1", esp.seal("mag3", "mag1", wrong_role, 1), "role")):
            with self.subTest(counter=counter):
                before = domain.nodes[name].stats()
                self.inject(name, [packet])
                self.risen(name, f"esp.drop.{counter}", before)
        self.assertEqual(state, self.state())

    def test_a_packet_that_scapy_made_is_taken(self):
        domain, since = self.domain, time.time()
        message = mh.sealed(str(ADDRESS["mag3"]), str(ADDRESS["lma"]), self.registration("scapy@lab.example"))
        self.inject("lma", [esp.seal("mag3", "lma", message, 40)])
        answer, = domain.expect_order(since, [("PBA", "lma", "mag3")])
        self.assertEqual((0, 4711), (answer.status, answer.sequence))
        self.assertIn("scapy@lab.example", [b["mn_id"] for b in domain.lma.bindings()])

    def test_keys_change_without_a_lost_message(self):
        domain, before = self.domain, {name: node.stats() for name, node in self.domain.nodes.items()}
        change, since = int(time.time()) + CHANGE_AFTER_S, time.time()
        slowest, calls = 0.0, 0
        for name in domain.nodes:
            self.reload(name, ((1, 0), (2, change)))
            calls, slowest = self.register(calls, slowest)
        while time.time() < since + CHANGE_LASTS_S:
            calls, slowest = self.register(calls, slowest)
        for name in domain.nodes:
            self.reload(name, ((2, change),))
            calls, slowest = self.register(calls, slowest)
        requests = [(m.source, m.sequence) for m in domain.signalling(since) if m.type == mh.PBU]
        self.assertEqual(len(requests), len(set(requests)), "something was sent again")
        used = {int.from_bytes(p.payload[:4], "big") for _, p in self.to_node("lma", ADDRESS["mag1"])}
        self.assertLessEqual({esp.spi("mag1", "lma", 1), esp.spi("mag1", "lma", 2)}, used)
        for name, node in domain.nodes.items():
            after = node.stats()
            self.assertEqual({}, {counter: after[counter] - value for counter, value in before[name].items()
                                  if counter.startswith("esp.drop.") and after[counter] != value}, name)
        self.assertLess(slowest, SOON_S)
        self.said = f"{calls} registrations, the slowest {1000 * slowest:.0f} ms"

    def test_a_new_key_under_an_old_spi_is_refused(self):
        node = self.domain.mag1
        right = json.loads(json.dumps(node.config))
        leg = node.config["security"]["peers"][0]["associations"][0]["inbound"]
        leg["key"] = "00" * (len(leg["key"]) // 2)
        node.write_config()
        done = node.crowflyctl("config", "reload", check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("new keys need a new SPI", done.stderr + done.stdout)
        node.config = right
        node.write_config()

    def test_keys_are_shown_nowhere(self):
        for name, node in self.domain.nodes.items():
            shown = json.dumps([node.call(method) for method in ("config.show", "peer.list", "status")])
            shown += node.log.read_text() + (self.lab.state / f"{name}.esp.json").read_text()
            self.assertIn("(hidden)", shown)
            for peer in self.peers_of(name):
                for number in (1, 2):
                    for source, to in ((name, peer), (peer, name)):
                        self.assertNotIn(esp.key(source, to, number).hex()[:16], shown)

    def test_l_74_a_node_that_was_killed_goes_on_where_it_was(self):
        domain = self.domain
        # What comes while the LMA is away has not come: a copy of it is no copy.
        old = [octets for octets, _ in self.to_node("lma", ADDRESS["mag1"])][-5:]
        time.sleep(2.5)  # what has come in is stored once a second
        for name in ("mag1", "lma"):
            node = domain.nodes[name]
            node.kill()
            node.start()
            node.ready()
        before = domain.lma.stats()
        self.inject("lma", old)
        self.risen("lma", "esp.drop.replayed", before, len(old))
        # MAG2 has noticed the restart and registers again; of MAG1, which has lost its own state, there is nothing.
        self.assertEqual([], [b for b in domain.lma.bindings() if b["proxy_coa"] == str(ADDRESS["mag1"])])
        since = time.time()
        domain.attach(domain.mn1, domain.mag1, HI_NEW)
        domain.expect_order(since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        self.assertEqual(before["esp.drop.replayed"] + len(old), domain.lma.stats()["esp.drop.replayed"])
        self.nothing_clear_from_nodes()

    def nothing_clear_from_nodes(self):
        """What was injected in the clear was the only Mobility Header that there was."""
        for name, capture in self.clear.items():
            clear = [m for m in capture.messages() if m.sequence != 77]
            self.assertEqual([], clear, f"in the clear at {name}")

    @staticmethod
    def registration(name):
        """A PBU of an MN that is nowhere."""
        return mh.pbu(4711, 100, [
            mh.nai(name), mh.prefix_option("::/0"), mh.option(mh.HANDOFF, b"\0\x01"), mh.option(mh.ATT, b"\0\x03"),
            mh.timestamp(time.time())])

    def reload(self, name, generations):
        """Gives a node these generations of keys."""
        node = self.domain.nodes[name]
        node.config["security"] = esp.security(self.lab.state, name, self.peers_of(name), generations)
        node.write_config()
        answer = node.call("config.reload")
        self.assertEqual([], answer["refused"])

    def register(self, calls, slowest):
        """An MN that is nowhere comes and goes at MAG1; how long the slower of the two took."""
        for words in (("attach", "roamer@lab.example", "--port", "access", "--mac", "02:00:00:00:99:01"),
                      ("detach", "roamer@lab.example")):
            began = time.monotonic()
            self.domain.mag1.ctl_json("mn", *words)
            slowest = max(slowest, time.monotonic() - began)
        return calls + 1, slowest


class WithoutKeysBetweenMags(WithKeys):
    """L-11: direct paths need associations between the MAGs."""

    @staticmethod
    def peers_of(name):
        return [*MAGS] if name == "lma" else ["lma"]

    def test_l_11_without_keys_no_setup_leaves_and_traffic_stays_with_the_anchor(self):
        domain = self.domain
        self.attach_both()
        before = domain.mag2.stats()
        pings = domain.mn1.ping(self.there, 30)
        wait_for("a Setup that cannot leave", lambda: domain.mag2.stats()["esp.drop.no-association"]
                 > before["esp.drop.no-association"])
        self.assertEqual(0, pings.lost)
        self.assertEqual([], [p for p in domain.mag1.paths() if p["state"] == "active"])
        self.assertTrue(self.one.subnet_of(HNP_POOL))
        self.nothing_clear()


def find(value, name):
    """A member of that name, however deep."""
    if isinstance(value, dict):
        inner = (find(member, name) for member in value.values())
        return value[name] if name in value else next((found for found in inner if found is not None), None)
    return None
