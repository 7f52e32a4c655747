"""Loss, delay, reordering, duplication and partition between nodes: `crowfly-relay` on the nodes' cables.

The kernel has no netem. The relay sits between the core's bridge and a node's cable, on the bridge's side of
where captures are taken: a node's capture shows what the node has sent, and what it really got.
A rule is a dictionary; bench/README.md has the keys.
"""

import json
import socket

from . import netns
from .capture import spawn
from .domain import ADDRESS
from .shell import Failure, wait_for

REPLY_LIMIT_S = 5.0
FROM_NODE, TO_NODE = "from-node", "to-node"


class Relay:
    """Between the core's bridge and the cables of some nodes (by default of all)."""

    def __init__(self, domain, names=None, seed=1):
        lab = domain.lab
        self.socket_path, self.log = lab.state / "relay.sock", lab.state / "relay.log"
        words = []
        for name in names or list(domain.nodes):
            # The bridge gets one end of a new cable, the relay the other one and the node's cable.
            inner, outer = f"{name}-r", f"{name}-b"
            netns.veth(domain.core, inner, domain.core, outer)
            for interface in (inner, outer):
                netns.silence(domain.core, interface)
            domain.unplug_core(name)
            netns.plug(domain.core, outer, "br0")
            domain.core_port[name] = outer
            words += ["--link", f"{name}={name},{inner}"]
        command = ["ip", "netns", "exec", domain.core, "nice", "-n", "-10", lab_binary(domain, "crowfly-relay"),
                   "--control", self.socket_path, "--seed", seed, *words]
        with self.log.open("w", encoding="utf-8") as log:
            self.process = spawn(lab, command, stdout=log, stderr=log)
        self.connection = wait_for("the relay listens", self._connect)
        self.lines = self.connection.makefile("r")

    def _connect(self):
        if self.process.poll() is not None:
            raise Failure(f"the relay ended: {self.log.read_text().strip()}")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(REPLY_LIMIT_S)
        try:
            connection.connect(str(self.socket_path))
        except OSError:
            connection.close()
            return None
        return connection

    def _ask(self, request):
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise Failure(f"the relay says {answer['error']}")
        return answer

    def rules(self, *rules):
        """Replaces all rules; without any, frames go through as they come."""
        self._ask({"rules": rules})

    def taken(self):
        """How many frames each rule has taken."""
        return self._ask({"status": None})["taken"]

    def status(self):
        """What became of the frames."""
        return self._ask({"status": None})


def lab_binary(domain, name):
    """A tool of the lab, beside the nodes' program."""
    path = next(iter(domain.nodes.values())).binaries / name
    if not path.exists():
        raise Failure(f"{path} is missing: cargo build -p crowfly-bench")
    return path


def drop(**condition):
    """A rule that loses what it takes."""
    return rule("drop", condition)


def delay(ms, jitter_ms=0, **condition):
    """A rule that holds back what it takes; what comes behind may overtake it."""
    return rule({"delay": {"ms": ms, "jitter_ms": jitter_ms}}, condition)


def duplicate(copies=1, after_ms=0, **condition):
    """A rule that repeats what it takes."""
    return rule({"duplicate": {"copies": copies, "after_ms": after_ms}}, condition)


def partition(name):
    """Rules that cut a node off."""
    return [drop(link=name, way=way) for way in (FROM_NODE, TO_NODE)]


def rule(action, condition):
    """A rule; nodes may be given by name as source and destination."""
    named = {key: str(ADDRESS.get(value, value)) for key, value in condition.items()
             if key in ("source", "destination")}
    return condition | named | {"action": action}
