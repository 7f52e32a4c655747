"""Every inner family in every outer form, by Linux hosts that find the path's MTU for themselves (RFC 2473 section 7,
RFC 4213 section 3.2, RFC 5844 section 4, RFC 5845, RFC 8201, RFC 1191).

The table is `e2e.forms.FORMS`: one domain a form. Both families go through it over the LMA and past it: pings around
the tunnel's MTU, TCP both ways without a word from the node about MTUs but ICMP, datagrams in fragments; and tshark
says that every frame between the nodes has the form, and none is larger than the link.
"""

from e2e.case import WithDomain
from e2e.forms import (FORMS, HIDDEN, LINK_MTU_BYTES, NODES, attach_both_unaided, forget_paths, join_taps, localize, ping,
                       read_wire, total)
from e2e.ipv4 import Nat
from lab import exchange
from lab.capture import Capture
from lab.steps import user_packets

TCP_BYTES = 200_000
DATAGRAM_BYTES, DATAGRAMS = 8_000, 3
OVER, PAST = "over the LMA", "past the LMA"


class Story(WithDomain):
    """What is done with every form; the tests go in order."""

    attached = False
    nodes = NODES
    form = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        domain = cls.domain
        join_taps(domain)
        if cls.form.how == HIDDEN:
            cls.nat = Nat(cls.lab, domain, "mag2")
        cls.capture = Capture(cls.lab, domain.core, "mag1", "mag1-wire", "ip or ip6")
        homes = attach_both_unaided(domain)
        cls.pairs = {inner: (homes[0][inner], homes[1][inner]) for inner in ("ipv6", "ipv4")}

    def over_the_lma(self):
        """Both inner families, before there is a path."""
        self.both(OVER)

    def past_the_lma(self):
        """Both inner families by their paths; nothing of them at the LMA."""
        lma = self.domain.lma
        localize(self.domain, [there for _, there in self.pairs.values()])
        before = user_packets(lma)
        self.both(PAST)
        self.assertEqual(before, user_packets(lma))

    def both(self, way):
        """Both inner families by one way."""
        mtu, sent = self.form.mtu_bytes, 0
        for inner, (here, there) in self.pairs.items():
            with self.subTest(inner=inner, outer=self.form.name, way=way):
                self.pings(there, mtu)
                self.fragmented_by_the_tunnel(inner, there)
                self.tcp(there, mtu)
                sent += self.datagrams(here, there)
        self.said = f"MTU {mtu} found by both hosts; {2 * TCP_BYTES} octets by TCP, {sent} datagrams of 8 kB each"

    def pings(self, there, mtu):
        """What fits is answered; what does not comes back as an ICMP error with the MTU, which the host knows then."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        forget_paths(mn1, mn2)
        self.assertEqual(LINK_MTU_BYTES, exchange.known_mtu(mn1, there))
        for octets in (mtu - 1, mtu):
            self.assertEqual(1, ping(mn1, there, octets), f"{octets} octets")
        self.assertEqual(LINK_MTU_BYTES, exchange.known_mtu(mn1, there))
        self.assertEqual(0, ping(mn1, there, mtu + 1), f"{mtu + 1} octets")
        self.assertEqual(mtu, exchange.known_mtu(mn1, there), "RFC 1191, RFC 8201: the MTU that was told")

    def fragmented_by_the_tunnel(self, inner, there):
        """RFC 2473 section 7.2: IPv4 that may be fragmented goes in fragments of the outer packet, and comes whole."""
        if inner != "ipv4":
            return
        mn1, mn2, mag2 = self.domain.mn1, self.domain.mn2, self.domain.mag2
        forget_paths(mn1, mn2)  # or they would fragment
        before = total(mag2, "tunnel.fragmented"), total(mag2, "reassembly.packets")
        for octets in (self.form.mtu_bytes + 1, LINK_MTU_BYTES):
            self.assertEqual(1, ping(mn1, there, octets, "dont"), f"{octets} octets")
        after = total(mag2, "tunnel.fragmented"), total(mag2, "reassembly.packets")
        self.assertEqual((2, 2), (after[0] - before[0], after[1] - before[1]))

    def tcp(self, there, mtu):
        """TCP both ways, no black hole: each kernel ends with the tunnel's MTU."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        forget_paths(mn1, mn2)
        self.assertEqual((mtu, mtu), exchange.tcp(mn1, mn2, there, TCP_BYTES))

    def datagrams(self, here, there):
        """Datagrams that the hosts fragment, both ways, one of them without knowing the MTU."""
        mn1, mn2 = self.domain.mn1, self.domain.mn2
        forget_paths(mn1)
        return exchange.udp(mn1, mn2, there, DATAGRAMS, DATAGRAM_BYTES) + \
            exchange.udp(mn2, mn1, here, DATAGRAMS, DATAGRAM_BYTES)

    def wire(self):
        """tshark's word on every frame at MAG1."""
        seen = read_wire(self.capture.stop())
        self.assertEqual(self.form.carriers, set(seen.carriers))
        self.assertEqual((LINK_MTU_BYTES, 0), (seen.longest, seen.malformed))
        self.assertGreater(seen.fragments, 0)
        carried = ", ".join(f"{count} {name}" for name, count in sorted(seen.carriers.items()))
        self.said = f"{carried}; {seen.fragments} fragments; none above {seen.longest} octets"


def row(form):
    """The test class of a form."""
    return type(form.name, (Story,), {
        "__doc__": f"{form.name}: {form.overhead} octets around every packet.",
        "__module__": __name__,
        "form": form,
        "adjust": staticmethod(form.adjust),
        "test_1_rfc_2473_both_families_over_the_lma": Story.over_the_lma,
        "test_2_rfc_2473_both_families_past_the_lma": Story.past_the_lma,
        "test_3_every_frame_has_the_form_and_fits_the_link": Story.wire,
    })


globals().update({form.name: row(form) for form in FORMS})
