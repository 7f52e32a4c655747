"""What the tests of IPv4 transport share: nodes that reach each other by IPv4 alone, a NAT made of nftables, and
captures that scapy checks.

Every node has its IPv6 name as a /128 that leads nowhere. A MAG has one IPv4 address towards LMAs and another one
towards MAGs, an LMA likewise (L-64).
"""

import ipaddress
import json
import time
from dataclasses import dataclass

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from e2e.case import WithDomain, binaries
from lab import mh, netns, pcap
from lab.capture import Capture
from lab.domain import ADDRESS
from lab.shell import Failure, run, wait_for
from lab.steps import live_paths

SIGNALLING, DATA, NAT_PORT = 5436, 5437, 4191
PROTO_IPV4, PROTO_UDP, PROTO_IPV6 = 4, 17, 41
ALT_COA, NAT_DETECTION, IPV4_COA = 3, 31, 32
NO_NAT = 0xFFFFFFFF
INSIDE_NET, INSIDE_NAT = "10.0.0", "10.0.0.1"
OUTSIDE = {"others": "198.51.100.200", "equals": "203.0.113.200"}
NAT_PORTS = range(30000, 40000)
KEEPALIVE_S = 5


def outside(number):
    """Addresses of a NAT towards LMAs and MAGs, and among those of one kind."""
    return {leg: f"{address[:-1]}{number}" for leg, address in OUTSIDE.items()}


def last(name):
    """Last octet of a node's addresses."""
    return {"lma": 1, "lma2": 2, "mag1": 11, "mag2": 12, "mag3": 13}[name]


def leg(name, peer, behind=()):
    """A node's IPv4 address towards a peer."""
    if name in behind:
        return f"{INSIDE_NET}.{last(name)}"
    return f"{'203.0.113' if name[:3] == peer[:3] else '198.51.100'}.{last(name)}"


def over_ipv4(name, config, behind=(), **transport):
    """Puts a node on IPv4 alone; `behind` are those that a NAT hides."""
    port = next(port for port in config["ports"] if port["name"] == "core")
    if name in behind:
        port["addresses"] = [f"{ADDRESS[name]}/128", f"{INSIDE_NET}.{last(name)}/24"]
        port["gateway4"] = INSIDE_NAT
    else:
        port["addresses"] = [f"{ADDRESS[name]}/128", f"198.51.100.{last(name)}/24", f"203.0.113.{last(name)}/24"]
    rows = []
    for peer in (other for other in ADDRESS if other != name):
        row = {"peer": str(ADDRESS[peer]), "address": leg(peer, name, behind), "local": leg(name, peer, behind)}
        if peer in behind:
            row["nat"] = list(outside(behind.index(peer)).values())
        rows.append(row)
    config["ipv4_transport"] = {"peers": rows, **transport}


@dataclass(frozen=True)
class Signal:
    """One signalling message over IPv4."""

    time: float
    source: tuple  # address, port
    destination: tuple
    octets: bytes
    inner: object  # the IPv6 packet of UDP port 4191, or None

    @property
    def name(self):
        """The message's name."""
        return mh.NAMES.get(self.octets[2], f"type {self.octets[2]}")

    @property
    def port(self):
        """5436 or 4191."""
        return NAT_PORT if self.inner else SIGNALLING

    def option(self, kind):
        """Data of the first option of a kind, or None."""
        return next((data for _, found, data in mh.options(self.octets) if found == kind), None)

    def ipv4_coa(self):
        """IPv4 Care-of Address option, or None."""
        data = self.option(IPV4_COA)
        return str(ipaddress.IPv4Address(data[2:6])) if data else None

    def refresh_time_s(self):
        """Refresh time of the NAT Detection option, or None."""
        data = self.option(NAT_DETECTION)
        return int.from_bytes(data[2:6], "big") if data else None

    def words(self):
        """Name, addresses and port."""
        return f"{self.name} {self.source[0]}>{self.destination[0]} [{self.port}]"


def signal(frame):
    """The signalling message in a frame, or None."""
    packet = Ether(frame.octets)
    if UDP not in packet:
        return None
    payload, ports = bytes(packet[UDP].payload), (packet[UDP].sport, packet[UDP].dport)
    inner, octets = None, payload
    if NAT_PORT in ports and payload[:1] and payload[0] >> 4 == 6:
        inner = pcap.ipv6(payload)
        octets = inner.payload if inner.next_header == pcap.NEXT_MH else b""
    if len(octets) < 8 or octets[0] != 59:
        return None
    return Signal(frame.time, (packet[IP].src, ports[0]), (packet[IP].dst, ports[1]), octets, inner)


def user_packet(frame):
    """(outer IPv4 packet, inner IPv6 packet) of a tunnel packet, or None."""
    packet = Ether(frame.octets)
    if IP not in packet:
        return None
    payload = None
    if packet[IP].proto == PROTO_IPV6:
        payload = bytes(packet[IP].payload)
    elif UDP in packet and {DATA, NAT_PORT} & {packet[UDP].sport, packet[UDP].dport}:
        payload = bytes(packet[UDP].payload)
    inner = pcap.ipv6(payload) if payload else None
    return (packet, inner) if inner and inner.next_header != pcap.NEXT_MH else None


def wrong_checksums(frames):
    """Frames whose IPv4 or UDP checksum scapy computes otherwise. Signalling may not go without one (RFC 5844
    section 4.1.3.2), data may (RFC 768)."""
    wrong = []
    for frame in frames:
        packet = Ether(frame.octets)
        if IP not in packet:
            continue
        found = (packet[IP].chksum, packet[UDP].chksum if UDP in packet else None)
        del packet[IP].chksum
        if UDP in packet:
            del packet[UDP].chksum
        again = Ether(bytes(packet))
        expected = (again[IP].chksum, again[UDP].chksum if UDP in again else None)
        if found[1] == 0 and signal(frame) is None:
            expected = (expected[0], 0)
        if found != expected:
            wrong.append(frame)
    return wrong


class Nat:
    """A namespace between a node and the core that gives the node's UDP flows random ports (nftables); several NATs
    have a number each, and addresses of their own."""

    def __init__(self, lab, domain, node, number=0):
        self.outside = outside(number)
        mark = str(number or "")
        self.space = lab.namespace(f"nat{mark}")
        # Linux would answer ARP for its address inside on the outside too, where another node may still be.
        netns.sysctl(self.space, "net.ipv4.conf.all.arp_ignore", 1)
        core, hidden = domain.core, f"br{number + 1}"
        netns.bridge(core, hidden)
        netns.plug(core, node, hidden)
        for inside, far, bridge in (("in", f"natin{mark}", hidden), ("out", f"natout{mark}", "br0")):
            netns.veth(self.space, inside, core, far)
            netns.plug(core, far, bridge)
            netns.silence(core, far)
            netns.silence(self.space, inside)
        self.ip("addr", "add", f"{INSIDE_NAT}/24", "dev", "in")
        for address in self.outside.values():
            self.ip("addr", "add", f"{address}/24", "dev", "out")
        netns.sysctl(self.space, "net.ipv4.ip_forward", 1)
        ports = f"{NAT_PORTS[0]}-{NAT_PORTS[-1]}"
        run("ip", "netns", "exec", self.space, "nft", "-f", "-", stdin=f"""
            table ip crowfly {{
                chain post {{
                    type nat hook postrouting priority srcnat;
                    oifname "out" meta l4proto udp masquerade to :{ports} random
                }}
                chain forward {{
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    iifname "in" accept
                }}
            }}""")

    def ip(self, *words):
        """Runs ip in the NAT's namespace."""
        run("ip", "-n", self.space, *words)

    def forget(self):
        """Every mapping is gone; the next packet gets another port."""
        run("ip", "netns", "exec", self.space, "conntrack", "-F")


def active(node):
    """Waits for an active path at a node."""
    return wait_for(f"an active path at {node.name}", lambda: [
        path for path in live_paths(node) if path["state"] == "active"])


class WithIpv4(WithDomain):
    """A domain on IPv4 alone, with captures of everything on every node's core link."""

    attached = False

    @classmethod
    def watch(cls):
        """Captures at the core's end of every node's cable."""
        cls.captures = {name: Capture(cls.lab, cls.domain.core, name, f"{name}-all", "ip or ip6")
                        for name in cls.domain.nodes}

    @classmethod
    def attach_now(cls):
        """MN1 and MN2, with the captures on."""
        cls.watch()
        cls.attach_both()

    def signals(self, name, since=0.0):
        """Signalling on a node's link."""
        frames = (frame for frame in self.captures[name].frames() if frame.time >= since)
        return [found for found in map(signal, frames) if found]

    def users(self, name, since=0.0):
        """Packets of the pair on a node's link: (outer, inner)."""
        frames = (frame for frame in self.captures[name].frames() if frame.time >= since)
        found = filter(None, map(user_packet, frames))
        return [(outer, inner) for outer, inner in found
                if {self.here, self.there} == {inner.source, inner.destination}]

    def in_order(self, name, since, expected):
        """Waits for messages (name, source, destination, port) on a node's link, others allowed between."""
        def found():
            matched, wanted = [], list(expected)
            for message in self.signals(name, since):
                seen = (message.name, message.source[0], message.destination[0], message.port)
                if wanted and seen == wanted[0]:
                    matched.append(message)
                    wanted.pop(0)
            return matched if not wanted else None
        try:
            return wait_for("signalling", found, poll_s=0.2)
        except Failure:
            seen = ", ".join(message.words() for message in self.signals(name, since)) or "nothing"
            raise Failure(f"expected at {name}: {expected}; seen: {seen}") from None

    def whole(self):
        """Every checksum of every frame on every link is right, and nothing was IPv6; ends the captures."""
        for name, capture in self.captures.items():
            capture.stop()
            frames = capture.frames()
            self.assertEqual([], wrong_checksums(frames), name)
            self.assertEqual([], [frame for frame in frames if pcap.packet(frame)], f"{name}: IPv6 on the link")
            for message in self.signals(name):
                if message.inner:
                    found = mh.checksum(message.inner.source, message.inner.destination, message.octets)
                    self.assertEqual(0, found, message.words())
                else:
                    self.assertEqual(b"\0\0", message.octets[4:6], "RFC 5844 section 4.1.3.2")

    def charted(self, name):
        """(name, from, to) of the pair's RO messages in `crowflyctl trace` of a node's capture."""
        words = "trace", self.here, self.there, "--pcap", self.captures[name].path
        chart = json.loads(run(binaries() / "crowflyctl", "--json", *words).stdout)
        return [(row["message"], row["from"], row["to"]) for row in chart["rows"] if row["of"] == "pair"]

    def tcp(self):
        """TCP both ways; after the captures, which would be large."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        rates = [mn1.iperf(mn2, self.there), mn1.iperf(mn2, self.there, reverse=True)]
        self.assertGreater(min(rates), 1)
        self.said = f"{rates[0]:.0f} and {rates[1]:.0f} Mbit/s"

    def pings(self, count=50):
        """Pings of the pair without a loss; the time when they began."""
        since = time.time()
        pings = self.domain.mn1.ping(self.there, count)
        self.assertEqual(0, pings.lost)
        return since
