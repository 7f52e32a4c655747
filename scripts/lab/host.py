"""A plain Linux host: nothing of ours runs there but ping and iperf3."""

import ipaddress
import json
import re
import signal
import subprocess
from dataclasses import dataclass

from . import netns
from .capture import spawn
from .shell import Failure, run, wait_for

INTERFACE = "eth0"
STOP_LIMIT_S = 2
_REPLY = re.compile(r"^\[(\d+\.\d+)\] .*icmp_seq=(\d+) ttl=(\d+) time=([\d.]+) ms")
_IPERF_PORT = 5201


@dataclass
class PingResult:
    """What one ping saw."""

    sent: int
    sequences: list  # of the replies, in order of arrival
    times: list  # wall clock of each reply, seconds
    rtts_ms: list
    hop_limits: set  # of the replies
    duplicates: int
    late: int = 0  # replies that came when ping had ended: it does not wait long for the last ones

    @property
    def lost(self):
        """Requests that have no reply; one where ping could send none, for want of a route."""
        return max(self.sent - len(set(self.sequences)) - self.late, 0) if self.sent else 1

    @property
    def median_ms(self):
        """Median round-trip time."""
        ordered = sorted(self.rtts_ms)
        return ordered[len(ordered) // 2] if ordered else float("nan")

    def longest_gap_s(self):
        """Longest time without a reply."""
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0.0)


def family(address):
    """The option that makes a tool speak the address's family."""
    return f"-{ipaddress.ip_address(str(address)).version}"


class Host:
    """A namespace with one interface, `eth0`."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.space = lab.namespace(name)
        self.pings = []  # that may be running

    def execute(self, *command, **options):
        """Runs a command on the host."""
        return run("ip", "netns", "exec", self.space, *command, **options)

    def accept_advertisements(self):
        """SLAAC with EUI-64 identifiers and no privacy addresses, as a fresh Debian server does."""
        for key, value in (("accept_ra", 1), ("autoconf", 1), ("use_tempaddr", 0), ("addr_gen_mode", 0),
                           ("dad_transmits", 1)):
            netns.sysctl(self.space, f"net.ipv6.conf.{INTERFACE}.{key}", value)

    def mac(self):
        """Link-layer address."""
        return json.loads(run("ip", "-j", "-n", self.space, "link", "show", INTERFACE).stdout)[0]["address"]

    def addresses(self):
        """Global addresses that are past duplicate address detection, as IPv6Interface."""
        listed = json.loads(
            run("ip", "-j", "-6", "-n", self.space, "addr", "show", "dev", INTERFACE, "scope", "global").stdout)
        return [
            ipaddress.IPv6Interface(f"{entry['local']}/{entry['prefixlen']}")
            for link in listed for entry in link.get("addr_info", [])
            if "local" in entry and not entry.get("tentative") and not entry.get("deprecated")
        ]

    def default_routers(self, family=6):
        """Addresses of the default routers; the IPv6 ones are link-local."""
        words = "ip", "-j", f"-{family}", "-n", self.space, "route", "show", "default"
        return [route["gateway"] for route in json.loads(run(*words).stdout or "[]") if "gateway" in route]

    def ipv4_addresses(self):
        """IPv4 addresses, as IPv4Interface."""
        listed = json.loads(run("ip", "-j", "-4", "-n", self.space, "addr", "show", "dev", INTERFACE).stdout or "[]")
        return [ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")
                for link in listed for entry in link.get("addr_info", []) if "local" in entry]

    def mtu_bytes(self):
        """MTU of the interface."""
        return json.loads(run("ip", "-j", "-n", self.space, "link", "show", INTERFACE).stdout)[0]["mtu"]

    def start_dhcp(self):
        """Starts ISC's DHCP client, as Debian configures it; it renews until it is stopped."""
        state = self.lab.state
        log = state / f"dhclient-{self.name}-{len(self.lab.processes)}.log"
        with log.open("w", encoding="utf-8") as out:
            return spawn(
                self.lab, ["ip", "netns", "exec", self.space, "dhclient", "-4", "-d", "-v",
                           "-lf", state / f"{self.name}.leases", "-pf", state / f"{self.name}.dhclient.pid",
                           INTERFACE], stdout=out, stderr=subprocess.STDOUT)

    def dhcp(self, limit_s=30.0):
        """Waits for what `start_dhcp` brings: the address and the default router."""
        address = wait_for(f"{self.name} gets an address by DHCP", self.ipv4_addresses, limit_s)[0]
        router = wait_for(f"{self.name} gets an IPv4 router", lambda: self.default_routers(4), 5)[0]
        return address, ipaddress.IPv4Address(router)

    def slaac(self, limit_s=10.0):
        """Waits for an address and a default router; returns both."""
        address = wait_for(f"{self.name} gets an address by SLAAC", self.addresses, limit_s)[0]
        router = wait_for(f"{self.name} gets a default router", self.default_routers, limit_s)[0]
        return address, router

    def ping(self, destination, count=10, interval_s=0.02, size=56, wait_s=2, source=None):
        """Pings to the end."""
        return self.start_ping(destination, interval_s, size, count, wait_s, source).finish(
            limit_s=count * interval_s + wait_s + 10)

    def start_ping(self, destination, interval_s=0.02, size=56, count=None, wait_s=2, source=None):
        """Starts a ping that runs until it is stopped; from one of several addresses where `source` says so."""
        return Ping(self, destination, interval_s, size, count, wait_s, source)

    def iperf(self, server, destination, seconds=3, reverse=False):
        """TCP throughput to another host in Mbit/s, as the receiver counts it."""
        log = self.lab.state / f"iperf3-{server.name}.log"
        with log.open("w", encoding="utf-8") as out:
            listener = spawn(
                self.lab, ["ip", "netns", "exec", server.space, "iperf3", "-s", "-1", "-p", _IPERF_PORT,
                           "--forceflush"], stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_for("iperf3 listens", lambda: "listening" in log.read_text())
            words = ["iperf3", family(destination), "-c", destination, "-p", _IPERF_PORT, "-t", seconds, "-J",
                     "--connect-timeout", 3000] + (["-R"] if reverse else [])
            done = self.execute(*words, limit_s=seconds + 20, check=False)
        finally:
            listener.terminate()
            listener.wait(5)
        report = json.loads(done.stdout or "{}")
        if "error" in report or done.returncode != 0:
            raise Failure(f"iperf3 from {self.name} to {destination}: {report.get('error', done.stderr.strip())}")
        return report["end"]["sum_received"]["bits_per_second"] / 1e6


def echo_replies(space, version):
    """Echo replies that a namespace has received, as its kernel counts them."""
    name, at = ("snmp6", "Icmp6InEchoReplies") if version == 6 else ("snmp", "InEchoReps")
    with netns.inside(space), open(f"/proc/thread-self/net/{name}", encoding="utf-8") as counters:
        lines = [line.split() for line in counters]
    if version == 6:
        return next(int(words[1]) for words in lines if words[0] == at)
    names, values = (words for words in lines if words[0] == "Icmp:")
    return int(values[names.index(at)])


class Ping:
    """A running ping."""

    def __init__(self, host, destination, interval_s, size, count, wait_s, source=None):
        self.host, self.wait_s = host, wait_s
        self.version = ipaddress.ip_address(str(destination)).version
        self.path = host.lab.state / f"ping-{host.name}-{len(host.lab.processes)}.log"
        self.alone, self.before = True, echo_replies(host.space, self.version)
        words = ["ip", "netns", "exec", host.space, "ping", family(destination), "-n", "-D", "-O", "-i", interval_s,
                 "-s", size, "-W", wait_s, *(["-c", count] if count else []), *(["-I", source] if source else []),
                 destination]
        with self.path.open("w", encoding="utf-8") as out:
            self.process = spawn(host.lab, words, stdout=out, stderr=subprocess.STDOUT)
        host.pings = [ping for ping in host.pings if ping.process.poll() is None]
        for other in host.pings:
            self.alone = other.alone = False
        host.pings.append(self)

    def replies(self):
        """(time, sequence, rtt in ms, hop limit) of the replies so far, duplicates included."""
        found = []
        for line in self.path.read_text().splitlines():
            match = _REPLY.match(line)
            if match:
                found.append((float(match[1]), int(match[2]), float(match[4]), int(match[3])))
        return found

    def finish(self, limit_s):
        """Waits for a counted ping to end."""
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        result = self.result()
        if result.lost and result.sequences and self.alone:
            self._await_late(result)
        return result

    def _await_late(self, result):
        """ping waits for the last replies no longer than twice what the slowest took: the host's counter knows of those
        that are slower."""
        seen = len(result.sequences) + result.duplicates

        def all_there():
            result.late = max(echo_replies(self.host.space, self.version) - self.before - seen, 0)
            return not result.lost
        try:
            wait_for("late replies", all_there, self.wait_s, 0.02)
        except Failure:
            pass  # lost

    def stop(self):
        """Stops an endless ping. What it saw until now counts: requests up to one that is answered from now
        on, so that those in flight are not taken for lost; everything sent, where no more answers come."""
        answered = len(self.replies())
        try:
            wait_for("one more reply", lambda: len(self.replies()) > answered + 1, STOP_LIMIT_S, 0.01)
        except Failure:
            self._interrupt()
            return self.result()
        result = self.result()
        self._interrupt()
        return result

    def _interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(5)

    def result(self):
        """What it saw; a request is counted as sent when ping says so or a later one was answered."""
        seen, sequences, times, rtts, hop_limits, duplicates = set(), [], [], [], set(), 0
        for time, sequence, rtt, hop_limit in self.replies():
            if sequence in seen:
                duplicates += 1
                continue
            seen.add(sequence)
            sequences.append(sequence)
            times.append(time)
            rtts.append(rtt)
            hop_limits.add(hop_limit)
        summary = re.search(r"(\d+) packets transmitted", self.path.read_text())
        sent = int(summary[1]) if summary else max(seen, default=0)
        return PingResult(sent, sequences, times, rtts, hop_limits, duplicates)
