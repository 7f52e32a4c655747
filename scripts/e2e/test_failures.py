"""Nodes that die: what goes on without them, what the others say, and that nothing stops the next start."""

import json
import time

from e2e.case import WithDomain
from lab.ctl import Ctl, Refused
from lab.domain import ACCESS_PORT, HI_BETWEEN_MAGS, NODES, mn_id
from lab.shell import Failure, wait_for
from lab.steps import LIFETIME_S, live_paths

SLACK_S = 3.0
REFRESH_TRIES_S = 10.0  # 1 + 2 + 4 s (HL-13), and some


class LmaKilled(WithDomain):
    """Step 4 of the story, and the LMA is gone."""

    def test_the_direct_path_outlives_the_lma_until_its_lifetime_ends(self):
        domain = self.domain
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: len(domain.paths_anywhere()) >= 3)
        watcher = Ctl(domain.mag2.socket, limit_s=1.0)
        watcher.call("events.subscribe")
        stream = domain.mn1.start_ping(self.there, 0.05)
        wait_for("the ping has replies", lambda: len(stream.replies()) > 10)
        lifetime = live_paths(domain.mag2)[0]["lifetime_s"]
        killed = time.time()
        domain.lma.kill()
        time.sleep(max(1.0, lifetime - 1.0))
        on_the_way = stream.result()
        self.assertEqual(0, on_the_way.lost, "packets lost while the path's lifetime ran")
        type(self).stream, type(self).killed, type(self).watcher = stream, killed, watcher
        self.said = f"{len(on_the_way.sequences)} pings, 0 lost in {time.time() - killed:.1f} s without the LMA"

    def test_the_path_ends_with_its_lifetime(self):
        limit_s = 2 * LIFETIME_S + SLACK_S
        for mag in (self.domain.mag1, self.domain.mag2):
            wait_for(f"{mag.name} has no active path", lambda m=mag: not [
                path for path in live_paths(m) if path["state"] == "active"], limit_s, 0.2)
        self.said = f"{time.time() - self.killed:.1f} s after the LMA"
        time.sleep(1)
        last = max(reply[0] for reply in self.stream.replies())
        self.assertLess(last, time.time() - 0.5, "packets arrive although there is neither path nor LMA")

    def test_the_nodes_say_what_happened(self):
        self.stream.stop()
        deadline, events = time.monotonic() + REFRESH_TRIES_S, []
        while time.monotonic() < deadline and {"path_down", "peer_down"} - {event["event"] for event in events}:
            try:
                events.append(self.watcher.receive()["params"])
            except TimeoutError:
                pass
        self.watcher.close()
        self.assertEqual(set(), {"path_down", "peer_down"} - {event["event"] for event in events}, events)
        self.assertTrue(self.domain.mag1.alive() and self.domain.mag2.alive() and self.domain.mag3.alive())
        self.said = json.dumps(events)[:300]

    def test_the_lma_starts_again(self):
        self.domain.lma.start()
        self.domain.lma.ready()
        # It kept none: what it has, MAGs that noticed have registered since.
        found = len(self.domain.lma.bindings())
        self.assertLessEqual(found, self.domain.lma.stats()["pmipv6.rx.pbu"])


class KillAndRestart(WithDomain):
    """kill -9, start again: no namespace, socket or runtime file is in the way."""

    def test_every_node_starts_again_after_kill_9(self):
        for name in NODES:
            with self.subTest(node=name):
                node = self.domain.nodes[name]
                node.kill()
                node.start()
                node.ready()
        self.said = ", ".join(NODES)

    def test_mns_attach_again(self):
        domain = self.domain
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag)
        for name in ("mn1", "mn2"):
            self.assertTrue(domain.hosts[name].slaac())

    def test_traffic_flows_again(self):
        domain = self.domain
        there = domain.mn2.addresses()[0].ip
        wait_for("MN2 answers", lambda: domain.mn1.ping(there, 3).lost == 0, 15)

    def test_a_second_attach_of_the_same_mn_keeps_the_binding(self):
        domain = self.domain
        before = domain.mag1.bindings()
        try:
            domain.attach(domain.mn1, domain.mag1, HI_BETWEEN_MAGS)
        except Failure as refused:
            self.said = str(refused)
        after = domain.mag1.bindings()
        self.assertEqual([(b["mn_id"], b["hnps"]) for b in before], [(b["mn_id"], b["hnps"]) for b in after])


class Refusals(WithDomain):
    """What the LMA refuses has a name on the socket, and leaves state as it was."""

    @staticmethod
    def adjust(name, config):
        """MAG3 may not register anybody here."""
        if name == "lma":
            config["lma"]["authorised_mags"] = ["2001:db8:f::11", "2001:db8:f::12"]

    def refused(self, mag, **params):
        """Attaches by the socket, which has to refuse; returns the error."""
        link = {"port": ACCESS_PORT, "mac": "02:00:00:00:00:33"}
        before = {name: node.bindings() for name, node in self.domain.nodes.items()}
        with self.assertRaises(Refused) as refusal:
            mag.call("mn.attach", link=link, att=3, hi=1, **params)
        ids = {name: [b["mn_id"] for b in entries] for name, entries in before.items()}
        after = {name: [b["mn_id"] for b in node.bindings()] for name, node in self.domain.nodes.items()}
        self.assertEqual(ids, after)
        self.said = json.dumps(refusal.exception.error)[:160]
        return refusal.exception.error

    def test_a_mag_that_may_not_register_gets_154(self):
        error = self.refused(self.domain.mag3, mn_id="mn3@lab.example")
        self.assertIn("154", json.dumps(error))

    def test_a_prefix_that_is_taken_is_refused(self):
        error = self.refused(self.domain.mag2, mn_id="mn3@lab.example", hnp=str(self.one))
        self.assertIn("155", json.dumps(error))

    def test_detach_of_an_unknown_mn_is_refused(self):
        with self.assertRaises(Refused):
            self.domain.mag1.call("mn.detach", mn_id="nobody@lab.example")

    def test_mn_attach_at_an_lma_is_refused(self):
        with self.assertRaises(Refused):
            self.domain.lma.call("mn.attach", mn_id="mn1@lab.example",
                                 link={"port": ACCESS_PORT, "mac": "02:00:00:00:00:33"}, att=3, hi=1)

    def test_a_malformed_line_gets_an_error_and_the_connection_lives(self):
        with Ctl(self.domain.lma.socket) as ctl:
            for line in ("{", "[]", '"version"', '{"jsonrpc":"2.0","id":1,"method":"dance"}', "\x00", "{}" * 1000):
                with self.subTest(line=line[:40]):
                    ctl.send_line(line)
                    self.assertIn("error", ctl.receive())
            self.assertEqual("lma", ctl.call("version")["role"])

    def test_an_over_long_line_ends_that_connection_only(self):
        with Ctl(self.domain.lma.socket) as bystander, Ctl(self.domain.lma.socket) as ctl:
            try:
                ctl.send_line("x" * (2 << 20))
                while True:
                    self.assertIn("error", ctl.receive())
            except (EOFError, ConnectionError):
                pass  # it is closed; a connection that stays open times out, which is neither
            self.assertEqual("lma", bystander.call("version")["role"])


class LmaSilent(WithDomain):
    """An LMA that does not answer: the status by name on the socket, retries as the RFC has them."""

    attached = False

    def test_a_silent_lma_is_named_and_pbus_are_repeated(self):
        domain = self.domain
        domain.attach(domain.mn2, domain.mag1)  # now MAG1 knows the LMA's link-layer address
        domain.lma.kill()
        since = time.time()
        with self.assertRaises(Failure) as refused:
            domain.attach(domain.mn1, domain.mag1)
        self.said = str(refused.exception).partition(": ")[2][:120]
        self.assertIn("lma-silent", str(refused.exception))
        sent = [message for message in domain.captures["mag1"].messages(since)
                if message.name == "PBU" and message.lifetime]
        self.assertGreaterEqual(len(sent), 3, "PBUs were not repeated")
        gaps = [b.time - a.time for a, b in zip(sent, sent[1:])]
        for shorter, longer in zip(gaps, gaps[1:]):
            self.assertGreater(longer, 1.5 * shorter, f"the waits do not double: {gaps}")
        self.assertEqual([mn_id(domain.mn2)], [b["mn_id"] for b in domain.mag1.bindings()], "state as before")

    def test_the_mn_attaches_when_the_lma_is_back(self):
        self.domain.lma.start()
        self.domain.lma.ready()
        # It has forgotten MN2 and may give MN2's prefix to MN1, which MAG1 would refuse.
        self.domain.detach(self.domain.mn2, self.domain.mag1)
        self.domain.attach(self.domain.mn1, self.domain.mag1)
        address, _ = self.domain.mn1.slaac()
        self.said = str(address)
