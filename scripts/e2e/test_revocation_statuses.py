"""Every status of a Binding Revocation Acknowledgement (RFC 5846 section 5.2), and the one of a PBA to a GRE key that
nobody needs (RFC 5845 section 5.3.1), by messages of our own making under peers' addresses."""

import ipaddress
import struct
import time

from e2e.case import WithDomain
from lab import mh, pcap
from lab.domain import ADDRESS
from lab.inject import Sender, ether, ipv6, mac_of
from lab.shell import wait_for

REVOCATION, INDICATION, ACKNOWLEDGEMENT = 16, 1, 2
P, V, G = 0x8000, 0x4000, 0x2000
UNSPECIFIED, ADMINISTRATIVE, OUT_OF_SYNC, PER_PEER_POLICY, LOCAL_POLICY, UNASSIGNED = 0, 1, 7, 128, 129, 200
NO_BINDING, IPV4_OPTION_REQUIRED, NOT_AUTHORIZED, IDENTITY_REQUIRED, ATTACHED, TRIGGER, FUNCTION = range(128, 135)
KEY_NOT_REQUIRED = 2
TIMESTAMP_MISMATCH = 156
MN2 = "mn2@lab.example"


class Statuses(WithDomain):
    """MN1 at MAG1, MN2 at MAG2; nothing that is refused takes anything away."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cables = {name: Sender(cls.domain.core, name) for name in ("lma", "mag2")}
        cls.number = 30_000

    def answer(self, source, to, octets, kind):
        """Sends a message of one node to another; what comes back of a kind."""
        node, cable, since = self.domain.nodes[to], self.cables[to], time.time()
        sealed = mh.sealed(str(ADDRESS[source]), str(ADDRESS[to]), octets)
        packet = ipv6(ADDRESS[source], ADDRESS[to], pcap.NEXT_MH, sealed)
        cable.send([ether(mac_of(node.space, "core0"), cable.mac, packet)])
        return wait_for(f"an answer of {to}", lambda: [
            m for m in self.domain.captures[to].messages_so_far(since) if m.type == kind
            and (m.source, m.destination) == (ADDRESS[to], ADDRESS[source])], 5, 0.05)[0]

    def revoke(self, source, to, trigger, flags, pieces):
        """Status of the BRA that a BRI gets."""
        type(self).number += 1
        fixed = struct.pack("!BBHH", INDICATION, trigger, self.number, flags)
        ack = self.answer(source, to, mh.build(REVOCATION, fixed, pieces), REVOCATION)
        self.assertEqual((ACKNOWLEDGEMENT, self.number), (ack.octets[6], struct.unpack_from("!H", ack.octets, 8)[0]))
        self.assertTrue(ack.checksum_good)
        return ack.octets[7]

    def bindings(self):
        """Who is registered where."""
        return {name: sorted(b["mn_id"] for b in self.domain.nodes[name].bindings())
                for name in ("lma", "mag1", "mag2")}

    def refused(self, source, to, cases):
        """(status, trigger, flags, pieces) each."""
        before = self.bindings()
        for status, trigger, flags, pieces in cases:
            with self.subTest(status=status, at=to):
                self.assertEqual(status, self.revoke(source, to, trigger, flags, pieces))
                self.assertEqual(before, self.bindings())
        self.said = ", ".join(str(case[0]) for case in cases)

    def test_rfc5846_5_2_at_a_mag(self):
        known, nobody = [mh.nai(MN2)], [mh.nai("nobody@lab.example")]
        self.refused("lma", "mag2", [
            (FUNCTION, ADMINISTRATIVE, 0, known), (TRIGGER, UNASSIGNED, P, known),
            (IDENTITY_REQUIRED, ADMINISTRATIVE, P, []), (NO_BINDING, ADMINISTRATIVE, P, nobody),
            (NO_BINDING, ADMINISTRATIVE, P, known + [mh.prefix_option(self.one)]),
            (IPV4_OPTION_REQUIRED, ADMINISTRATIVE, P | V, known), (ATTACHED, OUT_OF_SYNC, P, known),
            (IDENTITY_REQUIRED, LOCAL_POLICY, P | G, []), (TRIGGER, UNSPECIFIED, P | G, [])])
        self.assertEqual(0, self.domain.mn1.ping(self.there, 5).lost)

    def test_rfc5846_5_2_at_a_mag_from_one_that_is_no_lma(self):
        self.refused("mag1", "mag2", [
            (NOT_AUTHORIZED, PER_PEER_POLICY, P | G, []), (NO_BINDING, ADMINISTRATIVE, P, [mh.nai(MN2)])])

    def test_rfc5846_9_2_at_an_lma(self):
        self.refused("mag3", "lma", [
            (FUNCTION, PER_PEER_POLICY, P, [mh.nai(MN2)]), (TRIGGER, ADMINISTRATIVE, P | G, []),
            (NO_BINDING, PER_PEER_POLICY, P | G, [])])

    def test_rfc5845_5_3_1_a_key_that_nobody_needs(self):
        # A Timestamp of 300 ms ago is refused (RFC 5213 section 9.1): a loaded machine has more than one try.
        for sequence in range(4711, 4716):
            pieces = [mh.timestamp(time.time()), mh.nai("mn3@lab.example"), mh.prefix_option("::/0"),
                      mh.option(mh.HANDOFF, b"\0\1"), mh.option(mh.ATT, b"\0\3"),
                      mh.option(mh.GRE_KEY, struct.pack("!HI", 0, 4711))]
            pba = self.answer("mag3", "lma", mh.pbu(sequence, 100, pieces), mh.PBA)
            if pba.status != TIMESTAMP_MISMATCH:
                break
        self.assertEqual((KEY_NOT_REQUIRED, []), (pba.status, pba.option(mh.GRE_KEY)))
        self.assertEqual(1, len([p for p in pba.prefixes() if p != ipaddress.IPv6Network("::/0")]), "it is registered")
