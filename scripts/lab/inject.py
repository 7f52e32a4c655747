"""Sending frames of our own making into the lab, octet by octet."""

import ipaddress
import json
import socket
import struct
import time

from . import netns, pcap
from .host import INTERFACE, Host
from .shell import run

ETH_P_ALL = 3
# A node's worker may sleep, and its rings are bounded: not more than this many frames at once.
BATCH_FRAMES = 32
BATCH_PAUSE_S = 0.002


def mac_of(space, interface):
    """Link-layer address of an interface."""
    return json.loads(run("ip", "-j", "-n", space, "link", "show", interface).stdout)[0]["address"]


def ether(destination, source, payload, ethertype=pcap.ETHERTYPE_IPV6):
    """An Ethernet frame, not padded."""
    octets = [bytes.fromhex(address.replace(":", "")) for address in (destination, source)]
    return octets[0] + octets[1] + struct.pack("!H", ethertype) + payload


def ipv6(source, destination, next_header, payload, hop_limit=64, length=None):
    """An IPv6 packet; `length` is what the header says when that is not the truth."""
    said = len(payload) if length is None else length
    return struct.pack("!IHBB", 6 << 28, said & 0xFFFF, next_header, hop_limit) + \
        ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(destination).packed + payload


class Sender:
    """A raw socket on one interface of a namespace."""

    def __init__(self, space, interface):
        self.mac = mac_of(space, interface)
        with netns.inside(space):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((interface, 0))

    def send(self, frames):
        """Sends frames in batches; returns how many."""
        count = 0
        for frame in frames:
            self.socket.send(frame)
            count += 1
            if count % BATCH_FRAMES == 0:
                time.sleep(BATCH_PAUSE_S)
        return count

    def close(self):
        """Closes the socket."""
        self.socket.close()


class Intruder(Host):
    """A host on the transport network that is no node of the domain."""

    ADDRESS = ipaddress.IPv6Address("2001:db8:f::66")

    def __init__(self, lab, core):
        super().__init__(lab, "intruder")
        netns.veth(self.space, INTERFACE, core, self.name)
        netns.plug(core, self.name, "br0")
        netns.silence(core, self.name)
        self.execute("ip", "addr", "add", f"{self.ADDRESS}/64", "dev", INTERFACE, "nodad")
        self.sender = Sender(self.space, INTERFACE)
