# SPDX-License-Identifier: Apache-2.0
"""``ip route get`` without ip: RTM_GETROUTE (rtnetlink(7)) by the thousand."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import ip_address

from lbd.kernel.policy import Flow
from lbd.kernel.rtnl.wire import attribute, u8, u32

RTM_GETROUTE = 26
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
DST, SRC, IIF, OIF, GATEWAY, TABLE, MARK, VIA, IP_PROTO, SPORT, DPORT = 1, 2, 3, 4, 5, 15, 16, 18, 27, 28, 29
KINDS = {1: "unicast", 2: "local"}
ERRORS = {
    errno.EINVAL: "blackhole",
    errno.EACCES: "prohibit",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "none",
}


class Questions:
    """To the network namespace in which it is made."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._index = {name: index for index, name in socket.if_nameindex()}

    def close(self) -> None:
        self._sock.close()

    def ask(self, flow: Flow) -> tuple[str, int, str]:
        """Kind, ifindex of the way out, gateway (empty: on the link)."""
        target = ip_address(flow.destination)
        family = socket.AF_INET if target.version == 4 else socket.AF_INET6
        bits = 8 * len(target.packed)
        parts = [attribute(DST, target.packed), attribute(SRC, ip_address(flow.source).packed)]
        if flow.iif != "lo":
            parts.append(u32(IIF, self._index[flow.iif]))
        if flow.oif:
            parts.append(u32(OIF, self._index[flow.oif]))
        if flow.mark:
            parts.append(u32(MARK, flow.mark))
        if flow.protocol:
            parts.append(u8(IP_PROTO, flow.protocol))
            parts += [
                attribute(k, struct.pack("!H", v)) for k, v in ((SPORT, flow.sport), (DPORT, flow.dport))
            ]
        body = struct.pack("=BBBBBBBBI", family, bits, bits, 0, 0, 0, 0, 0, 0) + b"".join(parts)
        self._sock.send(struct.pack("=IHHII", 16 + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0) + body)
        return self._answer(self._sock.recv(65536))

    def _answer(self, data: bytes) -> tuple[str, int, str]:
        (kind,) = struct.unpack_from("=H", data, 4)
        if kind == NLMSG_ERROR:
            (code,) = struct.unpack_from("=i", data, 16)
            return ERRORS[-code], 0, ""
        oif, gateway, at = 0, "", 28
        while at + 4 <= len(data):
            length, what = struct.unpack_from("=HH", data, at)
            value = data[at + 4 : at + length]
            if what == OIF:
                (oif,) = struct.unpack("=I", value)
            elif what == GATEWAY:
                gateway = str(ip_address(value))
            elif what == VIA:
                gateway = str(ip_address(value[2:]))
            at += (length + 3) & ~3
        return KINDS[data[16 + 7]], oif, gateway
