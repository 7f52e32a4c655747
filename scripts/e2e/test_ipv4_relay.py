"""IPv4 home addresses by way of a DHCP relay agent: the LMA leaves the S flag out, and a stock server stands on the
transport network (RFC 5844 section 3.4.2). Scapy reads the frames between MAG and server.
"""

import ipaddress
import subprocess
import time

from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from e2e.ipv4 import last
from e2e.ipv4_homes import FIXED_MAC, POOL, ROUTER, TUNNEL_MTU_BYTES, WithIpv4, ipv4_pool
from e2e.test_ipv4 import HOST_SIDE, host_frames, told
from lab import netns
from lab.capture import Capture, spawn
from lab.domain import HI_BETWEEN_MAGS, ONLY_IPV4
from lab.mh import IPV4_DHCP_MODE
from lab.shell import wait_for

TRANSPORT = ipaddress.IPv4Network("198.51.100.0/24")
SERVER = TRANSPORT[67]
FOREIGN = POOL[25443]  # 10.1.99.99, which the LMA gives to nobody here
RENEW_S = 8
SERVER_SIDE = "dhcp0"


def giaddr(name):
    """A MAG's address on the transport network."""
    return TRANSPORT[last(name)]


def relayed(name, config):
    """The LMA's MNs are served by way of relay agents."""
    ipv4_pool(name, config)
    if name == "lma":
        config["lma"]["dhcp_mode"] = "relay"
    if name.startswith("mag"):
        core = next(port for port in config["ports"] if port["name"] == "core")
        core["addresses"].append(f"{giaddr(name)}/{TRANSPORT.prefixlen}")
        config["mag"]["dhcp_servers"] = [str(SERVER)]


class Relayed(WithIpv4):
    """A host that its server serves as its binding says, and one that the server would give another address; the
    tests go in order."""

    adjust = staticmethod(relayed)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.since = time.time()
        domain = cls.domain
        cls.radio = Capture(cls.lab, domain.radio, "mn1", "relayed-host", HOST_SIDE)
        cls.core = {name: Capture(cls.lab, domain.core, name, f"{name}-relayed", "udp port 67")
                    for name in ("mag1", "mag2", "mag3")}
        cls.start_server()

    @classmethod
    def start_server(cls):
        """dnsmasq beside the Internet side, with a leg in the core; MN2 is to have an address of its own there."""
        domain, inet = cls.domain, cls.domain.inet
        netns.veth(inet.space, SERVER_SIDE, domain.core, "dhcp")
        netns.silence(domain.core, "dhcp")
        netns.silence(inet.space, SERVER_SIDE)
        netns.plug(domain.core, "dhcp", "br0")
        inet.execute("ip", "addr", "add", f"{SERVER}/{TRANSPORT.prefixlen}", "dev", SERVER_SIDE)
        state = cls.lab.state
        words = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=",
                 "--log-dhcp", "--log-facility=-", "--no-ping", f"--dhcp-leasefile={state / 'dnsmasq.leases'}",
                 f"--dhcp-range={POOL[2]},{POOL[-2]},{POOL.netmask},120", f"--dhcp-option=option:router,{ROUTER}",
                 f"--dhcp-option=option:mtu,{TUNNEL_MTU_BYTES}", f"--dhcp-option=option:T1,{RENEW_S}",
                 f"--dhcp-host={domain.mn2.mac()},{FOREIGN}"]
        log = state / "dnsmasq.log"
        with log.open("w", encoding="utf-8") as out:
            spawn(cls.lab, ["ip", "netns", "exec", inet.space, "dnsmasq", *words], stdout=out,
                  stderr=subprocess.STDOUT)
        wait_for("dnsmasq is there", lambda: "started" in log.read_text())

    def relayed_frames(self, name):
        """What went between a MAG and the server."""
        return [frame for frame in host_frames(self.core[name]) if told(frame)]

    def test_rfc5844_a_stock_client_gets_its_address_from_a_stock_server(self):
        domain, cls = self.domain, type(self)
        address, router = self.attach_ipv4(domain.mn1, domain.mag1)
        cls.one = address.ip
        pba = domain.expect_order(self.since, [("PBU", "mag1", "lma"), ("PBA", "lma", "mag1")])[1]
        self.assertEqual([bytes(2)], pba.option(IPV4_DHCP_MODE))
        binding, = domain.mag1.bindings()
        self.assertEqual((f"{address.ip}/32", POOL, ROUTER, TUNNEL_MTU_BYTES),
                         (binding["ipv4_hoa"], address.network, router, domain.mn1.mtu_bytes()))
        self.said = f"{address} by {router}"

    def test_rfc5844_rfc3046_server_and_mag_speak_directly_about_the_bindings_address(self):
        wait_for("four messages", lambda: len(self.relayed_frames("mag1")) >= 4, 10, 0.2)
        frames, here = self.relayed_frames("mag1")[:4], str(giaddr("mag1"))
        self.assertEqual([1, 2, 3, 5], [told(frame)["message-type"] for frame in frames])
        there = [(here, str(SERVER), 67, 67), (str(SERVER), here, 67, 67)] * 2
        self.assertEqual(there, [(frame[IP].src, frame[IP].dst, frame[UDP].sport, frame[UDP].dport)
                                 for frame in frames])
        self.assertEqual({here}, {frame[BOOTP].giaddr for frame in frames})
        self.assertEqual([1, 1], [frame[BOOTP].hops for frame in frames[::2]])
        self.assertEqual(str(self.one), told(frames[0])["requested_addr"])
        # Remote ID, link selection, server identifier override.
        agent = bytes([82, 18, 2, 4]) + self.one.packed + bytes([5, 4]) + POOL[0].packed + bytes(
            [11, 4]) + ROUTER.packed
        for frame in frames:
            self.assertIn(agent, bytes(frame))
        answers = [frame for frame in host_frames(self.radio) if told(frame) and frame[UDP].dport == 68]
        self.assertEqual({(FIXED_MAC, str(ROUTER), str(ROUTER))},
                         {(frame.src, frame[IP].src, told(frame)["server_id"]) for frame in answers})
        for frame in answers:
            self.assertNotIn(agent[:4], bytes(frame))

    def test_rfc5844_an_offer_of_a_foreign_address_is_a_counted_drop(self):
        domain, mag = self.domain, self.domain.mag2
        domain.attach(domain.mn2, mag, more=ONLY_IPV4)
        client = domain.mn2.start_dhcp()
        wait_for("dropped offers", lambda: mag.stats()["net.drop.dhcp-foreign-offer"] > 1, 30, 0.2)
        client.terminate()
        client.wait(5)
        offers = [frame for frame in self.relayed_frames("mag2") if told(frame)["message-type"] == 2]
        self.assertEqual({str(FOREIGN)}, {frame[BOOTP].yiaddr for frame in offers})
        self.assertEqual(([], 0), (domain.mn2.ipv4_addresses(), mag.stats()["net.tx.dhcp-offer"]))
        self.said = f"{len(offers)} offers of {FOREIGN}"

    def test_rfc5844_the_lease_is_renewed_by_way_of_another_mag(self):
        domain, since = self.domain, time.time()
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS, ONLY_IPV4)
        domain.detach_moved(domain.mn1, domain.mag1)
        wait_for("a renewal at MAG3", lambda: domain.mag3.stats()["net.tx.dhcp-ack"] > 0, 6 * RENEW_S, 0.2)
        wait_for("its frames", lambda: len(self.relayed_frames("mag3")) > 1, 5, 0.2)
        asked, said = self.relayed_frames("mag3")[:2]
        self.assertEqual(([3, 5], str(self.one)), (
            [told(frame)["message-type"] for frame in (asked, said)], asked[BOOTP].ciaddr))
        self.assertEqual((str(giaddr("mag3")), str(self.one)), (said[BOOTP].giaddr, said[BOOTP].yiaddr))
        self.assertEqual([self.one], [address.ip for address in domain.mn1.ipv4_addresses()])
        self.said = f"after {time.time() - since:.0f} s"
