"""DPDK's own tools see a node: `/crowfly/...` on the telemetry socket, beside `/ethdev/...`."""

import json
import os
import socket

from e2e.case import WithDomain
from lab.shell import run, wait_for

COMMANDS = ["/crowfly/latency", "/crowfly/paths", "/crowfly/stats", "/crowfly/status", "/crowfly/workers"]
REPLY_LIMIT_S = 10.0
# Most names of one reply, `RTE_TEL_MAX_DICT_ENTRIES`.
MAX_ENTRIES = 256
QUERIES = 1_000


class Client:
    """A client of the telemetry socket: one request, one reply, each in one piece."""

    def __init__(self, node):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(REPLY_LIMIT_S)
        self.socket.connect(str(node.telemetry_socket))
        self.max_bytes = json.loads(self.socket.recv(1024))["max_output_len"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        """Sends octets as they are; returns the reply's object."""
        self.socket.send(octets)
        return json.loads(self.socket.recv(self.max_bytes))

    def ask(self, command, parameter=None):
        """What a command answers; None where it refuses."""
        words = command if parameter is None else f"{command},{parameter}"
        return self.send(words.encode())[command]


def entry(name):
    """A dotted name as telemetry has it."""
    return "".join(c if c.isascii() and c.isalnum() else "/" if c == "." else "_" for c in name)


class Telemetry(WithDomain):
    """A path between two MAGs; one MAG has no telemetry."""

    nodes = ("lma", "mag1", "mag2")

    @staticmethod
    def options(node):
        node.telemetry = node.name != "mag2"
        return []

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain.mn1.ping(cls.there, 5)
        wait_for("a path", lambda: len(cls.domain.paths_anywhere()) >= 3)
        cls.seen = [cls.domain.lma, cls.domain.mag1]

    def test_dpdk_telemetry_py_lists_and_explains_the_commands(self):
        asked = ["/", "/ethdev/list", *(f"/help,{command}" for command in COMMANDS), "/crowfly/status"]
        environment = f"RUNTIME_DIRECTORY={self.domain.mag1.lab.state}"
        done = run("env", environment, "dpdk-telemetry.py", "-f", self.domain.mag1.file_prefix,
                   stdin="\n".join(asked) + "\n")
        replies = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(asked), len(replies), done.stdout + done.stderr)
        self.assertEqual(COMMANDS, [name for name in replies[0]["/"] if name.startswith("/crowfly/")])
        self.assertEqual([0, 1], replies[1]["/ethdev/list"])
        for command, reply in zip(COMMANDS, replies[2:]):
            self.assertGreater(len(reply["/help"][command]), 20)
        self.assertEqual("mag1", replies[-1]["/crowfly/status"]["node_id"])

    def test_stats_agree_with_those_of_the_control_socket(self):
        for node in self.seen:
            with self.subTest(node=node.name), Client(node) as client:
                before = node.ctl_json("stats")["counters"]
                groups = sorted({name.split(".")[0] for name in before})
                found = {}
                for group in groups:
                    found |= client.ask("/crowfly/stats", group)
                after = node.ctl_json("stats")["counters"]
                self.assertEqual(sorted(entry(name) for name in after), sorted(found))
                # Whoever asks by the control socket is a connection of its own.
                still = [name for name in after if before[name] == after[name] and name != "control.connections"]
                self.assertIn("dataplane.forwarded.packets", still)
                self.assertGreater(len(still), len(after) * 0.9)
                for name in still:
                    self.assertEqual(after[name], found[entry(name)], name)
                self.said = f"{len(still)} of {len(after)} counters stood still"

    def test_without_a_parameter_there_is_what_is_not_0(self):
        with Client(self.domain.mag1) as client:
            found = client.ask("/crowfly/stats")
            self.assertLessEqual(len(found), MAX_ENTRIES)
            self.assertNotIn("left_out", found)
            self.assertGreater(min(found.values()), 0)
            self.assertIn("dataplane/forwarded/packets", found)
            everything = client.ask("/crowfly/stats", "*")
            counters = len(self.domain.mag1.stats())
            self.assertEqual(counters, len(everything) + everything.get("left_out", 1) - 1)
            for asked in ("dataplane.drop", "dataplane/drop", "dataplane.drop.*"):
                drops = client.ask("/crowfly/stats", asked)
                self.assertGreater(len(drops), 10)
                self.assertTrue(all(name.startswith("dataplane/drop/") for name in drops), drops)

    def test_status_workers_and_paths_agree_with_the_control_socket(self):
        for node in self.seen:
            with self.subTest(node=node.name), Client(node) as client:
                status, seen = node.call("status"), client.ask("/crowfly/status")
                for key in ("node_id", "role", "version", "pid", "protection", "addresses", "bindings", "paths",
                            "alarms"):
                    self.assertEqual(status[key], seen[key], key)
                self.assertLessEqual(status["uptime_s"], seen["uptime_s"])
                workers = client.ask("/crowfly/workers")
                self.assertEqual([worker["lcore"] for worker in status["workers"]], workers["lcore"])
                later = node.call("status")
                for before, applied, after in zip(status["workers"], workers["applied"], later["workers"]):
                    self.assertIn(applied, range(before["applied"], after["applied"] + 1))
                paths, counts = node.paths(), client.ask("/crowfly/paths")
                self.assertEqual(len(paths), counts["total"])
                active = [path for path in paths if path["state"] == "active"]
                self.assertEqual(len(active), counts["state/active"])
                self.assertGreater(len(active), 0)

    def test_latency_agrees_with_that_of_the_control_socket(self):
        with Client(self.domain.lma) as client:
            init = self.domain.lma.call("latency")["histograms"]["signalling.ro-init"]
            seen = client.ask("/crowfly/latency", "signalling.ro-init")
        self.assertEqual({f"signalling/ro_init/{key}": value for key, value in init.items()}, seen)
        self.assertGreater(init["count"], 0)

    def test_what_makes_no_sense_is_refused_and_harms_nothing(self):
        with Client(self.domain.mag1) as client:
            for command, parameter in [
                    ("/crowfly/stats", "no-such-group"), ("/crowfly/stats", "*no-such-thing*"), ("/crowfly/stats", "/"),
                    ("/crowfly/stats", "*" * 900), ("/crowfly/stats", "dataplane,net"), ("/crowfly/stats", "\x01%n%s"),
                    ("/crowfly/latency", "x"), ("/crowfly/status", "x"), ("/crowfly/workers", "1"),
                    ("/crowfly/paths", "all"), ("/crowfly/nothing", None), ("/crowfly", None)]:
                with self.subTest(command=command, parameter=parameter):
                    found = client.ask(command, parameter)
                    if parameter == "*" * 900:
                        self.assertTrue(found)  # a pattern as good as `*`
                    else:
                        self.assertIsNone(found)
            self.assertEqual({"/crowfly/stats": None}, client.send(b"/crowfly/stats,\xff\xfe"))
            self.assertEqual("mag", client.ask("/crowfly/status")["role"])

    def test_a_thousand_queries_cost_no_packet(self):
        node, flow = self.domain.mag1, self.domain.mn1.start_ping(self.there, 0.005)
        wait_for("packets flow", flow.replies)
        with Client(node) as client:
            for number in range(QUERIES):
                command = COMMANDS[number % len(COMMANDS)]
                self.assertIsNotNone(client.ask(command), f"{command}, query {number}")
        result = flow.stop()
        self.assertEqual(0, result.lost)
        self.said = f"{result.sent} packets meanwhile"

    def test_without_telemetry_a_node_has_no_such_socket(self):
        node = self.domain.mag2
        self.assertFalse(node.telemetry_socket.exists())
        self.assertTrue(self.domain.mag1.telemetry_socket.exists())
        self.assertEqual("mag2", node.call("status")["node_id"])

    def test_a_node_ends_while_a_client_is_connected(self):
        node = self.domain.mag1
        with Client(node) as client:
            self.assertIsNotNone(client.ask("/crowfly/status"))
            self.assertEqual(0, node.stop())
        self.assertFalse(os.path.exists(node.telemetry_socket))
