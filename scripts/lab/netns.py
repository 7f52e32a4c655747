"""Network namespaces, veth pairs and bridges; and sockets inside a namespace."""

import contextlib
import ctypes
import json
import os

from .shell import run

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def add(name):
    """Makes a namespace with its loopback up."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def delete(name):
    """Deletes a namespace and with it every interface inside."""
    run("ip", "netns", "del", name, check=False)


def names(prefix):
    """Namespaces whose names start with `prefix`."""
    listed = json.loads(run("ip", "-j", "netns", "list").stdout or "[]")
    return [entry["name"] for entry in listed if entry["name"].startswith(prefix)]


def pids(name):
    """Processes that run in a namespace."""
    return [int(pid) for pid in run("ip", "netns", "pids", name, check=False).stdout.split()]


def veth(left, left_name, right, right_name, mtu_bytes=1500):
    """Joins two namespaces by a veth pair, both ends up."""
    run("ip", "-n", left, "link", "add", left_name, "mtu", mtu_bytes, "type", "veth",
        "peer", "name", right_name, "mtu", mtu_bytes, "netns", right)
    for space, name in ((left, left_name), (right, right_name)):
        plain_frames(space, name)
        run("ip", "-n", space, "link", "set", name, "up")


def plain_frames(space, name):
    """No offloads: DPDK at the far end wants finished checksums and frames no larger than the MTU."""
    run("ip", "netns", "exec", space, "ethtool", "-K", name,
        "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")


def bridge(space, name):
    """A bridge that floods multicast and starts forwarding at once."""
    run("ip", "-n", space, "link", "add", name, "type", "bridge", "mcast_snooping", 0, "forward_delay", 0)
    silence(space, name)
    # Where the machine has br_netfilter, bridges would check and filter what they are to carry.
    run("ip", "netns", "exec", space, "sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=0", check=False)
    run("ip", "-n", space, "link", "set", name, "up")


def plug(space, name, bridge_name):
    """Plugs an interface into a bridge; the far end of its veth pair notices nothing."""
    run("ip", "-n", space, "link", "set", name, "master", bridge_name)


def unplug(space, name):
    """Takes an interface out of its bridge."""
    run("ip", "-n", space, "link", "set", name, "nomaster")


def silence(space, name):
    """The kernel speaks no IPv6 on an interface that DPDK or a bridge owns."""
    sysctl(space, f"net.ipv6.conf.{name}.disable_ipv6", 1)


def sysctl(space, key, value):
    """Sets a network sysctl inside a namespace."""
    run("ip", "netns", "exec", space, "sysctl", "-qw", f"{key}={value}")


@contextlib.contextmanager
def inside(space):
    """The calling thread is in the namespace; sockets opened there stay there."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        _setns(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)
        os.close(there)


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
