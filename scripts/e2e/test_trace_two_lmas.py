"""`crowflyctl trace` of a pair of two LMAs: the chart is that of draft-loureiro's figures 3 and 5, and each node has
its own part of it. Also what an LMA has refused stands there by number and name."""

import ipaddress
import json
import struct
import time

from e2e.case import WithDomain, binaries
from e2e.two_lmas import WithTwoLmas
from lab import mh, pcap
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HNP_POOL_2, name_of
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import run, wait_for

REFRESHES = ("RO Refresh", "RO Refresh Ack")
FIG_3 = [("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"), ("RO Setup", "mag2", "mag1"),
         ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma2"), ("RO Trigger Ack", "lma2", "lma")]
FIG_5 = [("PBU", "mag3", "lma"), ("PBA", "lma", "mag3"), ("RO Trigger", "lma", "lma2"), ("RO Init", "lma2", "mag2"),
         ("RO Setup", "mag2", "mag3"), ("RO Setup Ack", "mag3", "mag2"), ("RO Init Ack", "mag2", "lma2"),
         ("RO Trigger Ack", "lma2", "lma")]
NOTE_4_4 = [("PBU", "mag1", "lma2"), ("PBA", "lma2", "mag1"), ("RO Init", "lma2", "mag1"), ("RO Setup", "mag1", "mag3"),
            ("RO Setup Ack", "mag3", "mag1"), ("RO Init Ack", "mag1", "lma2")]
EVERYBODY = ("mag1", "mag2", "mag3", "lma", "lma2")
TO_THE_RIGHT, TO_THE_LEFT, LIFELINE = "▶", "◀", "│"


def quiet(name, config):
    """What the tests provoke is all there is in the charts: no refreshes, no answers to a second detection."""
    WithTwoLmas.adjust(name, config)
    config["localized_routing"]["lifetime_s"] = 3600


def trace(domain, ends, names):
    """A pair's chart as some nodes see it: JSON and text."""
    asked = ["trace", *map(str, ends)]
    for name in names:
        asked += ["-s", domain.nodes[name].socket]
    chart = json.loads(run(binaries() / "crowflyctl", "--json", *asked).stdout)
    return chart, run(binaries() / "crowflyctl", *asked).stdout


def rows(chart, since=0.0):
    """Messages since a time, but those that end a path at who was left, and refreshes."""
    return [row for row in chart["rows"] if row["what"] == "message" and row["at_us"] >= 1e6 * since
            and row["lifetime_s"] != 0 and row["message"] not in REFRESHES]


def words(found):
    """(name, from, to) of rows."""
    return [(row["message"], *(name_of(ipaddress.ip_address(row[end])) for end in ("from", "to"))) for row in found]


def drawn(printed, chart):
    """(name, from, to) of every arrow of the text, by the lifelines that it begins and ends at."""
    heads, lines = printed.splitlines()[1] + " ", printed.splitlines()[3:]
    names = [node["name"] for node in chart["nodes"]]
    columns = [heads.index(f" {name} ") + 1 + len(name) // 2 for name in names]
    known = sorted({row["message"] for row in chart["rows"] if row["what"] == "message"}, key=len)
    found = []
    for line in lines:
        right, left = line.find(TO_THE_RIGHT), line.find(TO_THE_LEFT)
        if right >= 0:
            ends = line.rindex(LIFELINE, 0, right), right + 1
        elif left >= 0:
            ends = line.index(LIFELINE, left), left - 1
        else:
            continue
        name = [message for message in known if message in line][-1]
        found.append((name, *(names[columns.index(end)] for end in ends)))
    return found


class TwoLmas(WithTwoLmas):
    """One pair: set up, MN1 moves, MN2 moves; the tests go in order."""

    adjust = staticmethod(quiet)

    def chart(self, *names):
        """The pair's chart."""
        return trace(self.domain, (self.one, self.two), names)

    def shown(self, chart, printed, since, expected):
        """These messages and no others, all of them seen at both ends, granted, and drawn between their lifelines."""
        self.assertEqual(expected, words(rows(chart, since)), printed)
        for row in rows(chart, since):
            self.assertFalse(row["lost"], printed)
            self.assertIsNotNone(row["transit_us"], printed)
            self.assertIn(row["status"], (None, 0), printed)
        everything = [row for row in chart["rows"] if row["what"] == "message"]
        self.assertEqual(words(everything), drawn(printed, chart), printed)
        self.said = " > ".join(f"{name} {source}>{to}" for name, source, to in expected)

    def test_ls_2_l_38_l_39_l_40_the_set_up_reads_like_figure_3(self):
        since = time.time()
        with self.sink(self.domain.mn2) as taking:
            self.datagram(self.domain.mn1, self.there)
            taking.recv(100)
        self.active_at("mag1", "mag2", "lma", "lma2")
        chart, printed = self.chart("mag1", "lma", "lma2", "mag2")
        self.assertEqual(["mag1", "lma", "lma2", "mag2"], [node["name"] for node in chart["nodes"]], printed)
        self.shown(chart, printed, since, FIG_3)
        self.assertEqual({"pair"}, {row["of"] for row in rows(chart, since)})
        ups = [row for row in chart["rows"] if row["what"] == "event" and row["text"] == "path up"]
        self.assertEqual({str(ADDRESS[name]) for name in ("mag1", "mag2", "lma", "lma2")}, {up["at"] for up in ups})

    def test_ls_2_every_node_has_its_own_legs(self):
        for name in ("mag1", "mag2", "lma", "lma2"):
            chart, printed = self.chart(name)
            found = [row for row in rows(chart) if row["of"] == "pair"]
            self.assertEqual([message for message in FIG_3 if name in message[1:]], words(found), printed)
            self.assertEqual({None}, {row["transit_us"] for row in found}, printed)

    def test_ls_4_l_52_l_53_a_handover_of_mn1_reads_like_figure_5(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach(domain.mn1, domain.mag1)
        wait_for("the path follows", lambda: self.active_at("mag2", "mag3") == [
            str(ADDRESS["mag3"]), str(ADDRESS["mag2"])])
        self.active_at("lma", "lma2")
        chart, printed = self.chart(*EVERYBODY)
        self.assertEqual(["mag1", "mag3", "lma", "lma2", "mag2"], [node["name"] for node in chart["nodes"]], printed)
        self.shown(chart, printed, since, FIG_5)
        after_it = {row["message"] for row in rows(chart, since) if row["handover"]}
        self.assertLessEqual({"RO Trigger", "RO Init"}, after_it, printed)
        self.assertIn("handover", printed)

    def test_ls_5_l_55_a_handover_of_mn2_has_no_trigger(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn2, domain.mag1, HI_BETWEEN_MAGS)
        domain.detach(domain.mn2, domain.mag2)
        wait_for("the path follows", lambda: self.active_at("mag1", "mag3") == [
            str(ADDRESS["mag3"]), str(ADDRESS["mag1"])])
        chart, printed = self.chart(*EVERYBODY)
        self.shown(chart, printed, since, NOTE_4_4)

    def test_l_41_a_set_up_that_fails_says_why(self):
        nobody, since = HNP_POOL_2[0x77 << 64] + 1, time.time()
        self.datagram(self.domain.mn1, nobody)
        self.domain.expect_order(since, [("RO Trigger", "lma", "lma2"), ("RO Trigger Ack", "lma2", "lma")])
        chart, printed = trace(self.domain, (self.one, nobody), ("lma", "lma2"))
        ack = next(row for row in chart["rows"] if row.get("message") == "RO Trigger Ack")
        self.assertEqual(129, ack["status"])
        self.assertIn("status 129 MN not attached", printed)
        self.assertIn("no path: ", printed)
        self.said = next(line for line in printed.splitlines() if "no path: " in line).partition("no path")[2]


def may_not(name, config):
    """MN1 gets no IPv4 service."""
    if name == "lma":
        config["lma"] |= {"ipv4_pools": ["10.9.0.0/24"], "mobile_nodes": [{"mn_id": "mn1@lab.example", "ipv4": False}]}


class Refused(WithDomain):
    """PBUs under MAG3's address that the LMA refuses, about MNs that are registered."""

    adjust = staticmethod(may_not)

    def asks_for(self, name, *addresses):
        """A PBU of MAG3 for IPv4 home addresses of an MN."""
        lma, target = self.domain.lma, str(ADDRESS["lma"])
        pieces = [mh.timestamp(time.time()), mh.nai(name), mh.option(mh.HANDOFF, b"\0\1"), mh.option(mh.ATT, b"\0\3")]
        for address in addresses:
            length = 0 if address == "0.0.0.0" else 32
            pieces.append(mh.option(mh.IPV4_REQUEST, struct.pack("!BB", length << 2, 0)
                                    + ipaddress.IPv4Address(address).packed))
        octets = mh.sealed(str(ADDRESS["mag3"]), target, mh.pbu(4711, 100, pieces))
        sender = Sender(self.domain.core, "lma")
        packet = ipv6(ADDRESS["mag3"], target, pcap.NEXT_MH, octets)
        sender.send([ether(mac_of(lma.space, "core0"), sender.mac, packet)])
        sender.close()

    def test_rfc5844_170_171_and_173_stand_in_the_chart_by_name(self):
        told = []
        for status, name, addresses in (
                (170, "mn1@lab.example", ("0.0.0.0",)), (171, "mn2@lab.example", ("10.77.0.1",)),
                (173, "mn2@lab.example", ("0.0.0.0", "0.0.0.0"))):
            with self.subTest(status=status):
                of = {"mn1@lab.example": "source", "mn2@lab.example": "destination"}[name]
                self.asks_for(name, *addresses)

                def seen(status=status, of=of):
                    chart, printed = trace(self.domain, (self.here, self.there), ("lma",))
                    rows_of = [row for row in chart["rows"] if row.get("status") == status and row["of"] == of]
                    return (rows_of, printed) if rows_of else None
                found, printed = wait_for(f"a PBA with status {status}", seen)
                self.assertEqual(("PBA", str(ADDRESS["mag3"])), (found[0]["message"], found[0]["to"]), printed)
                line = next(line for line in printed.splitlines() if f"status {status} " in line)
                told.append(line.partition("status ")[2].split(",")[0])
        self.said = "; ".join(told)
