"""`crowflyctl decode` needs no node: it reads what the lab builds, and says what is wrong with bad packets."""

import json
import unittest

from e2e import malformed
from e2e.case import binaries
from lab import mh
from lab.inject import ipv6
from lab.shell import run

SOURCE, TARGET = "2001:db8:f::11", "2001:db8:f::12"


def decode(octets, *words):
    """Exit status and what was printed."""
    done = run(binaries() / "crowflyctl", "decode", *words, octets.hex(), check=False)
    return done.returncode, done.stdout, done.stderr


class Decode(unittest.TestCase):
    """The lab's encoder and the node's decoder were written apart."""

    def test_whole_messages_have_no_problem(self):
        for name, octets in malformed.good_messages():
            with self.subTest(message=name):
                status, text, _ = decode(malformed.packet(SOURCE, TARGET, octets), "--json")
                self.assertEqual((0, []), (status, json.loads(text)["problems"]))

    def test_cut_messages_have_one(self):
        for name, octets in malformed.good_messages():
            for length in (1, 5, 8, len(octets) - 8, len(octets) - 1):
                with self.subTest(message=name, length=length):
                    status, _, said = decode(malformed.packet(SOURCE, TARGET, octets[:length]), "--json")
                    self.assertEqual(1, status, said)

    def test_a_wrong_checksum_is_named(self):
        _, octets = next(malformed.good_messages())
        sealed = bytearray(mh.sealed(SOURCE, TARGET, octets))
        sealed[4] ^= 1
        status, text, _ = decode(ipv6(SOURCE, TARGET, 135, bytes(sealed)))
        self.assertEqual(1, status)
        self.assertIn("hecksum", text)

    def test_what_is_no_packet_is_bad_usage(self):
        self.assertEqual(2, run(binaries() / "crowflyctl", "decode", "xyz", check=False).returncode)
