"""Nodes with several workers: each has its own queues and its own tables, and a promise stands on all of them."""

import socket
import time

from e2e.case import WithDomain
from lab import netns
from lab.domain import ADDRESS, HI_BETWEEN_MAGS
from lab.shell import wait_for
from lab.steps import live_paths, unaccounted, user_packets

WORKERS = 2
FLOWS = 48  # so many that the kernel's hash gives each queue some
ROUNDS = 10
FIRST_PORT = 20_000
PAUSE_S = 0.02  # between rounds: no receive ring fills


def lasting(_name, config):
    """Paths that outlive the tests."""
    config["localized_routing"]["lifetime_s"] = 3600


class TwoWorkers(WithDomain):
    """Every node has two workers; the tests go in order."""

    adjust = staticmethod(lasting)
    workers = WORKERS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sockets = {mn: cls.flows(mn) for mn in (cls.domain.mn1, cls.domain.mn2)}

    @classmethod
    def flows(cls, mn):
        """UDP sockets of an MN, one a flow."""
        made = []
        with netns.inside(mn.space):
            for number in range(FLOWS):
                made.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                cls.addClassCleanup(made[-1].close)
                made[-1].bind(("", FIRST_PORT + number))
                made[-1].setblocking(False)
        return made

    def talk(self, source, destination, to):
        """Sends datagrams in every flow; how many of each have come."""
        for _ in range(ROUNDS):
            for number, flow in enumerate(self.sockets[source]):
                flow.sendto(b"crowfly", (str(to), FIRST_PORT + number))
            time.sleep(PAUSE_S)
        got = [0] * FLOWS

        def all_came():
            for number, flow in enumerate(self.sockets[destination]):
                try:
                    while flow.recv(64):
                        got[number] += 1
                except BlockingIOError:
                    pass
            return got == [ROUNDS] * FLOWS
        wait_for(f"all from {source.name} at {destination.name}", all_came, 5)

    def direct(self, *mags):
        """Every flow, both ways: nothing lost, nothing at the LMA, and packets at every worker of these MAGs."""
        domain = self.domain
        before, of_workers = user_packets(domain.lma), [forwarded(mag) for mag in mags]
        self.talk(domain.mn1, domain.mn2, self.there)
        self.talk(domain.mn2, domain.mn1, self.here)
        self.assertEqual(0, user_packets(domain.lma) - before)
        told = []
        for mag, was in zip(mags, of_workers):
            each = [now - then for now, then in zip(forwarded(mag), was)]
            self.assertEqual(WORKERS, len([packets for packets in each if packets]), f"{mag.name}: {each}")
            self.assertGreaterEqual(sum(each), 2 * FLOWS * ROUNDS)
            told.append(f"{mag.name} {' + '.join(map(str, each))}")
        self.said = f"{2 * FLOWS * ROUNDS} packets of {FLOWS} flows, 0 lost, by worker: {', '.join(told)}"

    def caught_up(self):
        """Whether every worker of every node has applied every update."""
        workers = [node.call("status")["workers"] for node in self.domain.nodes.values()]
        return all(len({worker["applied"] for worker in each}) == 1 and not any(
            worker["update_backlog"] for worker in each) for each in workers)

    def test_1_ls_1_l_33_a_path_is_there_at_every_worker(self):
        domain = self.domain
        domain.mn1.ping(self.there, 3)
        for mag in (domain.mag1, domain.mag2):
            wait_for(f"the path at {mag.name}", lambda m=mag: [p["state"] for p in live_paths(m)] == ["active"])
        wait_for("every worker has applied everything", self.caught_up)
        self.direct(domain.mag1, domain.mag2)

    def test_2_ls_3_l_47_a_handover_holds_at_every_worker(self):
        domain = self.domain
        domain.attach(domain.mn1, domain.mag3, HI_BETWEEN_MAGS)
        domain.detach_moved(domain.mn1, domain.mag1)
        wait_for("MAG2 sends to MAG3", lambda: [
            (path["peer"], path["state"]) for path in live_paths(domain.mag2)] == [(str(ADDRESS["mag3"]), "active")])
        wait_for("MN1 answers", lambda: domain.mn2.ping(self.here, 2).lost == 0)
        self.direct(domain.mag2, domain.mag3)

    def test_3_ls_7_without_the_path_every_worker_goes_by_the_lma_again(self):
        domain = self.domain
        before = user_packets(domain.lma)
        domain.lma.call("path.remove", source=str(self.one), destination=str(self.two))
        wait_for("no path", lambda: not domain.paths_anywhere())
        self.talk(domain.mn1, domain.mn2, self.there)
        self.assertGreaterEqual(user_packets(domain.lma) - before, FLOWS * ROUNDS)

    def test_4_what_was_received_is_accounted_for(self):
        """By all workers together: forwarded, given to control, or dropped by name."""
        for name, node in self.domain.nodes.items():
            wait_for(f"{name}'s counters add up", lambda n=node: unaccounted(n.stats(), {}) == 0, 5)


def forwarded(mag):
    """Packets that each worker of a node has forwarded."""
    stats = mag.stats()
    lcores = [worker["lcore"] for worker in mag.call("status")["workers"]]
    return [stats[f"worker.{lcore}.forwarded.packets"] for lcore in lcores]
