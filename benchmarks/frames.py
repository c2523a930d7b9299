# SPDX-License-Identifier: Apache-2.0
"""The frames of the benchmarks, and the addresses in them: short packets of a client to a virtual service.

client 10.64.0.0 + flow, port 4000    VIP 10.7.0.0 and on    local 10.8.0.0/16    real servers 10.6.0.0/16
client fd64:: + flow                  VIP fd07:: and on     local fd08::/64      real servers fd06::/64
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

OURS = bytes.fromhex("020000000001")
GATEWAY = bytes.fromhex("020000000009")
SYN, ACK, PUSH, FIN, RST = 2, 16, 8, 1, 4
PROTOCOLS = {"udp": 17, "tcp": 6}
PAYLOAD = bytes(10)
CLIENT_PORT = 4000


class Net(NamedTuple):
    """The addresses of one family; a number is added to the last of each."""

    client: str
    vip: str
    local: str
    real: str
    gateway: str
    everywhere: str


NETS = {
    4: Net("10.64.0.0", "10.7.0.0", "10.8.0.1", "10.6.0.1", "10.9.9.9", "0.0.0.0"),
    6: Net("fd64::", "fd07::", "fd08::1", "fd06::1", "fd09::9", "::"),
}


def plus(address: str, n: int) -> str:
    return str(ip_address(address) + n)


def ones(data: bytes) -> int:
    """The Internet checksum (RFC 1071), complemented."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(pseudo: bytes, protocol: str, port: int, flags: int) -> bytes:
    ports = CLIENT_PORT.to_bytes(2, "big") + port.to_bytes(2, "big")
    if protocol == "udp":
        head, tail = ports + (8 + len(PAYLOAD)).to_bytes(2, "big"), PAYLOAD
    else:
        head, tail = ports + bytes(8) + bytes([0x50, flags]) + b"\x20\x00", b"\0\0" + PAYLOAD
    length = len(head) + 2 + len(tail)
    pseudo += bytes([0, PROTOCOLS[protocol]]) + length.to_bytes(2, "big")
    return head + ones(pseudo + head + tail).to_bytes(2, "big") + tail


def frame(
    family: int, protocol: str, flags: int = 0, service: int = 0, port: int = 53, flow: int = 0
) -> bytes:
    """Flow 0 to service 0 unless told: Ethernet, IP, and 10 bytes of payload, padded to 60 bytes."""
    net = NETS[family]
    src = ip_address(plus(net.client, flow)).packed
    dst = ip_address(plus(net.vip, service)).packed
    l4 = segment(src + dst, protocol, port, flags)
    if family == 4:
        ip = (
            bytes([0x45, 0])
            + (20 + len(l4)).to_bytes(2, "big")
            + bytes([0, 0, 0x40, 0, 64, PROTOCOLS[protocol]])
        )
        ip += ones(ip + src + dst).to_bytes(2, "big") + src + dst
    else:
        ip = (
            bytes([0x60, 0, 0, 0]) + len(l4).to_bytes(2, "big") + bytes([PROTOCOLS[protocol], 64]) + src + dst
        )
    ether = OURS + GATEWAY + (b"\x08\x00" if family == 4 else b"\x86\xdd")
    return (ether + ip + l4).ljust(60, b"\0")
