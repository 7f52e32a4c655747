"""Home network prefixes from outside: pools of a domain, prefixes of a mobile node's own, several at once, and how long
an LMA keeps them (RFC 5213 sections 5.4, 9.1, MinDelayBeforeBCEDelete, MaxDelayBeforeNewBCEAssign; L-26, L-28).
"""

import ipaddress
import threading
import time

from e2e.case import WithDomain
from lab.domain import ADDRESS, HI_BETWEEN_MAGS, HI_NEW
from lab.shell import wait_for
from lab.steps import live_paths, user_packets

OWN = [ipaddress.IPv6Network(f"2001:db8:5:{number}::/64") for number in (1, 2)]  # MN1's, of no pool
RESERVED = ipaddress.IPv6Network("2001:db8:a:1::/64")  # MN3's, of the second pool
POOLS = [ipaddress.IPv6Network("2001:db8:a::/63"), ipaddress.IPv6Network("2001:db8:b::/64")]
FREE = [ipaddress.IPv6Network("2001:db8:a::/64"), ipaddress.IPv6Network("2001:db8:b::/64")]
MIN_DELAY_S = 6  # MinDelayBeforeBCEDelete
MAX_DELAY_S = 4  # MaxDelayBeforeNewBCEAssign
HI_UNKNOWN = 4
ATT_802_3, ATT_802_11 = 3, 4
NO_PREFIX_LEFT, NOT_THIS_PREFIX = 130, 155


def own_prefixes(name, config):
    """MN1 has two prefixes of its own, MN3 one of the pools; three prefixes are in the pools."""
    config["localized_routing"]["lifetime_s"] = 3600
    if name == "lma":
        config["lma"] |= {
            "hnp_pools": [str(pool) for pool in POOLS],
            "mobile_nodes": [{"mn_id": "mn1@lab.example", "hnps": [str(home) for home in OWN]},
                             {"mn_id": "mn3@lab.example", "hnps": [str(RESERVED)]}],
            "min_delay_before_bce_delete_ms": MIN_DELAY_S * 1000,
            "max_delay_before_new_bce_assign_ms": MAX_DELAY_S * 1000}


class WithHomes(WithDomain):
    """What both classes ask."""

    adjust = staticmethod(own_prefixes)
    attached = False

    def at_lma(self, name):
        """(state, prefixes, Proxy-CoA) of an MN's bindings at the LMA."""
        return [(entry["state"], [ipaddress.IPv6Network(hnp) for hnp in entry["hnps"]], entry["proxy_coa"])
                for entry in self.domain.lma.bindings() if entry["mn_id"] == f"{name}@lab.example"]

    def homes(self, name):
        """The prefixes of an MN that has one registered binding."""
        (state, homes, _), = self.at_lma(name)
        self.assertEqual("registered", state)
        return homes

    def asks(self, name, mag, *words, mac=None, hi=HI_NEW, att=ATT_802_3):
        """Attaches an MN that is a name and an address; None where it is registered, or what crowflyctl said."""
        mac = mac or f"02:00:00:00:00:{name.removeprefix('mn'):0>2}"
        done = self.domain.nodes[mag].crowflyctl(
            "mn", "attach", f"{name}@lab.example", "--port", "access", "--mac", mac, "--att", att, "--hi", hi, *words,
            check=False)
        return (done.stderr + done.stdout).strip() if done.returncode else None

    def leaves(self, name, mag):
        """De-registers an MN."""
        self.domain.nodes[mag].ctl_json("mn", "detach", f"{name}@lab.example")


class Several(WithHomes):
    """MN1 with two prefixes of its own, MN2 with one of the pools; the tests go in order."""

    def test_1_rfc5213_a_host_gets_all_its_prefixes_and_makes_an_address_of_each(self):
        domain, since = self.domain, time.time()
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag)
        pba = domain.expect_order(since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])[1]
        self.assertEqual((0, OWN), (pba.status, sorted(pba.prefixes())))
        found = wait_for("an address of each", lambda: len(domain.mn1.addresses()) == 2 and domain.mn1.addresses())
        self.assertEqual(OWN, sorted(address.network for address in found))
        domain.mn2.slaac()
        self.assertIn(domain.home(domain.mn2)[1], FREE)
        self.said = ", ".join(str(address.ip) for address in found)

    def each_is_direct(self):
        """Pings between each address of MN1 and MN2 that the LMA sees nothing of."""
        domain = self.domain
        before = user_packets(domain.lma)
        (there, two), lost = domain.home(domain.mn2), []
        for address in domain.mn1.addresses():
            lost += [domain.mn1.ping(there, 20, source=address.ip).lost, domain.mn2.ping(address.ip, 20).lost]
        self.assertEqual(([0] * 4, 0), (lost, user_packets(domain.lma) - before))
        return two

    def test_2_l_26_l_28_each_prefix_has_its_path(self):
        domain, since = self.domain, time.time()
        there, two = domain.home(domain.mn2)
        for address in domain.mn1.addresses():
            domain.mn1.ping(there, 3, source=address.ip)
        pairs = {frozenset((str(home), str(two))) for home in OWN}
        for name in ("lma", "mag1", "mag2"):
            wait_for(f"both pairs at {name}", lambda n=name: pairs == {
                frozenset((path["source"], path["destination"])) for path in live_paths(domain.nodes[n])
                if path["state"] == "active"})
        self.each_is_direct()
        inits = [message for message in domain.signalling(since) if message.name == "RO Init"]
        named = {prefix for message in inits for prefix in message.prefixes()}
        self.assertEqual({*OWN, two}, named)
        self.said = f"{len(inits)} RO Init for {len(pairs)} pairs"

    def test_3_l_47_a_handover_takes_both_prefixes_and_both_paths_along(self):
        domain = self.domain
        before = sorted(domain.mn1.addresses())
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach_moved(domain.mn1, domain.mag1)
        wait_for("both paths follow", lambda: [
            path["peer"] for path in live_paths(domain.mag2) if path["state"] == "active"] == 2 * [
                str(ADDRESS["mag3"])])
        wait_for("MN2 answers", lambda: domain.mn1.ping(domain.home(domain.mn2)[0], 2).lost == 0)
        self.each_is_direct()
        self.assertEqual((OWN, before), (sorted(self.homes("mn1")), sorted(domain.mn1.addresses())))

    def test_4_rfc5213_5_4_1_1_a_part_of_the_prefixes_is_not_the_session(self):
        """159: the prefixes of the PBU are not those of the binding."""
        said = self.asks("mn1", "mag2", "--hnp", OWN[0], mac=self.domain.mn1.mac())
        self.assertIn("159", said or "")
        self.assertEqual(OWN, sorted(self.homes("mn1")))
        self.said = said


class Kept(WithHomes):
    """Whose a prefix is, and for how long; MNs that are a name and an address are enough."""

    def test_1_rfc5213_5_3_1_the_second_pool_serves_when_the_first_is_empty_and_reserved_prefixes_stay(self):
        self.assertIsNone(self.asks("mn5", "mag1"))
        self.assertIsNone(self.asks("mn6", "mag2"))
        self.assertEqual([[FREE[0]], [FREE[1]]], [self.homes("mn5"), self.homes("mn6")])
        self.assertIn(str(NO_PREFIX_LEFT), self.asks("mn7", "mag3") or "")
        self.assertIn(str(NOT_THIS_PREFIX), self.asks("mn7", "mag3", "--hnp", RESERVED) or "")
        self.assertIsNone(self.asks("mn3", "mag3"))
        self.assertEqual([RESERVED], self.homes("mn3"))

    def test_2_rfc5213_5_3_5_within_min_delay_the_prefix_is_kept_for_who_comes_back(self):
        domain, since = self.domain, time.time()
        self.leaves("mn5", "mag1")
        self.assertEqual([("waiting-deletion", [FREE[0]])], [entry[:2] for entry in self.at_lma("mn5")])
        self.assertIn(str(NO_PREFIX_LEFT), self.asks("mn7", "mag3") or "")
        self.assertIn(str(NOT_THIS_PREFIX), self.asks("mn7", "mag3", "--hnp", FREE[0]) or "")
        self.assertIsNone(self.asks("mn5", "mag2", hi=HI_BETWEEN_MAGS))
        self.assertEqual([FREE[0]], self.homes("mn5"))
        last = [message for message in domain.signalling(since) if message.name == "PBA"][-1]
        self.assertEqual((0, [FREE[0]], ADDRESS["mag2"]), (last.status, last.prefixes(), last.destination))

    def test_3_rfc5213_5_3_5_after_min_delay_the_binding_is_gone_and_the_prefix_is_anybodys(self):
        since = time.time()
        self.leaves("mn5", "mag2")
        wait_for("the binding is deleted", lambda: not self.at_lma("mn5"), 4 * MIN_DELAY_S)
        self.assertGreaterEqual(time.time() - since, MIN_DELAY_S)
        self.said = f"kept for {time.time() - since:.1f} s"
        self.assertIsNone(self.asks("mn7", "mag3"))
        self.assertEqual([FREE[0]], self.homes("mn7"))
        self.assertIn(str(NO_PREFIX_LEFT), self.asks("mn5", "mag1") or "")

    def handoff_unknown(self, dialogue):
        """MN7 appears at MAG1 by another access technology, which does not know whether it has moved."""
        since, said = time.time(), []
        thread = threading.Thread(
            target=lambda: said.append(self.asks("mn7", "mag1", hi=HI_UNKNOWN, att=ATT_802_11)))
        thread.start()
        try:
            dialogue()
        finally:
            thread.join(30)
        pba = self.domain.expect_order(since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])
        return said[0], pba

    def test_4_rfc5213_5_4_1_2_within_max_delay_a_de_registration_makes_it_a_handover(self):
        awaited = "pmipv6.registration.awaited"
        before, since = self.domain.lma.stats()[awaited], time.time()

        def dialogue():
            wait_for("the LMA waits", lambda: self.domain.lma.stats()[awaited] > before, poll_s=0.02)
            self.leaves("mn7", "mag3")
        said, (pbu, pba) = self.handoff_unknown(dialogue)
        self.assertIsNone(said)
        self.assertEqual((0, [FREE[0]]), (pba.status, pba.prefixes()))
        self.assertEqual([("registered", [FREE[0]], str(ADDRESS["mag1"]))], self.at_lma("mn7"))
        order = [(m.name, m.lifetime == 0) for m in self.domain.signalling(since)
                 if m.name == "PBU" or m.destination == ADDRESS["mag1"]]
        self.assertLess(order.index(("PBU", True)), order.index(("PBA", False)), "only once the old MAG has let go")
        self.said = f"answered after {pba.time - pbu.time:.1f} s"

    def test_5_rfc5213_5_4_1_2_after_max_delay_it_is_a_session_of_its_own(self):
        self.leaves("mn6", "mag2")
        wait_for("a prefix is free", lambda: not self.at_lma("mn6"), 4 * MIN_DELAY_S)
        since = time.time()
        self.assertIsNone(self.asks("mn7", "mag2", hi=HI_UNKNOWN, att=ATT_802_3))
        pbu, pba = self.domain.expect_order(since, [("PBU", "mag2", "lma"), ("PBA", "lma", "mag2")])
        self.assertGreaterEqual(pba.time - pbu.time, MAX_DELAY_S)
        self.assertEqual((0, [FREE[1]]), (pba.status, pba.prefixes()))
        self.assertEqual({(str(ADDRESS["mag1"]), FREE[0]), (str(ADDRESS["mag2"]), FREE[1])}, {
            (proxy_coa, homes[0]) for _, homes, proxy_coa in self.at_lma("mn7")})
        self.said = f"answered after {pba.time - pbu.time:.1f} s"
