"""Octets from host to host by the kernels' own TCP and UDP, compared at the other end."""

import hashlib
import os
import socket
import threading

from . import netns
from .shell import Failure

# Linux: the path MTU of a connected socket (ip(7), ipv6(7)).
IP_MTU, IPV6_MTU = 14, 24
CHUNK_BYTES = 65_536


def _family(address):
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _socket(host, address, kind):
    """A socket on a host, of the address's family."""
    with netns.inside(host.space):
        return socket.socket(_family(address), kind)


def path_mtu(connected):
    """What the kernel knows of the way to a connected socket's peer, octets."""
    if connected.family == socket.AF_INET:
        return connected.getsockopt(socket.IPPROTO_IP, IP_MTU)
    return connected.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU)


def known_mtu(host, address, port=9):
    """The same, of the way from a host to an address."""
    with _socket(host, address, socket.SOCK_DGRAM) as asking:
        asking.connect((str(address), port))
        return path_mtu(asking)


def _send(connection, octets):
    connection.sendall(octets)


def _receive(connection, count):
    digest, left = hashlib.sha256(), count
    while left:
        found = connection.recv(min(left, CHUNK_BYTES))
        if not found:
            raise Failure(f"the connection ended {left} octets early")
        digest.update(found)
        left -= len(found)
    return digest.digest()


def tcp(client, server, address, count, limit_s=20.0):
    """So many octets to a server and as many back, over one connection; returns the path MTUs that the two kernels
    have found, client's first. Raises Failure where something is late or other than it was."""
    forth, back = os.urandom(count), os.urandom(count)
    found, wrong = {}, []
    with _socket(server, address, socket.SOCK_STREAM) as listener:
        listener.bind((str(address), 0))
        listener.listen(1)
        listener.settimeout(limit_s)
        port = listener.getsockname()[1]

        def serve():
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(limit_s)
                    if _receive(connection, count) != hashlib.sha256(forth).digest():
                        wrong.append("what came is not what was sent")
                    _send(connection, back)
                    connection.recv(1)  # until the client has read all
                    found["server"] = path_mtu(connection)
            except (OSError, Failure) as error:
                wrong.append(f"{server.name}: {error}")

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        try:
            with _socket(client, address, socket.SOCK_STREAM) as connection:
                connection.settimeout(limit_s)
                connection.connect((str(address), port))
                _send(connection, forth)
                if _receive(connection, count) != hashlib.sha256(back).digest():
                    wrong.append("what came back is not what was sent")
                found["client"] = path_mtu(connection)
        except (OSError, Failure) as error:
            wrong.append(f"{client.name}: {error}")
        serving.join(limit_s)
    if wrong:
        raise Failure(f"TCP {client.name} to {address}: {'; '.join(wrong)}")
    return found["client"], found["server"]


def udp(client, server, address, count, octets, tries=8, wait_s=1.0):
    """So many datagrams of so many octets, each sent again until it comes, whole: fragments that are too big for
    the way teach the kernel first. Returns how many had to be sent."""
    sent = 0
    with _socket(server, address, socket.SOCK_DGRAM) as listener, \
            _socket(client, address, socket.SOCK_DGRAM) as sender:
        listener.bind((str(address), 0))
        listener.settimeout(wait_s)
        sender.connect((str(address), listener.getsockname()[1]))
        for number in range(count):
            datagram = number.to_bytes(4, "big") + os.urandom(octets - 4)
            for _ in range(tries):
                try:
                    sender.send(datagram)
                    sent += 1
                    if listener.recv(CHUNK_BYTES) == datagram:
                        break
                except OSError:  # EMSGSIZE, once an ICMP error has come; or nothing has
                    continue
            else:
                raise Failure(f"{octets} octets by UDP from {client.name} to {address}: not in {tries} times")
    return sent
