"""Bad starts: one sentence that says what to do, and the exit status that scripts rely on; and a node that the system
gives no more descriptors to."""

import json
import os
import pathlib
import resource
import time

from e2e.case import WithDomain, WithLab, binaries
from lab import netns
from lab.ctl import Ctl
from lab.domain import CONFIGS
from lab.node import AF_PACKET, lcores
from lab.shell import run, wait_for

EAL = ("--no-pci", "--no-huge", "-m", "64", "--no-shconf", "--no-telemetry")
FLOATING = ("--lcores", lcores())


class BadStart(WithLab):
    """A namespace with the interfaces of a MAG, and a crowfly that is asked for the wrong thing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.space, cls.far = cls.lab.namespace("start"), cls.lab.namespace("far")
        for name in ("core0", "access0"):
            netns.veth(cls.space, name, cls.far, name)
            netns.silence(cls.space, name)
        os.environ["RUNTIME_DIRECTORY"] = str(cls.lab.state)
        cls.count = 0

    def crowfly(self, *words, eal=(*EAL, *FLOATING), vdevs=("core0", "access0"), config=None):
        """Starts crowfly, which has to end by itself; returns exit status and what it said."""
        ports = [word for number, name in enumerate(vdevs)
                 for word in ("--vdev", f"net_af_packet{number},iface={name},{AF_PACKET}")]
        path = config or CONFIGS / "mag1.json"
        socket = self.lab.state / "start.sock"
        done = run("ip", "netns", "exec", self.space, binaries() / "crowfly", *eal,
                   "--file-prefix", self.lab.prefix + "start", *ports,
                   "--", "--config", path, "--control-socket", socket, *words, check=False, limit_s=20)
        self.said = last_line(done.stderr)[:160]
        return done.returncode, done.stderr

    def config(self, change):
        """A changed copy of MAG1's configuration."""
        config = json.loads((CONFIGS / "mag1.json").read_text())
        change(config)
        type(self).count += 1
        path = self.lab.state / f"start-{self.count}.json"
        path.write_text(json.dumps(config, indent=2))
        return path

    def refused(self, status, text, *named, exact):
        """The status is that one; the last line is a sentence that names what it is about."""
        self.assertEqual(exact, status, text)
        said = last_line(text)
        self.assertTrue(said, "it said nothing")
        self.assertNotIn("panicked", text)
        for word in named:
            self.assertIn(word, text)

    def test_an_unknown_key_is_named(self):
        path = self.config(lambda c: c["mag"].update({"lmaa": "2001:db8:f::1"}))
        for words in ((), ("--check",)):
            with self.subTest(words=words):
                self.refused(*self.crowfly(*words, config=path), str(path), "lmaa", exact=2)

    def test_a_wrong_value_is_named_with_its_key(self):
        path = self.config(lambda c: c["ports"][0].update({"mtu_bytes": 12}))
        self.refused(*self.crowfly("--check", config=path), str(path), "mtu_bytes", exact=2)

    def test_a_missing_key_is_named(self):
        path = self.config(lambda c: c.pop("protection"))
        self.refused(*self.crowfly("--check", config=path), str(path), "protection", exact=2)

    def test_a_file_that_is_no_json(self):
        path = self.lab.state / "no.json"
        path.write_text('{"role": "mag",\n "node_id": }\n')
        self.refused(*self.crowfly("--check", config=path), str(path), "2", exact=2)

    def test_a_file_that_is_not_there(self):
        path = pathlib.Path("/nowhere/crowfly.json")
        self.refused(*self.crowfly("--check", config=path), str(path), exact=2)

    def test_check_accepts_a_right_one_and_touches_no_eal(self):
        status, text = self.crowfly("--check", eal=("--no-such-eal-option",))
        self.assertEqual(0, status, text)
        self.said = ""

    def test_an_unknown_eal_argument(self):
        self.refused(*self.crowfly(eal=(*EAL, *FLOATING, "--no-such-option")), exact=1)

    def test_an_unknown_eal_device(self):
        self.refused(*self.crowfly(eal=(*EAL, *FLOATING, "--vdev", "net_no_such_driver0")), exact=1)

    def test_an_interface_that_is_not_there(self):
        self.refused(*self.crowfly(vdevs=("core0", "nowhere0")), exact=1)

    def test_a_port_of_the_configuration_that_eal_does_not_have(self):
        self.refused(*self.crowfly(vdevs=("core0",)), "net_af_packet1", exact=1)

    def test_no_worker_core(self):
        first = str(min(os.sched_getaffinity(0)))
        self.refused(*self.crowfly(eal=(*EAL, "-l", first)), "worker", exact=1)

    def test_no_hugepages(self):
        """A huge directory that is none: the same sentence as on a machine without."""
        eal = ("--no-pci", "--no-shconf", "--no-telemetry", "-m", "64", "--huge-dir", "/nowhere", *FLOATING)
        self.refused(*self.crowfly(eal=eal), "hugepage", exact=1)

    def test_usage_without_a_configuration(self):
        done = run(binaries() / "crowfly", *EAL, "--", check=False)
        self.refused(done.returncode, done.stderr, "--config", exact=2)

    def test_crowflyctl_without_a_node(self):
        done = run(binaries() / "crowflyctl", "-s", self.lab.state / "nobody.sock", "status", check=False)
        self.refused(done.returncode, done.stderr, "nobody.sock", exact=2)

    def test_crowflyctl_with_bad_usage(self):
        done = run(binaries() / "crowflyctl", "dance", check=False)
        self.refused(done.returncode, done.stderr, "dance", exact=2)


class OutOfDescriptors(WithDomain):
    """An LMA whose limit of open files has been reached (setrlimit(2), EMFILE)."""

    nodes = ("lma",)
    attached = False
    DEFERRED = "control.connections.deferred"
    RESTS = 3

    def test_connections_wait_others_keep_their_service_and_nothing_spins(self):
        lma, pid = self.domain.lma, self.domain.lma.process.pid
        allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with Ctl(lma.socket) as known, Ctl(lma.socket) as subscriber:
            subscriber.call("events.subscribe")
            known.call("version")

            def deferred():
                return known.call("stats", filter=self.DEFERRED)["counters"][self.DEFERRED]
            self.assertEqual(0, deferred())
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, allowed[1]))
            since = time.monotonic()
            try:
                with Ctl(lma.socket) as waiting, Ctl(lma.socket) as other:
                    for client in (waiting, other):
                        client.send_line('{"jsonrpc": "2.0", "id": 1, "method": "version"}')
                    wait_for("the node tries again", lambda: deferred() >= self.RESTS, 30)
                    tries = deferred()
                    self.assertLessEqual(tries, time.monotonic() - since + 1, "once a second")
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
                    self.assertEqual(["lma", "lma"], [
                        client.receive()["result"]["node_id"] for client in (waiting, other)])
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
        said = [line for line in lma.log.read_text().splitlines() if "can be accepted" in line]
        self.assertEqual(1, len(said), said)
        self.assertEqual(0, lma.stop())
        self.said = f"{tries} tries; {said[0][-100:]}"


def last_line(text):
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
