"""An LMA of a few lines: a Linux host with the LMA's address that answers PBUs with what it is told to."""

import socket
import struct
import time

from . import mh, netns, pcap
from .domain import ADDRESS
from .host import INTERFACE, Host

ANSWER_LIMIT_S = 5.0
COPIED = (mh.MN_ID, mh.HNP, mh.HANDOFF, mh.ATT, mh.MN_LL_ID, mh.TIMESTAMP)


class Anchor(Host):
    """Stands where the domain's LMA would."""

    def __init__(self, lab, core):
        super().__init__(lab, "lma")
        netns.veth(self.space, INTERFACE, core, self.name)
        netns.plug(core, self.name, "br0")
        netns.silence(core, self.name)
        self.execute("ip", "addr", "add", f"{ADDRESS['lma']}/64", "dev", INTERFACE, "nodad")
        with netns.inside(self.space):
            # Linux makes the checksum of this protocol by itself.
            self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, pcap.NEXT_MH)

    def pbu(self, limit_s=ANSWER_LIMIT_S):
        """The next PBU as (message, sender), or None when there is none in time."""
        deadline = time.monotonic() + limit_s
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                octets, sender = self.socket.recvfrom(2048)
            except TimeoutError:
                return None
            if octets[2] == mh.PBU:
                return octets, sender[:2]
        return None

    def answer(self, pbu, status, lifetime=None, instead=(), home=None, sequence=None, without=(), aligned=True):
        """Answers with a PBA: the PBU's options, but for those of the same kind as `instead` and `without`; `home` in
        the place of its prefix, its own lifetime and number unless told otherwise."""
        octets, sender = pbu
        asked, _, own = struct.unpack_from("!HHH", octets, 6)
        replaced = {piece[0] for piece in instead} | {*without} | ({mh.HNP} if home else set())
        pieces = [mh.option(kind, data) for _, kind, data in mh.options(octets)
                  if kind in COPIED and kind not in replaced]
        pieces += [*instead] + ([mh.prefix_option(home)] if home else [])
        granted = own if lifetime is None else lifetime
        answered = asked if sequence is None else sequence
        self.socket.sendto(mh.pba(answered, status, granted, pieces, aligned), sender)


def number(pbu):
    """Sequence number of a PBU."""
    return struct.unpack_from("!H", pbu[0], 6)[0]


def lifetime(pbu):
    """Lifetime of a PBU, units of 4 s."""
    return struct.unpack_from("!H", pbu[0], 10)[0]


def stamp(pbu):
    """Timestamp of a PBU, seconds since 1970."""
    data = next(data for _, kind, data in mh.options(pbu[0]) if kind == mh.TIMESTAMP)
    return struct.unpack("!Q", data)[0] / 65536
