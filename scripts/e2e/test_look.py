"""What can be seen of a pair from outside: a chart of its signalling, histograms, a record that replays."""

import json

from e2e.case import WithDomain, binaries
from lab.domain import HI_BETWEEN_MAGS
from lab.shell import run, wait_for


def record_of(node):
    """Where a node records."""
    return node.lab.state / f"{node.name}.record"


def crowflyctl(*words):
    """crowflyctl without a node of its own: exit status and what was printed."""
    done = run(binaries() / "crowflyctl", *words, check=False)
    return done.returncode, done.stdout + done.stderr


class Look(WithDomain):
    """A path is set up and follows its MN, while every node records."""

    @staticmethod
    def options(node):
        return ["--record", record_of(node)]

    def chart(self, *names):
        """The pair's chart as these nodes see it, JSON and text."""
        words = ["trace", str(self.one), str(self.two)]
        for name in names:
            words += ["-s", self.domain.nodes[name].socket]
        (bad, text), (worse, printed) = crowflyctl("--json", *words), crowflyctl(*words)
        self.assertEqual((0, 0), (bad, worse), text + printed)
        return json.loads(text), printed

    def messages(self, chart):
        """(name, from, to) of every message of the pair."""
        names = {node["address"]: node["name"] or node["address"] for node in chart["nodes"]}
        return [(row["message"], names[row["from"]], names[row["to"]]) for row in chart["rows"]
                if row["what"] == "message" and row["of"] == "pair"]

    def test_the_set_up_is_drawn_as_in_the_draft(self):
        domain = self.domain
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: len(domain.paths_anywhere()) >= 3)
        chart, printed = self.chart("mag1", "lma", "mag2")
        self.assertEqual(["mag1", "lma", "mag2"], [node["name"] for node in chart["nodes"]])
        self.assertEqual([
            ("RO Init", "lma", "mag2"), ("RO Setup", "mag2", "mag1"),
            ("RO Setup Ack", "mag1", "mag2"), ("RO Init Ack", "mag2", "lma")], self.messages(chart))
        both = [row for row in chart["rows"] if row["what"] == "message"]
        self.assertEqual(8, len(both), printed)
        for row in both:
            self.assertFalse(row["lost"], printed)
            self.assertIsNotNone(row["transit_us"], printed)
        self.assertIn("path up", printed)
        self.assertIn("packets of the pair pass here", printed)
        self.said = f"{len(printed.splitlines())} lines"

    def test_one_node_has_its_own_legs(self):
        chart, _ = self.chart("mag1")
        self.assertEqual(["RO Setup", "RO Setup Ack"], [name for name, *_ in self.messages(chart)])

    def test_a_capture_gives_the_same_chart(self):
        file = self.domain.captures["lma"].path
        bad, text = crowflyctl("--json", "trace", str(self.one), str(self.two), "--pcap", file)
        self.assertEqual(0, bad, text)
        names = [row["message"] for row in json.loads(text)["rows"] if row["of"] == "pair"]
        self.assertEqual(["RO Init", "RO Init Ack"], names)

    def test_latency_has_what_happened(self):
        domain = self.domain
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach(domain.mn2, domain.mag2)
        wait_for("the path follows", lambda: any(
            path["state"] == "active" for path in domain.mag3.paths()))
        at = {name: node.call("latency")["histograms"] for name, node in domain.nodes.items()}
        for name, histogram, least in (
                ("lma", "signalling.ro-init", 2), ("mag2", "signalling.ro-setup", 1),
                ("mag3", "signalling.ro-setup", 1), ("lma", "path-setup.from-first-packet", 1),
                ("lma", "path-setup.after-handover", 1), ("mag1", "signalling.binding-update", 1)):
            with self.subTest(node=name, histogram=histogram):
                self.assertGreaterEqual(at[name][histogram]["count"], least)
        handover = at["lma"]["path-setup.after-handover"]["max"]
        first = at["lma"]["path-setup.from-first-packet"]["max"]
        self.said = f"set-up {first / 1e6:.1f} ms, after handover {handover / 1e6:.1f} ms"

    def test_what_was_recorded_replays(self):
        domain, told = self.domain, []
        for name, node in domain.nodes.items():
            self.assertEqual(0, node.stop(), name)
            status, text = crowflyctl("--json", "replay", record_of(node))
            self.assertEqual(0, status, text)
            outcome = json.loads(text)
            self.assertEqual((True, False), (outcome["equal"], outcome["cut"]), text)
            self.assertGreater(outcome["outputs"], 5)
            told.append(f"{name} {outcome['steps']} inputs, {outcome['outputs']} outputs")
        self.said = "; ".join(told)

    def test_a_record_that_was_changed_does_not(self):
        lines = record_of(self.domain.lma).read_text().splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if '"PairTalks"' in line and '"Send"' in line)
        changed = self.lab.state / "changed.record"
        lines[at] = lines[at].replace('"Init"', '"Trigger"')
        changed.write_text("".join(lines))
        status, text = crowflyctl("replay", changed)
        self.assertEqual(1, status, text)
        self.assertIn(f"line {at + 1}", text)
        self.assertIn("replayed", text)
