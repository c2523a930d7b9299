# SPDX-License-Identifier: Apache-2.0
"""What lbd costs while nothing comes, and how soon the first packet after idleness leaves.

The share of a core is of all of lbd's processes together. A passage is the time by the kernel's clock from a frame's
arrival at one port to its leaving by the other. The round trip is a client's, and its baseline nftables DNAT in turns:
both include how soon client and server wake.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rounds import show
from benchmarks.wires import ECHO, Way, Wires
from tests.smoke.namespace import Namespace

WATCHED = 3.0
"""Seconds of idleness."""
PACKETS = 100
PAUSE = 0.03
"""Seconds between two packets: far longer than a worker goes on looking before it sleeps."""
TICKS = 100
"""Of the kernel's clock of processes, per second."""
ETH_P_ALL, PACKET_OUTGOING = 3, 4
IPV4_UDP, IPV6_UDP = (b"\x08\0", socket.IPPROTO_UDP), (b"\x86\xdd", socket.IPPROTO_UDP)
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35


def spent(wires: Wires) -> float:
    """Seconds of processor time of lbd and all that it started."""
    total = 0
    for pid in wires.ways["lbd"].host.pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def idle_share(wires: Wires) -> float:
    """Percent of a core."""
    before, began = spent(wires), time.monotonic()
    time.sleep(WATCHED)
    return 100 * (spent(wires) - before) / (time.monotonic() - began)


def asker(wires: Wires, way: Way) -> socket.socket:
    with wires.client.entered():
        sock = socket.socket(socket.AF_INET if wires.family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sock.settimeout(2)
    sock.connect((way.vip, ECHO))
    sock.send(b"first")
    sock.recv(64)
    return sock


def round_trips(socks: list[socket.socket]) -> list[list[float]]:
    """Microseconds, of each of them in turns."""
    results: list[list[float]] = [[] for _ in socks]
    for _ in range(PACKETS):
        for sock, result in zip(socks, results, strict=True):
            time.sleep(PAUSE)
            began = time.perf_counter()
            sock.send(b"question")
            sock.recv(64)
            result.append((time.perf_counter() - began) * 1e6)
    return results


class Watch:
    """Both ends of lbd, looked at by sockets that nobody waits on, so that looking wakes nobody."""

    def __init__(self, host: Namespace) -> None:
        self._ends = {}
        for name in ("front", "back"):
            with host.entered():
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sock.bind((name, ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self._ends[name] = sock

    def seen(self) -> list[tuple[int, str, bool]]:
        """(nanoseconds, end, whether it left there) of every short UDP frame, in order."""
        frames = []
        for name, sock in self._ends.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    data, notes, _, address = sock.recvmsg(2048, 64, socket.MSG_DONTWAIT)
                    seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                    if (data[12:14], data[23]) == IPV4_UDP or (data[12:14], data[20]) == IPV6_UDP:
                        frames.append((seconds * 10**9 + nanoseconds, name, address[2] == PACKET_OUTGOING))
            sock.close()
        return sorted(frames)


def passages(seen: list[tuple[int, str, bool]]) -> Iterator[float]:
    """Microseconds from a frame's arrival at one end to its leaving by the other."""
    for (came, first, out), (left, last, out_too) in itertools.pairwise(seen):
        if (out, out_too) == (False, True) and first != last:
            yield (left - came) / 1e3


def main() -> None:
    with Wires(plain=False) as wires:
        show("idle/processor", "% of a core", [idle_share(wires)])
        lbd, nftables = (asker(wires, wires.ways[name]) for name in ("lbd", "nftables"))
        with lbd, nftables:
            watch = Watch(wires.ways["lbd"].host)
            ours, kernel = round_trips([lbd, nftables])
            through = list(passages(watch.seen()))
    show("idle/round-trip", "µs", ours, kernel)
    show("idle/passage", "µs", through, p99=round(statistics.quantiles(through, n=100)[98], 1))


if __name__ == "__main__":
    main()
