#!/usr/bin/env python3
"""Makes vectors.json: ESP packets by scapy, an implementation that knows nothing of ours.

    /usr/bin/python3 make_vectors.py > vectors.json

Scapy 2.5 with python3-cryptography. What scapy leaves out, the high half of extended sequence numbers with
HMAC (RFC 4303 section 2.2.1), is computed here by hashlib and cryptography alone. Keys and IVs are counted
up, not random, so that the file comes out the same again.
"""

import hashlib
import hmac
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

SUITES = {
    # name: (scapy's cipher, octets of its key with salt, octets of IV, scapy's integrity)
    "aes-128-gcm-16": ("AES-GCM", 20, 8, None),
    "aes-256-gcm-16": ("AES-GCM", 36, 8, None),
    "aes-128-cbc-hmac-sha2-256-128": ("AES-CBC", 16, 16, "SHA2-256-128"),
    "aes-256-cbc-hmac-sha2-256-128": ("AES-CBC", 32, 16, "SHA2-256-128"),
    "null-hmac-sha2-256-128": ("NULL", 0, 0, "SHA2-256-128"),
}
# Mobility Headers as far as ESP looks: Payload Proto 59, length, type, and something behind.
MESSAGES = [
    bytes([59, 1, 5, 0, 0xAB, 0xCD]) + bytes(range(10)),
    bytes([59, 4, 242, 0, 0x12, 0x34]) + bytes(range(34)),
    bytes([59, 0, 13, 0, 1, 2, 3, 4]),
]
# The sequence numbers of the vectors: low halves that are on the wire, and their high halves.
SHORT, LONG = (1, 0x01020304, 0xFFFFFFFF), (1, (1 << 32), (7 << 32) + 5)
SPI, EPOCH = 0xC0DE0100, 0x00C0FFEE


def key_of(suite):
    """Keying material: cipher key and salt, then the integrity key."""
    _, cipher, _, integrity = SUITES[suite]
    return bytes((0x40 + i) & 0xFF for i in range(cipher)), bytes(range(0x80, 0xA0)) if integrity else b""


def iv_of(suite, sequence):
    """AES-GCM: epoch and sequence number as a sender of ours counts them; AES-CBC: anything."""
    length = SUITES[suite][2]
    if length == 8:
        return struct.pack("!Q", (EPOCH << 32) + sequence)
    return bytes((sequence + 3 * i) & 0xFF for i in range(length))


def by_scapy(suite, sequence, extended, packet):
    """The ESP packet from its SPI on."""
    cipher, _, _, integrity = SUITES[suite]
    cipher_key, integrity_key = key_of(suite)
    association = SecurityAssociation(
        ESP, spi=SPI, crypt_algo=cipher, crypt_key=cipher_key or None, auth_algo=integrity,
        auth_key=integrity_key or None, esn_en=extended, esn=sequence >> 32, seq_num=sequence & 0xFFFFFFFF)
    sealed = association.encrypt(packet, iv=iv_of(suite, sequence) or None)
    return bytes(sealed[ESP])


def by_hand(suite, sequence, next_header, payload):
    """AES-CBC or NULL with HMAC and extended sequence numbers, straight from RFC 4303."""
    cipher_key, integrity_key = key_of(suite)
    iv = iv_of(suite, sequence)
    align = 16 if cipher_key else 4
    padding = -(len(payload) + 2) % align
    inside = payload + bytes(range(1, padding + 1)) + bytes([padding, next_header])
    if cipher_key:
        encryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(iv)).encryptor()
        inside = encryptor.update(inside) + encryptor.finalize()
    covered = struct.pack("!II", SPI, sequence & 0xFFFFFFFF) + iv + inside
    high = struct.pack("!I", sequence >> 32)
    return covered + hmac.new(integrity_key, covered + high, hashlib.sha256).digest()[:16]


def packets():
    """(family, next header, payload, packet that scapy is to protect)."""
    for message in MESSAGES:
        yield "ipv6", 135, message, IPv6(src="2001:db8:f::11", dst="2001:db8:f::1", nh=135) / Raw(message)
    datagram = IP(src="192.0.2.11", dst="192.0.2.1") / UDP(sport=5436, dport=5436) / Raw(MESSAGES[0])
    datagram = IP(bytes(datagram))
    yield "ipv4", 17, bytes(datagram[UDP]), datagram


def vectors():
    """All of them."""
    for suite in SUITES:
        for extended, sequences in ((False, SHORT), (True, LONG)):
            for sequence, (family, next_header, payload, packet) in zip(sequences * 2, packets()):
                if extended and SUITES[suite][3]:
                    sealed = by_hand(suite, sequence, next_header, payload)
                else:
                    sealed = by_scapy(suite, sequence, extended, packet)
                yield {
                    "suite": suite, "family": family, "key": b"".join(key_of(suite)).hex(), "spi": SPI,
                    "extended": extended, "sequence": sequence, "epoch": EPOCH,
                    "iv": iv_of(suite, sequence).hex(), "next_header": next_header,
                    "payload": payload.hex(), "packet": sealed.hex(),
                }


if __name__ == "__main__":
    json.dump(list(vectors()), sys.stdout, indent=1)
    print()
