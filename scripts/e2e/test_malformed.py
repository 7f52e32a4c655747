"""Malformed packets against running nodes: every one counted, none answered wrongly, none fatal.

They come under the address of a host on the transport network that is no node of the domain (`stranger`)
and under a peer's (`peer`: without ESP an address is all that tells one), and from an MN. They are put on
the target's own cable, because a bridge may look into a packet and drop it.
Meanwhile MN1 and MN2 stay attached with a path; after each group bindings, paths and processes are as
before, and at the end the pair still talks.
"""

import json
import random
import struct
import time

from e2e import malformed
from e2e.case import WithDomain
from lab import mh, pcap
from lab.capture import Capture
from lab.domain import ADDRESS, FIXED_ROUTER
from lab.inject import Intruder, Sender, ether, ipv6, mac_of
from lab.shell import wait_for
from lab.steps import unaccounted

TARGETS = ("lma", "mag2")
PEER_OF = {"lma": "mag1", "mag2": "mag1"}
SEED = 20100701
FIXED_MAC = "00:00:5e:00:52:13"
COUNTED_S = 5.0
NEIGHBOUR_DISCOVERY = range(133, 138)
PARAMETER_PROBLEM, CODE_ERRONEOUS_FIELD = 4, 0
ACKS = (mh.RO_TRIGGER_ACK, mh.RO_INIT_ACK, mh.RO_SETUP_ACK, mh.RO_REFRESH_ACK, mh.RO_REQUEST_ACK, 251)


def drops(stats):
    """Everything that was dropped or refused by name."""
    return sum(value for name, value in stats.items() if ".drop." in f".{name}")


class Malformed(WithDomain):
    """One test a group."""

    @staticmethod
    def adjust(_name, config):
        """The path outlives the tests, and no heartbeat is due in them, so that what happens is theirs."""
        config["localized_routing"]["lifetime_s"] = 3600
        config["heartbeat"] = {"interval_s": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        cls.intruder = Intruder(cls.lab, cls.domain.core)
        cls.domain.mn1.ping(cls.there, 5)
        wait_for("a path", lambda: len(cls.domain.paths_anywhere()) >= 3)
        cls.pids = {name: node.call("status")["pid"] for name, node in cls.domain.nodes.items()}

    def state(self):
        """Bindings and paths of every node, without what time changes."""
        def still(entry):
            return {key: entry.get(key) for key in (
                "mn_id", "hnps", "proxy_coa", "lma", "source", "destination", "peer", "state")}
        return {name: ([still(b) for b in node.bindings()], [still(p) for p in node.paths()])
                for name, node in self.domain.nodes.items()}

    def run_group(self, group, who=("stranger", "peer"), answers=(), all_dropped=False):
        """Sends a group to each target under each name, then looks at everything."""
        state = self.state()
        sent_all = 0
        for name in TARGETS:
            node, target = self.domain.nodes[name], str(ADDRESS[name])
            mac = mac_of(node.space, "core0")
            for identity in who:
                source = str(self.intruder.ADDRESS if identity == "stranger" else ADDRESS[PEER_OF[name]])
                frames = [ether(mac, self.intruder.sender.mac, octets) for octets in group(source, target)]
                with self.subTest(target=name, sender=identity):
                    sent_all += self.volley(node, frames, answers, all_dropped)
        self.unharmed(state)
        self.said = f"{sent_all} packets"

    def volley(self, node, frames, answers, all_dropped):
        """Sends frames to one node; all are counted and none is answered wrongly."""
        capture = Capture(self.lab, self.domain.core, node.name,
                          f"{node.name}-replies-{len(self.lab.processes)}", "ip6")
        before = node.stats()
        cable = Sender(self.domain.core, node.name)
        sent = cable.send(frames)
        cable.close()
        received = counted(node, before, "dataplane.rx.packets", sent)
        self.assertGreaterEqual(received, sent, "frames did not reach the node")
        if all_dropped:
            dropped = wait_dropped(node, before, sent)
            self.assertGreaterEqual(dropped, sent, f"{sent - dropped} of {sent} packets dropped without a counter")
        time.sleep(0.2)
        self.assertEqual(0, unaccounted(node.stats(), before), "packets that were neither moved nor dropped by name")
        wrong = [said for packet in capture.packets() if packet.source == ADDRESS[node.name]
                 for said in [self.wrong_answer(packet, answers)] if said]
        capture.stop()
        self.assertEqual([], wrong[:5], "answered wrongly")
        self.assertTrue(node.alive(), f"{node.name} has ended")
        return sent

    def wrong_answer(self, packet, answers):
        """What is wrong with a packet that a node has sent, or None."""
        if packet.next_header == pcap.NEXT_ICMPV6:
            kind, code = packet.payload[0], packet.payload[1]
            if kind in NEIGHBOUR_DISCOVERY or kind == 143 or "icmp-error" in answers and kind < 128:
                return None
            if (kind, code) == (PARAMETER_PROBLEM, CODE_ERRONEOUS_FIELD) and "problem" in answers:
                pointer = struct.unpack_from("!I", packet.payload, 4)[0]
                return None if pointer in (40, 41) else f"Parameter Problem points to {pointer}"
            return f"ICMPv6 type {kind} code {code}"
        if packet.next_header == pcap.NEXT_IPV6:
            inner = packet.inner()
            ours = {inner.source in self.one, inner.source in self.two} if inner else set()
            return None if True in ours else "a tunnelled packet of nobody"
        if packet.next_header != pcap.NEXT_MH:
            return f"next header {packet.next_header}"
        kind, octets = packet.payload[2], packet.payload
        if kind == mh.BINDING_ERROR:
            return None if "error" in answers and octets[6] == 2 else f"Binding Error {octets[6]}"
        if kind == mh.PBA:
            return None if "refusal" in answers and octets[6] >= 128 else f"PBA with status {octets[6]}"
        if kind in ACKS:
            return None if "refusal" in answers and octets[9] >= 128 else \
                f"{mh.NAMES[kind]} with status {octets[9]}"
        return f"{mh.NAMES.get(kind, kind)} out of nothing"

    def unharmed(self, state):
        """Processes and state are as before."""
        for name, node in self.domain.nodes.items():
            self.assertTrue(node.alive(), f"{name} has ended")
            self.assertEqual(self.pids[name], node.call("status")["pid"])
        self.assertEqual(state, self.state())

    def test_truncated_at_every_length(self):
        self.run_group(malformed.truncated, answers=("problem", "error"), all_dropped=True)

    def test_truncated_frames(self):
        self.run_group(malformed.truncated_frames, all_dropped=True)

    def test_cut_between_options(self):
        self.run_group(malformed.cut_between_options, answers=("problem", "error", "refusal"))

    def test_wrong_checksums_are_never_answered(self):
        self.run_group(malformed.wrong_checksums, all_dropped=True)

    def test_lengths_that_lie(self):
        self.run_group(malformed.lying_lengths, answers=("problem", "error", "refusal"))

    def test_prefix_lengths_beyond_128(self):
        self.run_group(malformed.bad_prefixes, answers=("error", "refusal"))

    def test_unknown_types_get_binding_error_2(self):
        since = time.time()
        self.run_group(malformed.unknown_types, who=("stranger",), answers=("error",))
        for name in TARGETS:
            errors = [message for message in self.domain.captures[name].messages(since)
                      if message.type == mh.BINDING_ERROR and message.source == ADDRESS[name]]
            self.assertTrue(errors, f"{name} sent no Binding Error")

    def test_unknown_options_are_skipped(self):
        self.run_group(malformed.unknown_options, answers=("error", "refusal"))

    def test_wrong_payload_proto(self):
        self.run_group(malformed.wrong_payload_proto, answers=("problem", "error"), all_dropped=True)

    def test_nested_headers(self):
        self.run_group(malformed.nested_headers, answers=("problem", "error", "refusal", "icmp-error"))

    def test_l_25_l_74_ro_messages_from_strangers(self):
        self.run_group(malformed.whole_messages, who=("stranger",), answers=("error", "refusal"))

    def test_l_30_l_35_ro_messages_for_nobody_from_peers(self):
        self.run_group(malformed.whole_messages, who=("peer",), answers=("error", "refusal"))

    def test_neighbour_discovery_out_of_shape(self):
        self.run_group(lambda source, target: malformed.neighbour_discovery(self.random, source, target),
                       who=("stranger",), answers=("icmp-error",))

    def test_noise_on_the_transport_network(self):
        state, sent = self.state(), 0
        for name in TARGETS:
            node = self.domain.nodes[name]
            frames = list(malformed.noise(self.random, mac_of(node.space, "core0"), self.intruder.sender.mac))
            with self.subTest(target=name):
                sent += self.volley(node, frames, ("icmp-error",), False)
        self.unharmed(state)
        self.said = f"{sent} frames"

    def test_l_75_strangers_and_peers_cannot_inject_user_packets(self):
        """Inner sources that are not the peer's, to MN2 by MAG2 and by the LMA."""
        def group(source, target):
            for inner_source in ("2001:db8:1ff:1::1", str(self.there), "2001:db8:ee::2", "fe80::1", "::1", "ff02::1"):
                inner = ipv6(inner_source, self.there, 59, b"spoofed")
                yield ipv6(source, target, pcap.NEXT_IPV6, inner)
        capture = Capture(self.lab, self.domain.radio, "mn2", f"mn2-spoofed-{len(self.lab.processes)}", "ip6")
        self.run_group(group, answers=("icmp-error",), all_dropped=True)
        reached = [packet for packet in capture.packets() if packet.payload == b"spoofed"]
        capture.stop()
        self.assertEqual([], reached)

    def test_l_75_an_mn_cannot_send_from_another_source(self):
        state, mag = self.state(), self.domain.mag1
        sender, mac = Sender(self.domain.radio, "mag1"), self.domain.mn1.mac()
        router = str(FIXED_ROUTER)
        table = json.loads(self.domain.mn1.execute("ip", "-j", "-6", "neigh", "show").stdout)
        self.assertIn((router, FIXED_MAC), [(entry["dst"], entry.get("lladdr")) for entry in table])
        sources = ("2001:db8:1ff:1::1", str(self.there), "2001:db8:ee::2", str(ADDRESS["lma"]), "::", "ff02::1")
        packets = [ipv6(source, self.there, 59, b"spoofed") for source in sources]
        packets += [ipv6(self.here, self.there, 59, b"spoofed")[:length] for length in range(0, 40, 3)]
        link = Capture(self.lab, self.domain.core, "mag1", "mag1-spoofed", "ip6 proto 41")
        before = mag.stats()
        sent = sender.send([ether(FIXED_MAC, mac, packet) for packet in packets])
        self.assertGreaterEqual(wait_dropped(mag, before, sent), sent)
        leaked = [p for p in link.packets() if p.inner() and p.inner().payload == b"spoofed"]
        link.stop()
        sender.close()
        self.assertEqual([], leaked)
        self.unharmed(state)
        self.said = f"{sent} packets"

    def test_an_mn_cannot_signal(self):
        """Mobility Headers and noise from the access link: dropped by name, nothing leaves towards the core."""
        state, mag, since = self.state(), self.domain.mag1, time.time()
        sender, mac = Sender(self.domain.radio, "mag1"), self.domain.mn1.mac()
        packets = [packet for target in ("lma", "mag1", "mag2")
                   for packet in malformed.whole_messages(str(self.here), str(ADDRESS[target]))]
        packets += [packet for packet in malformed.whole_messages(str(self.here), FIXED_ROUTER)]
        before = mag.stats()
        sent = sender.send([ether(FIXED_MAC, mac, packet) for packet in packets])
        sender.send(malformed.noise(self.random, FIXED_MAC, mac))
        sender.close()
        self.assertGreaterEqual(wait_dropped(mag, before, sent), sent)
        time.sleep(0.3)
        outside = [message for name in ("lma", "mag2") for message in self.domain.captures[name].messages(since)
                   if message.source == self.here]
        self.assertEqual([], outside)
        self.unharmed(state)
        self.said = f"{sent} messages"

    def test_the_domain_still_works(self):
        result = self.domain.mn1.ping(self.there, 50)
        self.assertEqual(0, result.lost)
        self.assertEqual(3, len({name for name, _ in self.domain.paths_anywhere()}))


def counted(node, before, name, at_least):
    """Waits until a counter has risen that much, or long enough; returns how much."""
    deadline = time.monotonic() + COUNTED_S
    while True:
        risen = node.stats()[name] - before[name]
        if risen >= at_least or time.monotonic() > deadline:
            return risen
        time.sleep(0.05)


def wait_dropped(node, before, at_least):
    """Waits until so many packets were dropped by name, or long enough; returns how many."""
    deadline = time.monotonic() + COUNTED_S
    while True:
        dropped = drops(node.stats()) - drops(before)
        if dropped >= at_least or time.monotonic() > deadline:
            return dropped
        time.sleep(0.05)
