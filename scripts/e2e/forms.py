"""What the tests of tunnels share: every outer form, hosts that find a path's MTU for themselves, and what tshark says
of the frames between the nodes.
"""

import collections
import ipaddress
import json
import re
from dataclasses import dataclass

from e2e import ipv4
from e2e.ipv4_homes import POOL, ROUTER
from lab import netns
from lab.domain import HI_NEW, WITH_IPV4
from lab.host import INTERFACE
from lab.shell import Failure, run, wait_for
from lab.steps import live_paths

LINK_MTU_BYTES = 1500
ETHERNET_BYTES = 14
NODES = ("lma", "mag1", "mag2")
PATH_LIFETIME_S = 3600
IPV6, IPV4, UDP, GRE_KEYED, TLV = 40, 20, 8, 8, 4
PLAIN, BY_UDP, HIDDEN = "plain", "forced into UDP", "behind a NAT"


@dataclass(frozen=True)
class Form:
    """One way to put a packet into a tunnel."""

    name: str
    over: int  # 6 or 4
    how: str  # over IPv4: bare, in UDP, past a NAT
    gre: bool
    overhead: int  # octets
    carriers: frozenset  # what tshark calls the outer packets

    @property
    def mtu_bytes(self):
        """Largest packet that goes into the tunnel whole."""
        return LINK_MTU_BYTES - self.overhead

    def adjust(self, name, config):
        """A node's configuration: this form, an IPv4 pool, and no path before a test wants one."""
        if name == "lma":
            config["lma"]["ipv4_pools"] = [str(POOL)]
            config["localized_routing"]["enabled"] = False
        config["localized_routing"]["lifetime_s"] = PATH_LIFETIME_S
        on_taps(name, config)
        if self.gre:
            config["gre"] = "required"
        if self.over == 6:
            return
        if self.how == HIDDEN:
            ipv4.over_ipv4(name, config, behind=("mag2",))
            return
        flag = "force_udp_encapsulation" if name.startswith("mag") else "accept_forced_udp_encapsulation"
        ipv4.over_ipv4(name, config, **({flag: True} if self.how == BY_UDP else {}))


def form(name, over, carriers, how=PLAIN, gre=False):
    """A row of the table."""
    overhead = (IPV6 if over == 6 else IPV4) + (0 if how == PLAIN else UDP)
    if gre:
        overhead += GRE_KEYED + (0 if how == PLAIN else TLV)
    return Form(name, over, how, gre, overhead, frozenset(carriers))


FORMS = (
    form("OuterIpv6", 6, {"ipv6"}),
    form("OuterIpv4", 4, {"ipv4"}),
    form("OuterUdp", 4, {"udp 5437"}, BY_UDP),
    form("OuterUdpPastNat", 4, {"udp 4191", "ipv4"}, HIDDEN),
    form("GreOverIpv6", 6, {"gre/ipv6"}, gre=True),
    form("GreOverIpv4", 4, {"gre/ipv4"}, gre=True),
    form("GreInUdp", 4, {"udp 5437"}, BY_UDP, gre=True),
    form("GreInUdpPastNat", 4, {"udp 4191", "gre/ipv4"}, HIDDEN, gre=True),
)


def on_taps(name, config):
    """A MAG's ports are TAP ports, which get fragments as fragments."""
    if name.startswith("mag"):
        for number, port in enumerate(config["ports"]):
            port["device"] = f"net_tap{number}"


def join_taps(domain):
    """Joins what `on_taps` has made."""
    for mag in (domain.mag1, domain.mag2):
        for interface in mag.ports:
            mag.join_tap(interface)


def attach_unaided(domain, mn, mag, router=ROUTER):
    """Registers an MN with both families and gives it its addresses as an administrator would who knows nothing of
    tunnels: a link MTU of 1500, so that only ICMP tells the host what fits. Returns its addresses by family."""
    netns.sysctl(mn.space, f"net.ipv6.conf.{INTERFACE}.accept_ra_mtu", 0)
    answer = domain.attach(mn, mag, HI_NEW, WITH_IPV4)
    home = ipaddress.IPv4Interface(found_ipv4(answer)).ip
    mn.execute("ip", "addr", "add", f"{home}/32", "dev", INTERFACE)
    mn.execute("ip", "route", "add", "default", "via", router, "dev", INTERFACE, "onlink")
    mn.slaac()
    if mn.mtu_bytes() != LINK_MTU_BYTES:
        raise Failure(f"{mn.name} has an MTU of {mn.mtu_bytes()}")
    return {"ipv6": domain.home(mn)[0], "ipv4": home}


def attach_both_unaided(domain):
    """MN1 at MAG1 and MN2 at MAG2; the addresses of each."""
    return [attach_unaided(domain, mn, mag) for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2))]


def found_ipv4(answer):
    """The IPv4 home address in crowflyctl's answer to `mn attach`."""
    match = re.search(r"\"(10\.1\.\d+\.\d+)(?:/\d+)?\"", json.dumps(answer))
    if not match:
        raise Failure(f"no IPv4 home address in {answer}")
    return match[1]


def forget_paths(*hosts):
    """What hosts have learnt of MTUs is gone."""
    for host in hosts:
        for family in ("-4", "-6"):
            host.execute("ip", family, "route", "flush", "cache")


def localize(domain, paths):
    """Switches localized routing on, and waits for so many active paths at both MAGs once the pair talks."""
    lma = domain.lma
    lma.config["localized_routing"]["enabled"] = True
    lma.write_config()
    lma.call("config.reload")

    def active(node):
        return len([path for path in live_paths(node) if path["state"] == "active"]) == len(paths)

    def talks():
        # A pair is reported at most once a second, and it has talked before.
        for destination in paths:
            domain.mn1.ping(destination, 1)
        return active(domain.mag1) and active(domain.mag2)
    wait_for(f"{len(paths)} active paths at both MAGs", talks, poll_s=0.2)


def total(node, name):
    """A counter of all workers of a node."""
    stats = node.stats()
    found = [value for key, value in stats.items() if key == name or key.endswith(f".{name}")]
    if not found:
        raise Failure(f"{node.name} counts no {name}: {sorted(stats)}")
    return sum(found)


def ping(host, destination, octets, fragment="do", count=1, wait_s=1):
    """Sends Echo Requests in IP packets of so many octets; returns how many were answered. `fragment` is ping's -M:
    "do" forbids it to everybody, "dont" allows it to routers."""
    headers = 28 if destination.version == 4 else 48
    done = host.execute("ping", f"-{destination.version}", "-n", "-M", fragment, "-c", count, "-i", 0.05, "-W", wait_s,
                        "-s", octets - headers, destination, check=False, limit_s=20)
    match = re.search(r"(\d+) received", done.stdout)
    return int(match[1]) if match else 0


FIELDS = ("frame.len", "eth.type", "ipv6.nxt", "ipv6.fraghdr.nxt", "ip.proto", "ip.flags.mf", "ip.frag_offset",
          "udp.srcport", "udp.dstport", "_ws.malformed")
DATA_PORTS = {"5437", "4191"}
PROTO = {"41": "ipv6", "4": "ipv4", "47": "gre", "17": "udp"}


@dataclass(frozen=True)
class Wire:
    """What tshark says of a capture."""

    carriers: collections.Counter  # outer packets by form
    fragments: int  # of outer packets
    longest: int  # octets of an IP packet
    malformed: int


def read_wire(path):
    """Tells the outer packets of a capture apart; signalling and neighbour discovery are left out."""
    words = [word for field in FIELDS for word in ("-e", field)]
    said = run("tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields",
               "-E", "separator=;", "-E", "aggregator=,", *words, limit_s=60).stdout
    carriers, fragments, longest, malformed = collections.Counter(), 0, 0, 0
    for line in said.splitlines():
        row = dict(zip(FIELDS, line.split(";")))
        longest = max(longest, int(row["frame.len"]) - ETHERNET_BYTES)
        malformed += bool(row["_ws.malformed"])
        carrier, is_fragment = carrier_of(row)
        fragments += is_fragment
        if carrier and not is_fragment:
            carriers[carrier] += 1
    return Wire(carriers, fragments, longest, malformed)


def carrier_of(row):
    """(name of the outer form or None, whether it is a part of one)."""
    first = {name: value.split(",")[0] for name, value in row.items()}
    if first["eth.type"] == "0x86dd":
        if first["ipv6.nxt"] == "44":
            return PROTO.get(first["ipv6.fraghdr.nxt"]), first["ipv6.fraghdr.nxt"] in PROTO
        kind, over = PROTO.get(first["ipv6.nxt"]), "ipv6"
    else:
        kind, over = PROTO.get(first["ip.proto"]), "ipv4"
        if kind and (first["ip.flags.mf"] in ("1", "True") or first["ip.frag_offset"] not in ("", "0")):
            return kind, True
    if kind == "gre":
        return f"gre/{over}", False
    if kind == "udp":
        ports = {first["udp.srcport"], first["udp.dstport"]} & DATA_PORTS
        return (f"udp {ports.pop()}" if ports else None), False
    return (over if kind else None), False
