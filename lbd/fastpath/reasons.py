# SPDX-License-Identifier: Apache-2.0
"""The names of the verdicts in ``reasons.pxd``, and what each tells the operator."""

from __future__ import annotations

MEANING: dict[str, str] = {
    "live": "still on its way (0 between bursts)",
    "tx": "left by a port",
    "waiting": "waits for a neighbour to be resolved",
    "handed": "given to the worker that owns it, which counts how it ends",
    "pass.not_ip": "neither IPv4 nor IPv6: the kernel's",
    "pass.not_for_us": "to another MAC address, or multicast: the kernel's",
    "pass.not_claimed": "no service, local address or NAT server: the kernel's",
    "punt.no_connection": "claimed, but of no connection and opens none: handed back to the kernel",
    "punt.local_server": "the chosen server is this machine: handed back to the kernel",
    "punt.fragment": "a fragment to a claimed address: handed back to the kernel",
    "drop.runt": "shorter than its headers",
    "drop.truncated": "the IP length is longer than what was received",
    "drop.bad_header": "IP version, header length or total length is impossible",
    "drop.bad_header_checksum": "the checksum of the IPv4 header is wrong",
    "drop.bad_icmp_checksum": "an ICMP error whose checksum is wrong",
    "drop.bad_tcp_header": "TCP data offset below 5 or beyond the packet",
    "drop.bad_udp_length": "UDP length below 8 or beyond the packet",
    "drop.bad_sctp_checksum": "the CRC32c of an SCTP packet to be translated is wrong",
    "drop.extension_headers": "more than 8 IPv6 extension headers, or one cut short",
    "drop.martian": "a new connection from an address that cannot be a source",
    "drop.no_server": "no real server of the service takes connections (weight 0, failed, or none)",
    "drop.no_local_port": "every port of every local address is in use",
    "drop.table_full": "the connection table is full",
    "drop.no_route": "the kernel's routes do not lead there",
    "drop.blackhole": "a blackhole, unreachable or prohibit route",
    "drop.ttl_exceeded": "TTL or hop limit ended here",
    "drop.too_big": "longer than the MTU of the way out and not to be fragmented",
    "drop.neighbour_unresolved": "the next hop did not answer ARP or ND in time",
    "drop.neighbour_queue_full": "too many packets wait for neighbours already",
    "drop.port_detached": "the interface of the way out is gone or down",
    "drop.no_source": "the interface of the way out has no address that a tunnel could begin at",
    "drop.no_buffer": "no packet buffer was free for a piece of a longer frame",
    "drop.tx_full": "the interface took no more packets",
    "drop.tx_refused": "the interface refused the frame",
    "drop.inbox_full": "the worker that owns it has too many packets from other workers waiting",
}

NAMES = tuple(MEANING)
