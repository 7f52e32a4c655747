"""The demo's story as a test: a whole domain, from the first attachment to the expiry of an idle path."""

import json

from e2e.case import WithDomain, binaries
from lab import mh
from lab.shell import run
from lab.steps import Story

ALL_RO = set(mh.RO_TYPES)


class TheStory(WithDomain):
    """The steps go in order; each stands on the ones before."""

    adjust = staticmethod(Story.before_localizing)
    attached = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.story = Story(cls.domain)

    def test_attach_registers_and_slaac_gives_address_and_router(self):
        self.tell(self.story.attach())

    def test_l_1_without_a_path_every_packet_goes_through_the_lma(self):
        self.tell(self.story.through_the_anchor())

    def test_ls_1_l_3_l_32_l_33_l_34_one_lma_sets_up_a_path(self):
        self.tell(self.story.localize())

    def test_the_direct_path_is_one_hop_shorter(self):
        self.tell(self.story.after())

    def test_ls_3_l_47_l_48_l_49_l_50_l_51_handover_keeps_the_path_direct(self):
        self.tell(self.story.handover())

    def test_ls_7_l_42_l_43_l_46_traffic_keeps_the_path_by_refresh(self):
        self.tell(self.story.refresh())

    def test_ls_7_l_7_l_9_l_45_an_idle_path_expires_everywhere_without_loss(self):
        self.tell(self.story.expire())


class TheWire(WithDomain):
    """What a path's set-up looks like to who reads the captures."""

    def test_l_32_the_first_packet_triggers(self):
        since = 0.0
        self.domain.mn1.ping(self.there, 3)
        messages = self.domain.expect_order(since, [("RO Init", "lma", "mag2"), ("RO Init Ack", "mag2", "lma")])
        self.said = f"RO Init Ack {1000 * (messages[1].time - messages[0].time):.1f} ms after RO Init"

    def test_l_2_no_mobility_header_on_the_access_links(self):
        for mn in ("mn1", "mn2"):
            self.assertEqual([], self.domain.captures[mn].messages())

    def test_l_16_l_37_one_lma_needs_no_trigger(self):
        kinds = {message.type for message in self.domain.signalling()}
        self.assertEqual(set(), kinds & {mh.RO_TRIGGER, mh.RO_TRIGGER_ACK})

    def test_l_18_to_l_28_every_message_is_well_formed(self):
        messages = self.domain.signalling()
        self.assertLessEqual({mh.PBU, mh.PBA, mh.RO_INIT, mh.RO_SETUP, mh.RO_SETUP_ACK, mh.RO_INIT_ACK},
                             {message.type for message in messages})
        for message in messages:
            with self.subTest(message=message.name):
                self.assertTrue(message.checksum_good)
                self.assertEqual(59, message.octets[0])
                self.assertEqual(0, len(message.octets) % 8)
                self.assertEqual(len(message.octets) // 8 - 1, message.octets[1])
                self.assertEqual([], message.misaligned())
                if message.type in ALL_RO:
                    self.assertEqual([self.one, self.two], message.prefixes())
                    self.assertGreater(message.lifetime, 0)
                    has_mag = message.type in (mh.RO_INIT, mh.RO_SETUP)
                    self.assertEqual(has_mag, message.mag_address() is not None)

    def test_l_19_l_21_one_ack_per_request(self):
        messages = self.domain.signalling()
        for request, ack in ((mh.RO_INIT, mh.RO_INIT_ACK), (mh.RO_SETUP, mh.RO_SETUP_ACK), (mh.PBU, mh.PBA)):
            asked = sorted(message.sequence for message in messages if message.type == request)
            answered = sorted(message.sequence for message in messages if message.type == ack)
            self.assertEqual(asked, answered)

    def test_l_33_both_directions_are_direct(self):
        for mag in ("mag1", "mag2"):
            capture = self.domain.capture_user(mag, "both-ways")
            self.domain.mn1.ping(self.there, 20)
            outers = {(str(p.source), str(p.destination)) for p in capture.packets()}
            capture.stop()
            self.assertEqual({("2001:db8:f::11", "2001:db8:f::12"), ("2001:db8:f::12", "2001:db8:f::11")}, outers)

    def test_crowflyctl_decodes_what_the_nodes_sent(self):
        path = self.domain.captures["mag2"].path
        seen = [message.type for message in self.domain.captures["mag2"].messages()]
        done = run(binaries() / "crowflyctl", "decode", "--json", path)
        packets = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([], [packet["problems"] for packet in packets if packet["problems"]])
        self.assertEqual(len(seen), len(packets))

    def test_sigterm_ends_every_node_with_status_0(self):
        for name, node in self.domain.nodes.items():
            with self.subTest(node=name):
                self.assertEqual(0, node.stop())
