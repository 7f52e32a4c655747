"""tcpdump on a link of the lab."""

import pathlib
import subprocess
import time

from . import mh, pcap
from .shell import wait_for

BUFFER_KIB = 16384
# Between a packet on the link and its record in the file (-U, immediate mode): far more than is needed.
SETTLE_S = 0.3


class Capture:
    """A running capture; the file can be read at any time."""

    def __init__(self, lab, space, interface, name, expression=""):
        self.path = lab.state / f"{name}.pcap"
        self.log = lab.state / f"{name}.tcpdump.log"
        command = [
            "ip", "netns", "exec", space, "tcpdump", "-i", interface, "-n", "-U", "--immediate-mode",
            "-s", "0", "-B", str(BUFFER_KIB), "-Z", "root", "-w", str(self.path), *expression.split(),
        ]
        with self.log.open("w", encoding="utf-8") as log:
            self.process = spawn(lab, command, stdout=log, stderr=subprocess.STDOUT)
        wait_for(f"tcpdump on {interface} starts", lambda: "listening on" in self.log.read_text())

    def frames(self):
        """Every frame up to now."""
        settle()
        return list(pcap.frames(self.path))

    def packets(self):
        """Every IPv6 packet up to now."""
        return [packet for packet in map(pcap.packet, self.frames()) if packet]

    def messages(self, since=0.0):
        """Mobility Header messages from a wall-clock time on."""
        settle()
        return self.messages_so_far(since)

    def messages_so_far(self, since=0.0):
        """The same, of what is in the file: for who has settled, or asks again."""
        return [message for message in mh.messages(self.path) if message.time >= since]

    def stop(self):
        """Ends the capture; what it has missed is in its log."""
        settle()
        self.process.terminate()
        self.process.wait(5)
        return self.path


def settle():
    """Waits until what was on a link is in its capture's file."""
    time.sleep(SETTLE_S)


def spawn(lab, command, **options):
    """Starts a process of the run: dies with the run unless the run is to be kept."""
    tied = [] if lab.keep else ["setpriv", "--pdeathsig", "KILL"]
    process = subprocess.Popen(
        tied + [str(word) for word in command], stdin=subprocess.DEVNULL, start_new_session=True, **options)
    lab.processes.append(process)
    return process


def pair_packets(packets, one, other):
    """Tunnelled or plain packets between two prefixes, either way."""
    found = []
    for outer in packets:
        packet = outer.inner() or outer
        if (packet.source in one and packet.destination in other) or (
                packet.source in other and packet.destination in one):
            found.append(outer)
    return found


def save(lab, directory):
    """Copies every capture of a run to a directory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for path in lab.state.glob("*.pcap"):
        (directory / path.name).write_bytes(path.read_bytes())
    return directory
