"""A MAG whose workers have no tunnel left: the path is refused, and the packets take the anchor's way."""

import time

from e2e.case import WithDomain
from lab.domain import HI_BETWEEN_MAGS
from lab.shell import wait_for
from lab.steps import live_paths, user_packets


def one_peer(name, config):
    """MAG1 has tunnels for its LMA and one MAG."""
    if name == "mag1":
        config.setdefault("limits", {})["max_peers"] = 1


class NoRoom(WithDomain):
    """The path has to follow MN2 to a second MAG, and MAG1 has no tunnel for it."""

    adjust = staticmethod(one_peer)

    def test_l_35_a_path_without_room_is_refused_with_status_130(self):
        domain = self.domain
        domain.mn1.ping(self.there, 5)
        wait_for("a path", lambda: len(domain.paths_anywhere()) >= 3)
        since = time.time()
        domain.unplug_core("mag2")  # or it may have told MAG1 before MAG3 asks that the tunnel to it is free
        domain.attach(domain.mn2, domain.mag3, HI_BETWEEN_MAGS)
        found = domain.expect_order(since, [
            ("RO Init", "lma", "mag3"), ("RO Setup", "mag3", "mag1"), ("RO Setup Ack", "mag1", "mag3"),
            ("RO Init Ack", "mag3", "lma")])
        domain.plug_core("mag2")
        self.assertEqual([130, 132], [message.status for message in found[2:]])
        domain.detach(domain.mn2, domain.mag2)
        wait_for("nobody believes in a path", lambda: not [
            path for name in ("mag1", "mag3") for path in live_paths(domain.nodes[name])
            if path["state"] == "active"], 5)
        alarms = " ".join(domain.mag1.call("status")["alarms"])
        self.assertIn("tunnels are in use", alarms)
        path = domain.mag1.call("path.show", source=str(self.one), destination=str(self.two))
        self.assertIn("table full", path["why"])
        before = user_packets(domain.lma)
        result = domain.mn1.ping(self.there, 20)
        self.assertEqual(0, result.lost)
        self.assertGreaterEqual(user_packets(domain.lma) - before, 20)
        self.said = path["why"]
