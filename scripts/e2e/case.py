"""What the test classes share: a domain that comes up before the first test and goes after the last."""

import os
import pathlib
import unittest

from lab.domain import NODES, Domain
from lab.run import Run

LIMIT_S = 400


def binaries():
    """Where crowfly and crowflyctl are."""
    return pathlib.Path(os.environ["CROWFLY_BINARIES"])


class WithLab(unittest.TestCase):
    """A run of the lab for the class; `said` appears beside the test's name."""

    said = ""

    @classmethod
    def setUpClass(cls):
        cls.lab = Run(LIMIT_S)
        cls.addClassCleanup(cls.lab.close)

    def tell(self, evidence):
        """Goes through a step of the story and keeps its figures."""
        self.said = "; ".join(f"{line.what}: {line.figure}" for line in evidence)


class WithDomain(WithLab):
    """A domain of the four nodes (or those of `nodes`), captures of the signalling running."""

    adjust = None
    nodes = NODES
    more_mns = ()
    workers = 1
    attached = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain = Domain(cls.lab, binaries(), cls.adjust, cls.nodes, cls.more_mns)
        for node in cls.domain.nodes.values():
            node.options = cls.options(node)
            node.workers = cls.workers
        cls.domain.start()
        cls.domain.capture_signalling()
        if cls.attached:
            cls.attach_both()

    @staticmethod
    def options(_node):
        """More of a node's command line, behind `--`."""
        return []

    @classmethod
    def attach_both(cls):
        """MN1 at MAG1, MN2 at MAG2, both with addresses."""
        domain = cls.domain
        for mn, mag in ((domain.mn1, domain.mag1), (domain.mn2, domain.mag2)):
            domain.attach(mn, mag)
        for mn in (domain.mn1, domain.mn2):
            mn.slaac()
        cls.here, cls.one = domain.home(domain.mn1)
        cls.there, cls.two = domain.home(domain.mn2)
