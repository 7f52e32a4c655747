"""One crowfly process in a namespace of its own."""

import json
import os
import signal
import subprocess

from . import netns
from .capture import spawn
from .ctl import Ctl, Refused
from .shell import Failure, run, wait_for

START_LIMIT_S = 20.0
STOP_LIMIT_S = 10.0
PAGE_ENTRIES = 1_000
# rig.md's lesson: the default rings of net_af_packet lose half when the reader is starved.
AF_PACKET = "framesz=2048,framecnt=4096,blocksz=65536"

# A TAP port makes its interface itself; `join_tap` joins it to the cable that it stands for. The kernel gives it every
# frame as it is: to the other ports it gives fragments of IPv4 as the packets that they were.
TAP = "tap{}"
OTHER_MAC = "02:00:00:00:00:0a"


def lcores(workers=1):
    """The control lcore and those of workers, all floating over every core that we may use."""
    cores = ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))
    return ",".join(f"{lcore}@({cores})" for lcore in range(1 + workers))


class Node:
    """A MAG or an LMA: `ports` are the interfaces in its namespace that become DPDK ports, in order."""

    def __init__(self, lab, binaries, name, ports, config):
        self.lab, self.binaries, self.name, self.ports = lab, binaries, name, ports
        self.space = lab.namespace(name)
        self.config = config
        self.config_path = lab.state / f"{name}.json"
        self.socket = lab.state / f"{name}.sock"
        self.log = lab.state / f"{name}.log"
        self.options = []  # of its own, behind `--`
        self.workers = 1  # more only on cables, not at TAP ports
        self.telemetry = False  # whether it has DPDK's telemetry socket
        self.process = None
        self.write_config()

    def write_config(self):
        """Writes the configuration as it stands in `config`; it may hold keys."""
        self.config_path.touch(0o600)
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")

    def command(self):
        """The command line, from the namespace on."""
        vdevs = []
        for number, (interface, port) in enumerate(zip(self.ports, self.config["ports"])):
            device = port["device"]
            if device.startswith("net_tap"):
                vdevs += ["--vdev", f"{device},iface={TAP.format(number)}"]
            else:
                vdevs += ["--vdev", f"{device},iface={interface},{AF_PACKET},qpairs={self.workers}"]
        telemetry = [] if self.telemetry else ["--no-telemetry"]
        return [
            "ip", "netns", "exec", self.space, self.binaries / "crowfly",
            "--no-pci", "--no-huge", "-m", "128", "--no-shconf", *telemetry,
            "--file-prefix", self.file_prefix, "--lcores", lcores(self.workers), *vdevs,
            "--", "--config", self.config_path, "--control-socket", self.socket,
            *self.options,
        ]

    @property
    def file_prefix(self):
        """What EAL's files have in common."""
        return f"{self.lab.prefix}{self.name}"

    @property
    def telemetry_socket(self):
        """DPDK's telemetry socket, where there is one."""
        return self.lab.state / "dpdk" / self.file_prefix / "dpdk_telemetry.v2"

    def start(self):
        """Starts the process; `ready` waits for it."""
        environment = os.environ | {"RUNTIME_DIRECTORY": str(self.lab.state)}
        with self.log.open("a", encoding="utf-8") as log:
            self.process = spawn(
                self.lab, self.command(), stdout=log, stderr=subprocess.STDOUT, env=environment)

    def join_tap(self, interface):
        """Joins the TAP port's interface and a cable. A bridge keeps what is for its own ports' link-layer addresses,
        and that of the TAP port is the node's: its interface gets another one, once the node has seen it."""
        tap, bridge = self.tap(interface), f"br-{interface}"
        show = ("ip", "-n", self.space, "link", "show", tap)
        wait_for(f"{self.name}'s TAP port", lambda: run(*show, check=False).returncode == 0)
        netns.bridge(self.space, bridge)
        for name in (tap, interface):
            netns.silence(self.space, name)
            netns.plug(self.space, name, bridge)
        run("ip", "-n", self.space, "link", "set", tap, "address", OTHER_MAC)

    def tap(self, interface):
        """Name of the TAP port's interface that stands for a cable."""
        return TAP.format(self.ports.index(interface))

    def ready(self):
        """Waits until the control socket answers."""
        wait_for(f"{self.name} answers on its control socket", self._answers, START_LIMIT_S)

    def _answers(self):
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text().splitlines()[-8:])
            raise Failure(f"{self.name} ended with exit status {self.process.returncode}:\n{tail}")
        try:
            return self.call("version")
        except (OSError, EOFError):
            return None

    def alive(self):
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise Failure(f"{self.name} did not end within {STOP_LIMIT_S:g} s of SIGTERM") from error

    def kill(self):
        """SIGKILL, and gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def call(self, method, **params):
        """One call on a connection of its own."""
        with Ctl(self.socket) as ctl:
            return ctl.call(method, **params)

    def crowflyctl(self, *words, check=True, limit_s=30.0):
        """Runs crowflyctl against this node."""
        return run(self.binaries / "crowflyctl", "-s", self.socket, *words, check=check, limit_s=limit_s)

    def ctl_json(self, *words, limit_s=30.0):
        """Runs crowflyctl --json against this node and returns what it printed."""
        done = self.crowflyctl("--json", *words, check=False, limit_s=limit_s)
        if done.returncode != 0:
            raise Failure(f"crowflyctl {' '.join(map(str, words))} at {self.name}: "
                          f"{(done.stderr or done.stdout).strip()} (exit status {done.returncode})")
        return json.loads(done.stdout)

    def stats(self):
        """Every counter by dotted name."""
        return flatten(self.call("stats"))

    def bindings(self):
        """Entries of `binding.list`."""
        return self._pages("binding.list")

    def paths(self):
        """Entries of `path.list`."""
        return self._pages("path.list")

    def _pages(self, method):
        found = []
        with Ctl(self.socket) as ctl:
            while True:
                page = ctl.call(method, offset=len(found), limit=PAGE_ENTRIES)
                found += rows(page)
                if len(found) >= page["total"] or not rows(page):
                    return found


def flatten(counters):
    """Counters as {name: number}, whatever they are wrapped in."""
    if isinstance(counters, dict) and isinstance(counters.get("counters"), (dict, list)):
        counters = counters["counters"]
    if isinstance(counters, list):
        return {entry["name"]: entry["value"] for entry in counters}
    return {name: value for name, value in counters.items() if isinstance(value, int)}


def rows(answer):
    """The list in a paged answer."""
    if isinstance(answer, list):
        return answer
    return next(value for value in answer.values() if isinstance(value, list))


__all__ = ["Node", "Refused", "flatten", "lcores", "netns", "rows"]
