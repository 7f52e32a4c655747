"""An access switch in user space: hosts on VLANs of their own, a MAG on the trunk (802.1Q).

A bridge of the kernel's would do, where the kernel has VLANs; not all have. Each VLAN has one host, so nothing is
learnt: what a host sends goes to the trunk with its VLAN's tag, what the trunk sends goes to the VLAN's host without.
"""

import selectors
import socket
import struct
import threading

from . import netns
from .inject import ETH_P_ALL

ETHERTYPE_VLAN = 0x8100
VLAN_MASK = 0xFFF
_SOL_PACKET, _PACKET_AUXDATA, _TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
_AUXDATA = struct.Struct("=IIIHHHH")  # status, lengths, offsets, tag control information, TPID
_TAG_AT = 12  # behind both addresses
_FRAME_BYTES = 2048
_LOOK_S = 0.2


class Switch:
    """Ports in one namespace; a thread carries frames until `close`."""

    def __init__(self, space):
        self.space = space
        self.trunks, self.hosts = {}, {}  # host: (trunk, VLAN)
        self.sockets = {}
        self.selector = selectors.DefaultSelector()
        self.lock = threading.Lock()
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def trunk(self, interface):
        """Adds a MAG's port."""
        with self.lock:
            self.trunks[interface] = {}
            self._open(interface)

    def host(self, interface, trunk, vlan):
        """Puts a host's port into a VLAN, and out of the one that it was in."""
        with self.lock:
            for hosts in self.trunks.values():
                for known in [vlan for vlan, host in hosts.items() if host == interface]:
                    del hosts[known]
            self.trunks[trunk][vlan] = interface
            self.hosts[interface] = trunk, vlan
            self._open(interface)

    def close(self):
        """Ends the thread."""
        self.running = False
        self.thread.join()
        for port in self.sockets.values():
            port.close()

    def _open(self, interface):
        if interface in self.sockets:
            return
        with netns.inside(self.space):
            port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        port.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        port.bind((interface, 0))
        port.setblocking(False)
        self.sockets[interface] = port
        self.selector.register(port, selectors.EVENT_READ, interface)

    def _run(self):
        while self.running:
            for ready, _ in self.selector.select(_LOOK_S):
                with self.lock:
                    self._carry(ready.data)

    def _carry(self, interface):
        received = _receive(self.sockets[interface])
        if received is None:
            return
        frame, vlan = received
        if interface in self.trunks:
            to = self.trunks[interface].get(vlan)
        else:
            to, vlan = self.hosts[interface]
            frame = tagged(frame, vlan)
        if to is not None:
            self.sockets[to].send(frame)


def tagged(frame, vlan):
    """A frame with a tag behind its addresses."""
    return frame[:_TAG_AT] + struct.pack("!HH", ETHERTYPE_VLAN, vlan) + frame[_TAG_AT:]


def tag_of(frame):
    """VLAN identifier of a captured frame, None where it has no tag."""
    kind, tag = struct.unpack_from("!HH", frame, _TAG_AT)
    return tag & VLAN_MASK if kind == ETHERTYPE_VLAN else None


def _receive(port):
    """The next frame that came in, without its tag, and its VLAN; None where there is none. The kernel takes the
    first tag out of a frame and puts it beside it."""
    try:
        frame, beside, _, sender = port.recvmsg(_FRAME_BYTES, socket.CMSG_SPACE(_AUXDATA.size))
    except BlockingIOError:
        return None
    if sender[2] == socket.PACKET_OUTGOING:
        return None
    for level, kind, data in beside:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, *_, tag, _ = _AUXDATA.unpack_from(data)
            if status & _TP_STATUS_VLAN_VALID:
                return frame, tag & VLAN_MASK
    return frame, None
