"""A NAT that gives a MAG another port while it registers: the answer is lost on the way to the old one, and the MAG
ends up registered by the new one (RFC 5555 section 4.3; L-65, L-66, LS-11)."""

import signal
import threading
import time

from e2e.ipv4 import KEEPALIVE_S, NAT_PORT, NAT_PORTS, OUTSIDE, SIGNALLING, Nat, WithIpv4, active, leg, over_ipv4
from lab.domain import HI_NEW
from lab.inject import mac_of
from lab.shell import wait_for

LMA_HELD_S = 0.3


class MovesWhileRegistering(WithIpv4):
    """MAG2 does not know of the NAT and begins in UDP port 5436."""

    begins_in = SIGNALLING

    @staticmethod
    def adjust(name, config):
        """MAG2 has a private address."""
        over_ipv4(name, config, behind=("mag2",), nat_keepalive_s=KEEPALIVE_S)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nat = Nat(cls.lab, cls.domain, "mag2")
        # An LMA that is held answers no ARP.
        mac = mac_of(cls.domain.lma.space, "core0")
        cls.nat.ip("neigh", "replace", leg("lma", "mag2"), "lladdr", mac, "dev", "out", "nud", "permanent")
        cls.watch()
        cls.domain.attach(cls.domain.mn1, cls.domain.mag1)
        cls.domain.mn1.slaac()

    def pbus(self, since, port):
        """PBUs of MAG2 by a port, as the LMA's link sees them."""
        return [message for message in self.signals("lma", since) if message.name == "PBU"
                and message.source[0] in OUTSIDE.values() and message.port == port]

    def test_1_l_65_ls_11_the_answer_that_goes_to_the_old_port_is_repeated_to_the_new_one(self):
        domain, since, failed = self.domain, time.time(), []

        def attach():
            try:
                domain.attach(domain.mn2, domain.mag2, HI_NEW)
            except Exception as error:  # for this thread's owner
                failed.append(error)
        registering = threading.Thread(target=attach)
        domain.lma.process.send_signal(signal.SIGSTOP)
        try:
            registering.start()
            wait_for("a PBU at the LMA", lambda: self.pbus(since, self.begins_in), 10)
            time.sleep(LMA_HELD_S)
            self.nat.forget()
        finally:
            domain.lma.process.send_signal(signal.SIGCONT)
        registering.join(30)
        self.assertEqual([], failed)
        ports = [message.source[1] for message in self.pbus(since, self.begins_in)]
        self.assertGreater(len(set(ports)), 1, "the NAT has not moved")
        self.assertLessEqual(set(ports), set(NAT_PORTS))
        self.assertEqual(["mn1@lab.example", "mn2@lab.example"], sorted(b["mn_id"] for b in domain.lma.bindings()))
        self.said = f"ports {ports}"

    def test_2_l_65_l_66_ls_11_packets_find_the_new_port_and_a_path_comes_up(self):
        domain, cls = self.domain, type(self)
        domain.mn2.slaac()
        cls.here, cls.one = domain.home(domain.mn1)
        cls.there, cls.two = domain.home(domain.mn2)
        self.pings(1)
        active(domain.mag1)
        active(domain.mag2)
        since = self.pings()
        self.assertEqual([], self.users("lma", since))

    def test_3_l_65_the_registration_is_kept_by_the_new_port(self):
        since = time.time()
        time.sleep(2 * KEEPALIVE_S)
        kept = self.pbus(since, NAT_PORT)
        self.assertGreaterEqual(len(kept), 2)
        self.assertEqual(1, len({message.source for message in kept}))
        answers = [message for message in self.signals("lma", since) if message.name == "PBA"
                   and message.destination == kept[0].source]
        self.assertEqual({0}, {message.octets[6] for message in answers})


class MovesWhileRegisteringBy4191(MovesWhileRegistering):
    """MAG2 knows of the NAT and begins in UDP port 4191."""

    begins_in = NAT_PORT

    @staticmethod
    def adjust(name, config):
        """MAG2 says that it is hidden."""
        over_ipv4(name, config, behind=("mag2",), nat_keepalive_s=KEEPALIVE_S, behind_nat=name == "mag2")

    test_1_l_65_ls_11_by_4191_too = (
        MovesWhileRegistering.test_1_l_65_ls_11_the_answer_that_goes_to_the_old_port_is_repeated_to_the_new_one)
    test_2_l_65_l_66_ls_11_packets_find_the_new_port = (
        MovesWhileRegistering.test_2_l_65_l_66_ls_11_packets_find_the_new_port_and_a_path_comes_up)
    test_3_l_65_kept_by_the_new_port = MovesWhileRegistering.test_3_l_65_the_registration_is_kept_by_the_new_port
