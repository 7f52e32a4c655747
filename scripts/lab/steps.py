"""What a domain has to show, step by step: each step returns its evidence, or raises Failure.

The demo prints the evidence, the end-to-end tests stand on the same steps. Steps go in the order of this
file; each leaves the domain as the next one needs it.

A "before" needs a time in which the LMA sees the pair talk and leaves it alone. So the LMA starts with
`localized_routing.enabled` false in its file; `localize` writes it as true and calls `config.reload`, as an
operator would. Nothing else changes between the two measurements.
"""

import time
from dataclasses import dataclass, field

from .capture import pair_packets
from .domain import (ADDRESS, FIXED_ROUTER, HI_BETWEEN_MAGS, HNP_POOL, NETWORK_SIDE, describe, mn_id,
                     name_of)
from .shell import Failure, wait_for

LIFETIME_S = 10  # of a path, in configs/lab
RECEIVE_GRACE_S = 10  # how much longer a receiving half stays (HL-33), in configs/lab
REFRESHED_LIFETIMES = 2
PINGS = 100
STREAM_INTERVAL_S = 0.01  # of the ping that lives through the handover
IPERF_S = 3

SETUP = [("RO Init", "lma", "mag2"), ("RO Setup", "mag2", "mag1"), ("RO Setup Ack", "mag1", "mag2"),
         ("RO Init Ack", "mag2", "lma")]
HANDOVER = [("PBU", "mag3", "lma"), ("PBA", "lma", "mag3"), ("RO Init", "lma", "mag2"),
            ("RO Setup", "mag2", "mag3"), ("RO Setup Ack", "mag3", "mag2"), ("RO Init Ack", "mag2", "lma")]


@dataclass
class Evidence:
    """One line of what a step has shown."""

    what: str
    figure: str


@dataclass
class Story:
    """The demo's story in one domain."""

    domain: object
    one: object = None  # MN1's prefix
    two: object = None
    figures: dict = field(default_factory=dict)
    stream: object = None  # the ping that is never restarted
    lost_in_handover: int = 0

    @staticmethod
    def before_localizing(name, config):
        """Start the LMA with localized routing switched off."""
        if name == "lma":
            config["localized_routing"]["enabled"] = False

    def attach(self):
        """(1) MN1 at MAG1 and MN2 at MAG2: PBU, PBA, Router Advertisement, SLAAC."""
        domain = self.domain
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            since = time.time()
            domain.attach(mn, mag)
            pbu, pba = domain.expect_order(since, [("PBU", mag.name, "lma"), ("PBA", "lma", mag.name)])
            check(pba.status == 0, f"PBA to {mag.name} has status {pba.status}")
            check(pba.sequence == pbu.sequence, "the PBA answers another PBU")
            address, router = mn.slaac()
            check(router == FIXED_ROUTER, f"{mn.name}'s router is {router}, not the fixed {FIXED_ROUTER}")
            check(address.network == pba.prefixes()[0],
                  f"{mn.name} has {address}, the PBA said {pba.prefixes()[0]}")
            check(address.network.subnet_of(HNP_POOL), f"{address.network} is not of the pool")
            bound = binding(domain.lma, mn)
            check(bound["proxy_coa"] == str(ADDRESS[mag.name]), f"the LMA has {bound} for {mn.name}")
            yield Evidence(f"{mn.name} at {mag.name}: PBU, PBA status 0, SLAAC, router {router}",
                           f"{address.ip}, {1000 * (pba.time - pbu.time):.1f} ms")
        self.one = domain.home(domain.mn1)[1]
        self.two = domain.home(domain.mn2)[1]

    def through_the_anchor(self):
        """(2) Everything goes through the LMA."""
        domain = self.domain
        mn1, mn2, inet = domain.mn1, domain.mn2, domain.inet
        there, _ = domain.home(mn2)
        here, _ = domain.home(mn1)
        capture = domain.capture_user("lma", "before")
        pings = mn1.ping(there, PINGS)
        seen = len(pair_packets(capture.packets(), self.one, self.two))
        capture.stop()
        check(pings.lost == 0, f"{pings.lost} of {pings.sent} pings lost through the LMA")
        check(seen == 4 * PINGS, f"{seen} packets of {PINGS} pings on the LMA's link, {4 * PINGS} expected")
        self.figures |= {"rtt before": pings.median_ms, "hop limits before": pings.hop_limits}
        yield Evidence("MN1 to MN2: each ping 4 times on the LMA's link", f"{seen} packets of {PINGS} pings")
        outside = mn1.ping(NETWORK_SIDE["inet"], 20)
        check(outside.lost == 0, f"{outside.lost} of {outside.sent} pings lost to the Internet side")
        yield Evidence("MN1 to the Internet side: ping", f"{outside.median_ms:.2f} ms, 0 lost")
        self.figures["rate before"] = mn1.iperf(mn2, there, IPERF_S)
        yield Evidence("MN1 to MN2: iperf3 through the LMA", f"{self.figures['rate before']:.0f} Mbit/s")
        up = mn1.iperf(inet, NETWORK_SIDE["inet"], IPERF_S)
        down = inet.iperf(mn1, here, IPERF_S)
        yield Evidence("MN1 to and from the Internet side: iperf3", f"{up:.0f} and {down:.0f} Mbit/s")
        check(not domain.paths_anywhere(), "there is a path although localized routing is off")

    def localize(self):
        """(3) The LMA notices the pair; RO Init, RO Setup and both acks."""
        domain = self.domain
        domain.lma.config["localized_routing"]["enabled"] = True
        domain.lma.write_config()
        domain.lma.call("config.reload")
        there, _ = domain.home(domain.mn2)
        since = time.time()
        first = domain.mn1.ping(there, 5)
        found = domain.expect_order(since, SETUP)
        init, setup, setup_ack, init_ack = found
        check(first.lost == 0, f"{first.lost} of {first.sent} pings lost while the path was set up")
        check((setup_ack.status, init_ack.status) == (0, 0),
              f"status {setup_ack.status} in RO Setup Ack, {init_ack.status} in RO Init Ack")
        check(init.mag_address() == ADDRESS["mag1"], f"RO Init names {init.mag_address()}, not MAG1")
        check(setup.mag_address() == ADDRESS["mag2"], f"RO Setup names {setup.mag_address()}, not MAG2")
        for message in found:
            check(message.prefixes() == [self.one, self.two],
                  f"{message.name} names {message.prefixes()}, not source {self.one}, destination {self.two}")
        self.path_is(("lma", "mag1", "mag2"), "active")
        yield Evidence(" > ".join(describe(message) for message in found),
                       f"{1000 * (init_ack.time - init.time):.1f} ms")
        yield from self.direct("MN1 to MN2, path up")

    def direct(self, label):
        """Pings of the pair: not one packet of it at the LMA, by its counters and by a capture."""
        domain = self.domain
        there, _ = domain.home(domain.mn2)
        capture = domain.capture_user("lma", f"direct-{len(domain.lab.processes)}")
        before = user_packets(domain.lma)
        pings = domain.mn1.ping(there, PINGS)
        seen = len(pair_packets(capture.packets(), self.one, self.two))
        after = user_packets(domain.lma)
        capture.stop()
        check(pings.lost == 0, f"{pings.lost} of {pings.sent} pings lost on the direct path")
        check(seen == 0, f"{seen} packets of the pair on the LMA's link")
        check(after == before, f"the LMA's counters rose by {after - before} user packets")
        yield Evidence(f"{label}: packets of the pair at the LMA in {pings.sent} pings, capture and counters",
                       f"{seen} and {after - before}")

    def after(self):
        """(4) Round-trip time and throughput on the direct path."""
        domain = self.domain
        there, _ = domain.home(domain.mn2)
        pings = domain.mn1.ping(there, PINGS)
        check(pings.lost == 0, f"{pings.lost} of {pings.sent} pings lost on the direct path")
        rate = domain.mn1.iperf(domain.mn2, there, IPERF_S)
        self.figures |= {"rtt after": pings.median_ms, "rate after": rate}
        figures = self.figures
        yield Evidence("round-trip time before and after, median",
                       f"{figures['rtt before']:.2f} and {figures['rtt after']:.2f} ms")
        yield Evidence("throughput before and after",
                       f"{figures['rate before']:.0f} and {figures['rate after']:.0f} Mbit/s")
        before, after = max(figures["hop limits before"]), min(pings.hop_limits)
        check(after == before + 1, f"hop limit of the replies {before} before, {after} after: not one hop less")
        yield Evidence("hop limit of the replies before and after: one hop less", f"{before} and {after}")

    def handover(self):
        """(5) MN1 moves to MAG3: address kept, ping never restarted, Fig. 4's order, path direct again."""
        domain = self.domain
        mn1, mag1, mag2, mag3 = domain.mn1, domain.mag1, domain.mag2, domain.mag3
        there, _ = domain.home(domain.mn2)
        kept = mn1.addresses()
        self.stream = mn1.start_ping(there, STREAM_INTERVAL_S)
        wait_for("the ping has replies", lambda: len(self.stream.replies()) > 50)
        check(self.stream.result().lost == 0, "the ping loses packets before the handover")
        since = time.time()
        domain.attach(mn1, mag3, HI_BETWEEN_MAGS)
        found = domain.expect_order(since, HANDOVER)
        pbu, pba, init, setup, setup_ack, init_ack = found
        statuses = pba.status, setup_ack.status, init_ack.status
        check(statuses == (0, 0, 0), f"status {statuses} in PBA, RO Setup Ack, RO Init Ack")
        check(init.mag_address() == ADDRESS["mag3"], f"RO Init names {init.mag_address()}, not MAG3")
        yield Evidence(" > ".join(describe(message) for message in found),
                       f"{1000 * (init_ack.time - pbu.time):.1f} ms")
        domain.detach(mn1, mag1)
        check(not live_paths(mag1), "MAG1 keeps a path of an MN that has left")
        self.path_is(("lma", "mag2", "mag3"), "active")
        entries = live_paths(mag2)
        check(len(entries) == 1, f"MAG2 has {len(entries)} entries for the pair: {entries}")
        check(entries[0]["peer"] == str(ADDRESS["mag3"]), f"MAG2 sends to {entries[0]['peer']}, not MAG3")
        check(mn1.addresses() == kept, f"MN1 had {kept}, now {mn1.addresses()}")
        check(mn1.default_routers() == [FIXED_ROUTER], f"MN1's routers are {mn1.default_routers()}")
        result = wait_for("the ping goes on", lambda: self._stream_after(init_ack.time, 50))
        self.lost_in_handover = result.lost
        check(result.duplicates == 0, f"{result.duplicates} packets arrived twice")
        yield Evidence("address and default router of MN1 kept, ping never restarted",
                       f"{result.lost} lost, gap {1000 * result.longest_gap_s():.0f} ms")
        yield Evidence("entries of the pair at MAG2, at MAG1", f"{len(entries)} to MAG3, 0")
        yield from self.direct("MN1 at MAG3")

    def _stream_after(self, moment, count):
        replies = [reply for reply in self.stream.replies() if reply[0] > moment]
        return self.stream.result() if len(replies) >= count else None

    def refresh(self):
        """(6a) Traffic keeps the path: RO Refresh, and no packet at the LMA for two lifetimes."""
        domain = self.domain
        since = time.time()
        capture = domain.capture_user("lma", "refresh")
        time.sleep(REFRESHED_LIFETIMES * LIFETIME_S + 1)
        self.path_is(("lma", "mag2", "mag3"), "active")
        seen = len(pair_packets(capture.packets(), self.one, self.two))
        capture.stop()
        check(seen == 0, f"{seen} packets of the pair at the LMA while the path was refreshed")
        signalling = domain.signalling(since)
        refreshes = [m for m in signalling if m.name == "RO Refresh"]
        acks = [m for m in signalling if m.name == "RO Refresh Ack"]
        senders = sorted({name_of(message.source) for message in refreshes})
        check(senders == ["mag2", "mag3"], f"RO Refresh from {senders}, not from both MAGs")
        bad = [message.status for message in acks if message.status not in (0, 1)]
        check(acks and not bad, f"RO Refresh Acks: {len(acks)}, refused with {bad}")
        again = [describe(message) for message in signalling if message.name in ("RO Init", "RO Setup")]
        check(not again, f"the path was set up anew: {again}")
        result = self.stream.stop()
        check(result.lost == self.lost_in_handover,
              f"{result.lost - self.lost_in_handover} packets lost while the path was refreshed")
        yield Evidence(f"busy for {time.time() - since:.0f} s, lifetime {LIFETIME_S} s: RO Refresh, Ack",
                       f"{len(refreshes)}, {len(acks)}; 0 lost, 0 at the LMA")

    def expire(self):
        """(6b) An idle path ends everywhere, and the next packet goes through the LMA."""
        domain = self.domain
        began = time.time()
        # The last refresh may have come at the last packet. A receiving half stays until the peer's last
        # lifetime must have ended, and a grace more.
        sending_s, limit_s = 2 * LIFETIME_S + 5, 3 * LIFETIME_S + RECEIVE_GRACE_S + 5
        wait_for("the path expires", lambda: not [
            path for _, path in domain.paths_anywhere() if path["state"] == "active"], sending_s, 0.2)
        ended = time.time() - began
        wait_for("the LMA, MAG2 and MAG3 forget the path", lambda: not domain.paths_anywhere(), limit_s, 0.2)
        yield Evidence("idle: not active any more, forgotten at the LMA, MAG2 and MAG3 after",
                       f"{ended:.0f} s, {time.time() - began:.0f} s")
        since = time.time()
        capture = domain.capture_user("lma", "expired")
        there, _ = domain.home(domain.mn2)
        pings = domain.mn1.ping(there, 10)
        crossing = pair_packets(capture.packets(), self.one, self.two)
        capture.stop()
        check(pings.lost == 0, f"{pings.lost} of {pings.sent} pings lost after the path expired")
        check(crossing, "no packet went through the LMA after the path had expired")
        yield Evidence("next packets: through the LMA, then a new path",
                       f"{len(crossing)} at the LMA, 0 of {pings.sent} lost")
        fresh = [(kind, source, {"mag1": "mag3"}.get(to, to)) for kind, source, to in SETUP[:2]]
        domain.expect_order(since, fresh)

    def path_is(self, names, state):
        """Waits until the pair's path has this state at each of the nodes."""
        for name in names:
            node = self.domain.nodes[name]
            try:
                wait_for("path", lambda n=node: [p for p in live_paths(n) if p["state"] == state], 5)
            except Failure:
                raise Failure(f"no {state} path at {name}: {node.paths()}") from None

    def whole(self):
        """(number, title, step) of everything."""
        return [
            (1, "attach: registration and SLAAC", self.attach),
            (2, "through the anchor", self.through_the_anchor),
            (3, "localized: the anchor lets go", self.localize),
            (4, "before and after", self.after),
            (5, "handover: MN1 moves to MAG3", self.handover),
            (6, "refresh while busy", self.refresh),
            (6, "expiry when idle", self.expire),
        ]


def check(holds, text):
    """Raises Failure with the text unless it holds."""
    if not holds:
        raise Failure(text)


def binding(node, mn):
    """A node's binding of an MN."""
    found = [entry for entry in node.bindings() if entry["mn_id"] == mn_id(mn)]
    check(len(found) == 1, f"{node.name} has {len(found)} bindings of {mn.name}")
    return found[0]


def live_paths(node):
    """Paths at a node; pairs that talk without one are left out."""
    return [path for path in node.paths() if path["state"] != "none"]


def user_packets(lma):
    """Packets that the LMA has taken out of tunnels or put into them, by its own counters."""
    stats = lma.stats()
    names = [name for name in stats if name.endswith(("tunnel.encapsulated", "tunnel.decapsulated"))]
    check(names, f"the LMA counts no tunnel packets: {sorted(stats)}")
    return sum(stats[name] for name in names)


def unaccounted(stats, before):
    """Packets that the workers have received and neither forwarded, nor given to control, nor dropped by name."""
    risen = {name.removeprefix("dataplane."): value - before.get(name, 0) for name, value in stats.items()
             if name.startswith("dataplane.")}
    ended = sum(value for name, value in risen.items()
                if name == "forwarded.packets" or name.startswith(("punt.", "drop.")))
    return risen["rx.packets"] - ended
