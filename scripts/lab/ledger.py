"""Where packets of the streams have gone: the nodes' counters, the kernel's, and the receivers' records.

    sent = received + dropped by name at a node + put on a link that the MN had left
         + lost in a receive ring + lost in a host's socket + sent while the MN was on no link + unexplained

What is sent on no link is counted by the access links' bridges, which also carry a few frames that are not of the
streams (neighbour discovery, multicast listeners' reports): `unexplained` may be a few packets off nothing.
"""

from .domain import MAGS, MNS
from .shell import run

DROP = "dataplane.drop."
# Nothing of the streams can be dropped for these: flooded frames, and what hosts say on their own links.
NOT_OF_STREAMS = {"other-host", "multicast", "link-local", "ethertype", "vlan", "bad-source", "bad-destination"}
# What a MAG has put on its access link.
DELIVERED = ("mag.via-lma.down", "path.received", "path.local")
# A packet's way through the domain without any relay, seconds.
EDGE_S = 0.005


def snapshot(ctl):
    """Every counter of every node."""
    return {name: {entry["name"]: entry["value"] for entry in rows(connection.call("stats"))}
            for name, connection in ctl.items()}


def rows(answer):
    """Counters as a list of name and value."""
    answer = answer.get("counters", answer) if isinstance(answer, dict) else answer
    if isinstance(answer, list):
        return answer
    return [{"name": name, "value": value} for name, value in answer.items() if isinstance(value, int)]


def drops(before, after):
    """{(node, reason): packets} that were dropped meanwhile."""
    return {(name, counter.removeprefix(DROP)): value - before[name].get(counter, 0)
            for name, counters in after.items() for counter, value in counters.items()
            if counter.startswith(DROP) and value > before[name].get(counter, 0)
            and counter.removeprefix(DROP) not in NOT_OF_STREAMS}


def role(handover, name):
    """What a node is in a handover."""
    if name not in MAGS:
        return {"lma": "LMA1", "lma2": "LMA2"}.get(name, name)
    left = name in {move.old for move in handover.moves}
    entered = name in {move.new for move in handover.moves}
    return {(True, False): "previous MAG", (False, True): "new MAG", (True, True): "MAG left and entered"}.get(
        (left, entered), "peer's MAG")


def dropped_by_role(handovers, whole):
    """Drops of a run by "role: reason"; those between handovers go by the node's name."""
    causes, rest = {}, dict(whole)
    for handover in handovers:
        for (name, reason), dropped in handover.drops.items():
            key = f"{role(handover, name)}: {reason}"
            causes[key] = causes.get(key, 0) + dropped
            rest[name, reason] -= dropped
    return causes | {f"{name}, between handovers: {reason}": dropped for (name, reason), dropped in rest.items()}


def rise(before, after, name, counters):
    """How far some of a node's counters rose together."""
    return sum(after[name].get(f"dataplane.{counter}", 0) - before[name].get(f"dataplane.{counter}", 0)
               for counter in counters)


def kernel(domain):
    """The kernel's counts: frames given to each node's ports, frames from MNs and to MAGs on the access links, and
    what sockets of the MNs could not take."""
    radio = {name: count(domain.radio, name, "rx") for name in MNS} | {
        name: count(domain.radio, name, "tx") for name in domain.nodes if name in MAGS}
    frames = {name: sum(count(node.space, port, "rx") for port in node.ports) for name, node in domain.nodes.items()}
    sockets = {}
    for name in MNS:
        said = domain.hosts[name].execute("cat", "/proc/net/snmp6").stdout.split()
        sockets[name] = int(dict(zip(said[::2], said[1::2])).get("Udp6RcvbufErrors", 0))
    return {"frames": frames, "radio": radio, "sockets": sockets}


def count(space, interface, way):
    """Frames that an interface has received or sent."""
    path = f"/sys/class/net/{interface}/statistics/{way}_packets"
    return int(run("ip", "netns", "exec", space, "cat", path).stdout)


def account(handovers, before, after, kernel_before, kernel_after, reports):
    """Every lost packet by its cause, over a whole run; before and after, the streams stood still."""
    def more(what, name):
        return kernel_after[what][name] - kernel_before[what][name]
    lost = sum(report["lost"] for report in reports.values())
    received = sum(report["received"] + report["duplicated"] for report in reports.values())
    sockets = sum(more("sockets", name) for name in MNS)
    delivered = sum(rise(before, after, name, DELIVERED) for name in after)
    causes = dropped_by_role(handovers, drops(before, after))
    causes["host's socket full"] = sockets
    causes["on a link that the MN had left"] = delivered - received - sockets
    causes["sent on no link"] = (sum(more("radio", name) for name in MNS)
                                 - sum(more("radio", name) for name in MAGS))
    for name in after:
        causes[f"{name} receive ring"] = more("frames", name) - rise(before, after, name, ["rx.packets"])
    causes = {cause: packets for cause, packets in causes.items() if packets}
    return {"lost": lost, "causes": causes, "unexplained": lost - sum(causes.values())}


def lost_moments(report, rate):
    """When each lost packet was sent, seconds: between its neighbours that arrived."""
    if "moments" not in report:
        moments = []
        for entry in report["lost_ranges"]:
            after, until = entry["sent_after_ns"], entry["sent_before_ns"]
            first = after / 1e9 + 1 / rate if after else (until or 0) / 1e9 - entry["count"] / rate
            step = (until - after) / 1e9 / (entry["count"] + 1) if after and until else 1 / rate
            moments += [first + number * step for number in range(entry["count"])]
        report["moments"] = moments
    return report["moments"]


def by_handover(handovers, reports, rate, way_s):
    """Lost packets of each handover: all, and those sent outside its radio gap. A packet that was up to `way_s`
    on its way when the MN left its link is the gap's as well."""
    found = []
    ends = [handover.began_s for handover in handovers[1:]] + [float("inf")]
    for handover, end_s in zip(handovers, ends):
        moments = [moment for report in reports.values() for moment in lost_moments(report, rate)
                   if handover.began_s - 0.1 <= moment < end_s - 0.1]
        gaps = [(move.off_s - EDGE_S - way_s, move.attached_s + EDGE_S) for move in handover.moves]
        outside = [moment for moment in moments if not any(begin <= moment < over for begin, over in gaps)]
        pauses = [(over - begin) / 1e9 for report in reports.values() for begin, over in report["gaps_ns"]
                  if handover.began_s - 0.1 <= begin / 1e9 < end_s - 0.1]
        found.append({"lost": len(moments), "lost_outside_gap": len(outside), "outage_s": max(pauses, default=0.0),
                      "gap_s": max(move.attached_s - move.off_s for move in handover.moves)})
    return found
