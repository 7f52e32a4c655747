"""Constant streams of numbered packets between two hosts, both ways: `crowfly-stream` at each end."""

import json
import subprocess
import time

from .capture import Capture
from .relay import lab_binary
from .shell import Failure

PORT = 9000
# Far more than a packet needs that is still on its way.
SETTLE_S = 0.5
REPORT_LIMIT_S = 30.0


class End:
    """One end: sends its stream, records the other's."""

    def __init__(self, domain, host, local, peer, rate, number, expect):
        self.host = host
        self.log = domain.lab.state / f"stream-{host.name}-{len(domain.lab.processes)}.log"
        command = ["ip", "netns", "exec", host.space, "nice", "-n", "-10", lab_binary(domain, "crowfly-stream"),
                   "--local", local, "--peer", peer, "--port", PORT, "--rate", rate, "--stream", number,
                   "--expect", expect]
        # It ends with its standard input, and so with this process.
        self.errors = self.log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, start_new_session=True)
        domain.lab.processes.append(self.process)

    def say(self, word):
        """start, stop or report."""
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"the stream at {self.host.name} has ended: {self.log.read_text().strip()}") from None

    def report(self):
        """What it has sent and received until now."""
        self.say("report")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"the stream at {self.host.name} has ended: {self.log.read_text().strip()}")
        return json.loads(line)

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()
        self.errors.close()


class Streams:
    """Streams between MN1 and MN2. MN1 begins, so the path's source is MN1 (L-31)."""

    HEAD_START_S = 0.2

    def __init__(self, domain, rate):
        self.domain = domain
        homes = {mn.name: domain.home(mn)[0] for mn in (domain.mn1, domain.mn2)}
        self.ends = {
            "mn1": End(domain, domain.mn1, homes["mn1"], homes["mn2"], rate, 1, 2),
            "mn2": End(domain, domain.mn2, homes["mn2"], homes["mn1"], rate, 2, 1),
        }
        # A packet of the streams on the link of an MN that it is not for.
        self.astray = [
            Capture(domain.lab, mn.space, "eth0", f"{mn.name}-astray-{len(domain.lab.processes)}",
                    f"udp port {PORT} and not host {homes[mn.name]}")
            for mn in (domain.mn1, domain.mn2)]

    def start(self):
        """Starts both, MN1's first."""
        self.ends["mn1"].say("start")
        time.sleep(self.HEAD_START_S)
        self.ends["mn2"].say("start")

    def pause(self):
        """Stops sending and waits for what is on its way."""
        for end in self.ends.values():
            end.say("stop")
        time.sleep(SETTLE_S)

    def reports(self):
        """By the receiving MN, with `sent` being what the other end has sent; packets that never came are lost,
        those at the very end as well."""
        said = {name: end.report() for name, end in self.ends.items()}
        found = {}
        for name, other in (("mn1", "mn2"), ("mn2", "mn1")):
            report = dict(said[name])
            report["sent"], report["refused"] = said[other]["sent"], said[other]["refused"]
            tail = report["sent"] - report["highest"]
            if tail:
                report["lost_ranges"] = report["lost_ranges"] + [
                    {"first": report["highest"], "count": tail, "sent_after_ns": None, "sent_before_ns": None}]
                report["lost"] += tail
            found[name] = report
        return found

    def end(self):
        """Stops sending, and returns the reports and how many packets were at a wrong node."""
        self.pause()
        reports = self.reports()
        astray = sum(len(capture.packets()) for capture in self.astray)
        for capture in self.astray:
            capture.stop()
        for end in self.ends.values():
            end.close()
        return reports, astray
