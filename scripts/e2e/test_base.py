"""The base protocol from outside: heartbeats and restarts (RFC 5847), revocation (RFC 5846), every status that
an LMA gives (RFC 5213 section 8.9, RFC 5844), mobile nodes that fall silent.
"""

import ipaddress
import struct
import time

from e2e.case import WithDomain
from lab import mh, pcap
from lab.ctl import Refused
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, MAGS, name_of
from lab.inject import Intruder, Sender, ether, ipv6, mac_of
from lab.shell import wait_for

IPV4_REQUEST, RESTART_COUNTER = 36, 28
REVOCATION = 16
BEAT_S = 2
HOUR_S = 3600
UNKNOWN_HOME = "2001:db8:1ff:1::/64"
ALL_ZERO = "::/0"
OLD_HOME, ADDRESS_OF_IT = "2001:db8:100:a::/64", "2001:db8:100:a::1/128"


def heartbeats(domain, since=0.0):
    """(from, to, unsolicited, response, sequence, restart counter) of every heartbeat so far."""
    found = []
    for message in domain.signalling(since):
        if message.type == mh.HEARTBEAT:
            flags, sequence = message.octets[7], struct.unpack_from("!I", message.octets, 8)[0]
            counter = [struct.unpack("!I", data)[0] for data in message.option(RESTART_COUNTER)]
            found.append((name_of(message.source), name_of(message.destination), bool(flags & 2),
                          bool(flags & 1), sequence, counter))
    return found


def revocations(domain, since=0.0):
    """(from, to, B.R. type, trigger or status, sequence) of every revocation message so far."""
    return [(name_of(message.source), name_of(message.destination), message.octets[6], message.octets[7],
             struct.unpack_from("!H", message.octets, 8)[0])
            for message in domain.signalling(since) if message.type == REVOCATION]


def quick_heartbeats(config):
    """A heartbeat every two seconds."""
    config["heartbeat"] = {"interval_s": BEAT_S, "missing_allowed": 3}


class Heartbeats(WithDomain):
    """RFC 5847."""

    @staticmethod
    def adjust(_name, config):
        """A heartbeat every two seconds, and paths that outlive the tests."""
        quick_heartbeats(config)
        config["localized_routing"]["lifetime_s"] = 3600

    def heartbeat_at(self, node, peer):
        """What a node says of its heartbeats with a peer."""
        entry = next(e for e in self.domain.nodes[node].call("peer.list")["peers"]
                     if e["address"] == str(ADDRESS[peer]))
        return entry["heartbeat"]

    def test_1_requests_go_to_peers_with_a_binding_and_are_answered_with_the_restart_counter(self):
        since = time.time()
        time.sleep(3 * BEAT_S)
        beats = heartbeats(self.domain, since)
        asked = {(source, to) for source, to, _, response, _, _ in beats if not response}
        self.assertEqual({("lma", "mag1"), ("lma", "mag2"), ("mag1", "lma"), ("mag2", "lma")}, asked)
        requests = {(source, to, n) for source, to, _, response, n, _ in beats if not response}
        for source, to, unsolicited, response, sequence, counter in beats:
            self.assertFalse(unsolicited)
            self.assertEqual(1 if response else 0, len(counter))
            if response:
                self.assertIn((to, source, sequence), requests)
        self.assertEqual("answered", self.heartbeat_at("mag1", "lma"))
        self.said = f"{len(beats)} heartbeats in {3 * BEAT_S} s"

    def test_2_a_cut_off_lma_is_down_after_three_and_up_again(self):
        self.domain.unplug_core("mag2")
        try:
            wait_for("the LMA is silent", lambda: self.heartbeat_at("mag2", "lma") == "silent", 10 * BEAT_S)
        finally:
            self.domain.plug_core("mag2")
        wait_for("the LMA answers", lambda: self.heartbeat_at("mag2", "lma") == "answered", 10 * BEAT_S)

    def test_3_a_restarted_lma_gets_its_mns_back(self):
        domain = self.domain
        homes = {b["mn_id"]: b["hnps"] for b in domain.lma.bindings()}
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: len(domain.paths_anywhere()) >= 3)
        since = time.time()
        domain.lma.kill()
        domain.lma.start()
        domain.lma.ready()
        back = lambda: {b["mn_id"]: b["hnps"] for b in domain.lma.bindings()} == homes
        wait_for("both MNs are registered again", back, 5)
        took = time.time() - since
        announced = [beat for beat in heartbeats(domain, since) if beat[2]]
        self.assertEqual({("lma", mag) for mag in MAGS}, {(source, to) for source, to, *_ in announced})
        wait_for("MN2 answers", lambda: domain.mn1.ping(self.there, 2).lost == 0, 15)
        self.said = f"both MNs registered again {took:.1f} s after kill -9, start of the LMA included"

    def test_4_a_restarted_mag_has_no_bindings_at_the_lma(self):
        domain = self.domain
        domain.mag2.kill()
        domain.mag2.start()
        domain.mag2.ready()
        left = lambda: [b["mn_id"] for b in domain.lma.bindings()] == ["mn1@lab.example"]
        wait_for("the LMA has forgotten MN2", left, 4 * BEAT_S)
        domain.attach(domain.mn2, domain.mag2)
        time.sleep(2 * BEAT_S)
        self.assertEqual(2, len(domain.lma.bindings()), "what was registered after the restart stays")


class Revocation(WithDomain):
    """RFC 5846."""

    @staticmethod
    def adjust(name, config):
        """The previous MAG is told of a handover."""
        if name == "lma":
            config["lma"]["revocation"] = {"at_previous_mag": True}

    def test_1_a_handover_without_a_detach_is_told_to_the_previous_mag(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        wait_for("MAG2 has let go of MN2", lambda: domain.mag2.bindings() == [], 5)
        found = revocations(domain, since)
        self.assertEqual([("lma", "mag2", 1, 2), ("mag2", "lma", 2, 0)], [entry[:4] for entry in found])
        self.assertEqual(found[0][4], found[1][4])
        wait_for("MN2 answers", lambda: domain.mn1.ping(self.there, 2).lost == 0, 15)

    def test_2_a_revoked_mn_has_no_service(self):
        domain, since = self.domain, time.time()
        self.assertEqual(0, domain.mn1.ping(self.there, 2).lost)
        answer = domain.lma.ctl_json("binding", "revoke", "mn1@lab.example")
        self.assertEqual("mn1@lab.example", answer["mn_id"])
        self.assertEqual([("lma", "mag1", 1, 1), ("mag1", "lma", 2, 0)],
                         [entry[:4] for entry in revocations(domain, since)])
        self.assertEqual([], domain.mag1.bindings())
        self.assertNotIn("mn1@lab.example", [b["mn_id"] for b in domain.lma.bindings()])
        self.assertEqual(0, len(domain.mn1.ping(self.there, 2).sequences), "answers for an MN without service")

    def test_3_revoking_nobody_is_refused(self):
        with self.assertRaises(Refused):
            self.domain.lma.call("binding.revoke", mn_id="nobody@lab.example")

    def test_4_all_bindings_of_a_mag_with_one_message(self):
        domain = self.domain
        domain.attach(domain.mn1, domain.mag3)
        since = time.time()
        domain.lma.ctl_json("binding", "revoke-all", str(ADDRESS["mag3"]))
        self.assertEqual([("lma", "mag3", 1, 128), ("mag3", "lma", 2, 0)],
                         [entry[:4] for entry in revocations(domain, since)])
        self.assertEqual([], domain.lma.bindings())
        self.assertEqual([], domain.mag3.bindings())


class Statuses(WithDomain):
    """Every status that the LMA gives, provoked by PBUs of our own making under MAG3's address."""

    attached = False

    @staticmethod
    def adjust(name, config):
        """A pool of two prefixes, and mobile nodes that may have this and not that."""
        if name == "lma":
            may_not = {"enabled": False}, {"ipv4": False}, {"ipv6": False}
            nodes = [{"mn_id": f"mn{number}@refused.example", **what} for number, what in enumerate(may_not)]
            nodes += [{"mn_id": f"{name}@lab.example", "hnps": [home]} for name, home in (
                ("mn8", "2001:db8:100:8::/64"), ("old", OLD_HOME))]
            config["lma"] |= {"hnp_pools": ["2001:db8:100::/63"], "mobile_nodes": nodes,
                              "ipv4_pools": ["10.9.0.0/24"]}
            config["peers"] = [{"address": str(ADDRESS["mag2"]), "lenient": True}]
        if name == "mag1":
            config["domain"] = {"timestamp_based_approach_in_use": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = Sender(cls.domain.core, "lma")
        cls.mac = mac_of(cls.domain.lma.space, "core0")
        cls.sequence = 100

    def pieces(self, mn="mn3@lab.example", hnps=(ALL_ZERO,), hi=1, att=3, ahead_s=0.0, ll_id=None):
        """Options of a PBU as a MAG makes it; None leaves one out."""
        pieces = [] if ahead_s is None else [mh.timestamp(time.time() + ahead_s)]
        pieces += [] if mn is None else [mh.nai(mn)]
        pieces += [mh.prefix_option(hnp) for hnp in hnps]
        pieces += [] if hi is None else [mh.option(mh.HANDOFF, bytes([0, hi]))]
        pieces += [] if att is None else [mh.option(mh.ATT, bytes([0, att]))]
        return pieces + ([] if ll_id is None else [mh.option(mh.MN_LL_ID, b"\0\0" + ll_id)])

    def status(self, pieces, source="2001:db8:f::13", lifetime=100, sequence=None, aligned=True):
        """Sends a PBU and returns the status of the PBA, which has our sequence number unless it is 135."""
        since = time.time()
        number = self.send(pieces, source, lifetime, sequence, aligned)

        def answer():
            return next((m for m in self.domain.captures["lma"].messages_so_far(since) if m.type == mh.PBA
                         and m.destination == ipaddress.IPv6Address(source)), None)
        found = wait_for("a PBA", answer, 5, 0.05)
        self.assertTrue(found.checksum_good)
        if found.status != 135:
            self.assertEqual(number, found.sequence)
        if found.status in (156, 157):
            stamp = struct.unpack("!Q", found.option(mh.TIMESTAMP)[0])[0] / 65536
            self.assertAlmostEqual(time.time(), stamp, delta=5, msg="156 and 157 bring the LMA's time")
        return found.status

    def send(self, pieces, source="2001:db8:f::13", lifetime=100, sequence=None, aligned=True):
        """Sends a PBU; its sequence number."""
        type(self).sequence += 1
        number = self.sequence if sequence is None else sequence
        target = str(ADDRESS["lma"])
        octets = mh.sealed(source, target, mh.pbu(number, lifetime, pieces, aligned=aligned))
        self.sender.send([ether(self.mac, self.sender.mac, ipv6(source, target, pcap.NEXT_MH, octets))])
        return number

    def registered(self):
        """NAIs that the LMA has bindings for."""
        return [entry["mn_id"] for entry in self.domain.lma.bindings()]

    def test_what_is_missing(self):
        for status, pieces in (
                (160, self.pieces(mn=None)), (158, self.pieces(hnps=())),
                (161, self.pieces(hi=None)), (162, self.pieces(att=None))):
            with self.subTest(status=status):
                self.assertEqual(status, self.status(pieces))
        self.assertEqual([], [mn for mn in self.registered() if mn == "mn3@lab.example"])

    def test_who_may_not(self):
        for status, what in ((152, {"mn": "mn0@refused.example"}), (172, {"mn": "mn2@refused.example"})):
            with self.subTest(status=status):
                self.assertEqual(status, self.status(self.pieces(**what)))
        ipv4_only = self.pieces(mn="mn1@refused.example", hnps=()) + [ipv4_request("0.0.0.0")]
        self.assertEqual(170, self.status(ipv4_only))
        named = self.pieces(mn="mn4@lab.example", hnps=()) + [ipv4_request("10.77.0.1")]
        self.assertEqual(171, self.status(named))
        several = self.pieces(mn="mn4@lab.example") + [ipv4_request("0.0.0.0"), ipv4_request("0.0.0.0")]
        self.assertEqual(173, self.status(several))
        self.assertEqual(155, self.status(self.pieces(hnps=(UNKNOWN_HOME,))))

    def test_a_mag_that_is_not_listed_gets_154(self):
        intruder = Intruder(self.lab, self.domain.core)
        self.assertEqual(154, self.status(self.pieces(), source=str(intruder.ADDRESS)))

    def test_a_clock_an_hour_off_gets_156_an_old_timestamp_157(self):
        self.assertEqual(156, self.status(self.pieces(mn="mn5@lab.example", ahead_s=HOUR_S)))
        self.assertEqual(156, self.status(self.pieces(mn="mn5@lab.example", ahead_s=-HOUR_S)))
        interface = bytes.fromhex("020000000008")
        once = self.pieces(mn="mn8@lab.example", ll_id=interface)
        self.assertEqual(0, self.status(once))
        self.assertEqual(157, self.status(once))
        both = self.pieces(mn="mn8@lab.example", hnps=("2001:db8:100:8::/64", UNKNOWN_HOME))
        self.assertEqual(159, self.status(both))
        home = ("2001:db8:100:8::/64",)
        self.assertEqual(155, self.status(self.pieces(mn="mn3@lab.example", hnps=home)))
        elsewhere = self.pieces(mn="mn8@lab.example", hnps=home, hi=5, ll_id=interface)
        self.assertEqual(129, self.status(elsewhere, source="2001:db8:f::12"))
        self.assertEqual(0, self.status(self.pieces(mn="mn8@lab.example", hnps=home, hi=4), lifetime=0))

    def test_an_old_mag_writes_128_bits_for_a_prefix_and_aligns_nothing(self):
        """Refused with 155, as what it says, where the MAG is not known to be old; and dropped where options are not
        aligned, as senders have to see to (RFC 6275 section 6.2.1)."""
        pieces = self.pieces(mn="old@lab.example", hnps=(ADDRESS_OF_IT,))
        self.assertEqual(155, self.status(pieces))
        self.send(pieces, aligned=False)
        wait_for("it is counted", lambda: self.domain.lma.stats()["pmipv6.drop.unaligned-options"] == 1)
        self.assertEqual(0, self.status(pieces, source=str(ADDRESS["mag2"]), aligned=False))
        entry, = [entry for entry in self.domain.lma.bindings() if entry["mn_id"] == "old@lab.example"]
        self.assertEqual(([OLD_HOME], str(ADDRESS["mag2"])), (entry["hnps"], entry["proxy_coa"]))

    def test_z_numbers_that_do_not_rise_get_135_and_an_empty_pool_130(self):
        bare = self.pieces(mn="mn6@lab.example", ahead_s=None)
        self.assertEqual(0, self.status(bare, sequence=7))
        for number in (7, 6, 7 + 32768):
            self.assertEqual(135, self.status(bare, sequence=number), number)
        self.assertEqual(0, self.status(self.pieces(mn="mn7@lab.example")))
        self.assertEqual(130, self.status(self.pieces(mn="mn9@lab.example")))
        self.assertNotIn("mn9@lab.example", self.registered())


class Silence(WithDomain):
    """An MN that does not answer is detached (RFC 5213 section 6.9.4)."""

    @staticmethod
    def adjust(name, config):
        """MNs are asked every two seconds."""
        if name.startswith("mag"):
            config["mag"]["unreachability_detection_s"] = BEAT_S

    def test_1_mns_that_answer_stay(self):
        time.sleep(4 * BEAT_S)
        self.assertEqual(2, len(self.domain.lma.bindings()))

    def test_2_an_mn_without_its_cable_is_detached(self):
        since = time.time()
        self.domain.unplug(self.domain.mn2)
        wait_for("MAG2 has detached MN2", lambda: self.domain.mag2.bindings() == [], 10 * BEAT_S)
        self.said = f"{time.time() - since:.1f} s after its cable was pulled"
        states = {b["mn_id"]: b["state"] for b in self.domain.lma.bindings()}
        self.assertEqual("registered", states["mn1@lab.example"])
        self.assertNotEqual("registered", states.get("mn2@lab.example"))


class LocalRouting(WithDomain):
    """EnableMAGLocalRouting: two MNs of one MAG, and nothing of theirs at the LMA."""

    attached = False

    @staticmethod
    def adjust(name, config):
        """MAG1 switches by itself; nobody sets paths up."""
        if name.startswith("mag"):
            config["mag"]["enable_mag_local_routing"] = True
        config["localized_routing"]["enabled"] = False

    def test_two_mns_of_one_mag_are_switched_there(self):
        domain = self.domain
        for mn in (domain.mn1, domain.mn2):
            domain.attach(mn, domain.mag1)
        for mn in (domain.mn1, domain.mn2):
            mn.slaac()
        there, _ = domain.home(domain.mn2)
        domain.mn1.ping(there, 10)
        paths = wait_for("MAG1 switches", lambda: [p for p in domain.mag1.paths() if p["method"] == "mag-local"], 5)
        capture = domain.capture_user("lma", "local-routing")
        self.assertEqual(0, domain.mn1.ping(there, 10).lost)
        self.assertEqual([], capture.packets())
        self.said = f"{len(paths)} pair"


def ipv4_request(address):
    """IPv4 Home Address Request (RFC 5844 section 3.3.1)."""
    length = 0 if address == "0.0.0.0" else 32
    return mh.option(IPV4_REQUEST, struct.pack("!BB", length << 2, 0) + ipaddress.IPv4Address(address).packed)
