"""The domain: LMA, MAG1, MAG2 and MAG3 on a transport network, MN1 and MN2, and the Internet side.

    mn1 ──┐                    ┌── mag1 ──┐
          │ radio: one bridge  ├── mag2 ──┤ core: one bridge
    mn2 ──┘ per MAG's access   └── mag3 ──┤
                                          ├── lma ── inet
                                          └── (lma2) ──┘

`lma2` is there only when a test asks for it (`TWO_LMAS`): it anchors a pool of its own, and the Internet side
routes between the two pools.

Attaching plugs the MN's end of its cable into a MAG's bridge, and a handover plugs it into another one: the
MN's own interface notices nothing. Captures are taken at the core's end of each node's cable, so what is
not in `lma`'s capture has not been at the LMA.
"""

import ipaddress
import json
import pathlib

from . import netns
from .capture import Capture, settle
from .host import INTERFACE, Host
from .node import Node
from .shell import Failure, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs" / "lab"
MAGS = ("mag1", "mag2", "mag3")
NODES = ("lma", *MAGS)
TWO_LMAS = ("lma", "lma2", *MAGS)
MNS = ("mn1", "mn2")

ASK_AGAIN_S = 0.1
CORE, ACCESS, NETWORK = "core0", "access0", "net0"
ADDRESS = {
    "lma": ipaddress.IPv6Address("2001:db8:f::1"),
    "lma2": ipaddress.IPv6Address("2001:db8:f::2"),
    "mag1": ipaddress.IPv6Address("2001:db8:f::11"),
    "mag2": ipaddress.IPv6Address("2001:db8:f::12"),
    "mag3": ipaddress.IPv6Address("2001:db8:f::13"),
}
HNP_POOL = ipaddress.IPv6Network("2001:db8:100::/48")
HNP_POOL_2 = ipaddress.IPv6Network("2001:db8:200::/48")
NETWORK_SIDE = {"lma": "2001:db8:ee::1", "inet": "2001:db8:ee::2"}
# By LMA: the Internet side's interface, its address and the LMA's there, the pool that the LMA anchors.
ANCHORS = {
    "lma": (INTERFACE, NETWORK_SIDE["inet"], NETWORK_SIDE["lma"], HNP_POOL),
    "lma2": ("eth1", "2001:db8:ed::2", "2001:db8:ed::1", HNP_POOL_2),
}
# What every MAG is to every MN (RFC 6543).
FIXED_ROUTER = "fe80::200:5eff:fe00:5213"
ACCESS_PORT = "access"  # name of a MAG's access port in configs/lab
ATT_802_3 = 3
HI_NEW, HI_BETWEEN_MAGS = 1, 3
# For `attach`: an IPv4 home address of the LMA's choice, beside a prefix or alone.
WITH_IPV4 = ("--ipv4-hoa", "0.0.0.0")
ONLY_IPV4 = (*WITH_IPV4, "--no-ipv6")


def two_lmas(name, config):
    """Each LMA knows the other's pool, and every MAG registers MN2 at LMA2."""
    if name == "lma":
        config["lma"]["peer_lmas"] = [{"prefix": str(HNP_POOL_2), "lma": str(ADDRESS["lma2"])}]
    if name.startswith("mag"):
        config["mag"]["lma_of"] = {"mn2@lab.example": str(ADDRESS["lma2"])}


class Domain:
    """Everything up and running; hosts are not attached yet."""

    def __init__(self, lab, binaries, adjust=None, only=NODES, more_mns=()):
        """`adjust(name, config)` may change a node's configuration before it starts."""
        self.lab = lab
        self.core, self.radio = lab.namespace("core"), lab.namespace("radio")
        netns.bridge(self.core, "br0")
        self.core_port = {}  # by node, what is plugged into the core's bridge for it
        self.hosts = {name: Host(lab, name) for name in (*MNS, *more_mns, "inet")}
        self.mn1, self.mn2, self.inet = (self.hosts[name] for name in (*MNS, "inet"))
        self.nodes = {}
        for name in only:
            config = json.loads((CONFIGS / f"{name}.json").read_text())
            config["state_dir"] = str(lab.state / "var")
            if adjust:
                adjust(name, config)
            ports = [CORE, NETWORK if name in ANCHORS else ACCESS]
            self.nodes[name] = Node(lab, binaries, name, ports, config)
            self._cable(self.nodes[name])
        if set(ANCHORS) <= set(only):
            netns.sysctl(self.inet.space, "net.ipv6.conf.all.forwarding", 1)
        for name in (*MNS, *more_mns):
            self._cable_mn(self.hosts[name])
        self.captures = {}

    def __getattr__(self, name):
        """`domain.mag1` is `domain.nodes["mag1"]`."""
        try:
            return self.__dict__["nodes"][name]
        except KeyError:
            raise AttributeError(name) from None

    def _cable(self, node):
        netns.veth(node.space, CORE, self.core, node.name)
        netns.plug(self.core, node.name, "br0")
        self.core_port[node.name] = node.name
        if node.name in ANCHORS:
            interface, address, lma, pool = ANCHORS[node.name]
            netns.veth(node.space, NETWORK, self.inet.space, interface)
            self.inet.execute("ip", "addr", "add", f"{address}/64", "dev", interface, "nodad")
            self.inet.execute("ip", "route", "add", pool, "via", lma)
        else:
            netns.bridge(self.radio, f"br-{node.name}")
            netns.veth(node.space, ACCESS, self.radio, node.name)
            netns.plug(self.radio, node.name, f"br-{node.name}")
            netns.silence(self.radio, node.name)
        netns.silence(self.core, node.name)
        for interface in node.ports:
            netns.silence(node.space, interface)

    def _cable_mn(self, mn):
        netns.veth(mn.space, INTERFACE, self.radio, mn.name)
        netns.silence(self.radio, mn.name)
        mn.accept_advertisements()

    def start(self):
        """Starts every node and waits until all answer."""
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.ready()

    def plug(self, mn, mag):
        """Puts an MN on a MAG's access link."""
        netns.plug(self.radio, mn.name, f"br-{mag.name}")

    def unplug(self, mn):
        """Takes an MN off every access link."""
        netns.unplug(self.radio, mn.name)

    def unplug_core(self, name):
        """Cuts a node off from the core."""
        netns.unplug(self.core, self.core_port[name])

    def plug_core(self, name):
        """Undoes `unplug_core`."""
        netns.plug(self.core, self.core_port[name], "br0")

    def attach(self, mn, mag, hi=HI_NEW, more=()):
        """Plugs an MN in and registers it, as the access network would; returns crowflyctl's answer."""
        self.plug(mn, mag)
        return mag.ctl_json("mn", "attach", *attach_words(mn, hi), *more)

    def detach(self, mn, mag):
        """De-registers an MN."""
        return mag.ctl_json("mn", "detach", mn_id(mn))

    def detach_moved(self, mn, mag):
        """De-registers an MN that has moved on; a MAG that has asked its LMA since then (keepalive, extension) has been
        told, and has no more to do."""
        done = mag.crowflyctl("mn", "detach", mn_id(mn), check=False)
        if done.returncode != 0 and "(not-attached)" not in done.stderr:
            raise Failure(f"detach of {mn.name} at {mag.name}: {done.stderr.strip()}")

    def capture_signalling(self):
        """Mobility Headers on every node's core link and on both MNs' access links."""
        for name in self.nodes:
            self.captures[name] = Capture(
                self.lab, self.core, name, f"{name}-signalling", "ip6 proto 135")
        for name in MNS:
            self.captures[name] = Capture(self.lab, self.radio, name, f"{name}-signalling", "ip6 proto 135")

    def capture_user(self, name, label, expression="ip6 proto 41"):
        """User packets on a node's core link."""
        return Capture(self.lab, self.core, name, f"{name}-{label}", expression)

    def signalling(self, since=0.0):
        """Every signalling message once, in order of time, as its sender's link saw it leave."""
        settle()
        return self.signalling_so_far(since)

    def signalling_so_far(self, since=0.0):
        """The same, of what is in the captures' files."""
        found = []
        for name in self.nodes:
            found += [message for message in self.captures[name].messages_so_far(since)
                      if message.source == ADDRESS[name]]
        return sorted(found, key=lambda message: message.time)

    def expect_order(self, since, expected, limit_s=10.0):
        """Waits for messages (name, from, to) in that order, others allowed between; returns them."""
        def found():
            matched, wanted = [], list(expected)
            for message in self.signalling_so_far(since):
                if wanted and matches(message, wanted[0]):
                    matched.append(message)
                    wanted.pop(0)
            return matched if not wanted else None
        try:
            return wait_for("signalling", found, limit_s, ASK_AGAIN_S)
        except Failure:
            seen = ", ".join(describe(message) for message in self.signalling(since)) or "nothing"
            wanted = ", ".join(f"{kind} {source}>{to}" for kind, source, to in expected)
            raise Failure(f"expected in this order: {wanted}; seen: {seen}") from None

    def paths_anywhere(self):
        """(node, path) of every path that any living node has."""
        return [(name, path) for name, node in self.nodes.items() if node.alive()
                for path in node.paths() if path["state"] != "none"]

    def home(self, mn):
        """The MN's address and home network prefix, from the MN itself."""
        address = mn.addresses()[0]
        return address.ip, address.network


def mn_id(mn):
    """NAI of an MN."""
    return f"{mn.name}@lab.example"


def attach_words(mn, hi):
    """Arguments of `crowflyctl mn attach`."""
    return [mn_id(mn), "--port", ACCESS_PORT, "--mac", mn.mac(), "--att", ATT_802_3, "--hi", hi]


def name_of(address):
    """A node's name for its address, or the address."""
    return next((name for name, known in ADDRESS.items() if known == address), str(address))


def matches(message, wanted):
    """Whether a message is (name, from, to)."""
    kind, source, to = wanted
    return (message.name, name_of(message.source), name_of(message.destination)) == (kind, source, to)


def describe(message):
    """A message in a few words."""
    return f"{message.name} {name_of(message.source)}>{name_of(message.destination)}"
