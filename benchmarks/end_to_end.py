# SPDX-License-Identifier: Apache-2.0
"""End to end between namespaces (``wires.py``): what a client sees through lbd, and through others in turns.

Each row is lbd beside one of the others: requests and connections per second, latency of a request (wrk, 32 at a
time), TCP throughput and short datagrams per second (iperf3). All share the processors, client and server included.
"""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.rounds import show
from benchmarks.wires import PERF, Way, Wires

ROUNDS = 4
SECONDS = 1
AT_A_TIME = 32
TRIES = 4
UNITS = {
    "requests": "requests/s",
    "p50": "ms",
    "p99": "ms",
    "connections": "connections/s",
    "throughput": "Gbit/s",
    "datagrams": "datagrams/s",
}
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}

Measured = dict[str, float]


def wrk(wires: Wires, way: Way, *options: str) -> str:
    """Raises RuntimeError where a request was not answered as it should be."""
    command = ["wrk", "-t1", f"-c{AT_A_TIME}", f"-d{SECONDS}s", *options, f"http://{way.at}:80/"]
    said = wires.client.run(*command)
    if found := re.search(r"Non-2xx.*|Socket errors: connect [1-9].*", said):
        raise RuntimeError(f"{way.name}: {found[0]}")
    return said


def number(said: str, pattern: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"{pattern!r} is not in: {said}")
    return float(found[1]) * (MILLISECONDS[found[2]] if found.lastindex == 2 else 1)


def requests(wires: Wires, way: Way) -> Measured:
    said = wrk(wires, way, "--latency")
    measured = {f"p{n}": number(said, rf"{n}%\s+([\d.]+)(us|ms|s)") for n in (50, 99)}
    return measured | {"requests": number(said, r"Requests/sec:\s+([\d.]+)")}


def connections(wires: Wires, way: Way) -> Measured:
    """Each request on a connection of its own."""
    said = wrk(wires, way, "-H", "Connection: close")
    return {"connections": number(said, r"Requests/sec:\s+([\d.]+)")}


def perf(wires: Wires, way: Way, *options: str) -> dict[str, float]:
    """A flood may drown iperf3's own conversation: then it is asked again. Raises RuntimeError in the end."""
    command = ["iperf3", "-J", "-c", way.vip, "-p", str(PERF), "-t", str(SECONDS), *options]
    said: dict[str, Any] = {}
    for _ in range(TRIES):
        said = json.loads(wires.client.run("sh", "-c", '"$@" || true', "iperf3", *command))
        received: dict[str, float] | None = said.get("end", {}).get("sum_received") or said.get(
            "end", {}
        ).get("sum")
        if received and "error" not in said:
            return received
        time.sleep(0.5)
    raise RuntimeError(f"iperf3 through {way.name}: {said.get('error', said)}")


def throughput(wires: Wires, way: Way) -> Measured:
    return {"throughput": perf(wires, way)["bits_per_second"] / 1e9}


def datagrams(wires: Wires, way: Way) -> Measured:
    """Of 16 bytes, as many as the client can send; those that arrived."""
    if way.name == "haproxy":
        return {}
    got = perf(wires, way, "-u", "-l", "16", "-b", "0")
    return {"datagrams": (got["packets"] - got["lost_packets"]) / got["seconds"]}


KINDS: tuple[Callable[[Wires, Way], Measured], ...] = (requests, connections, throughput, datagrams)


def measure(name: str, plain: bool, family: int = 4) -> None:
    measured: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Wires(plain, family) as wires:
        for n in range(ROUNDS):
            for kind in KINDS:
                ways = list(wires.ways.values())
                for way in ways if n % 2 == 0 else reversed(ways):
                    with wires.working(way):
                        for what, value in kind(wires, way).items():
                            measured[what, way.name].append(value)
        others = [way for way in wires.ways if way != "lbd"]
    for what, unit in UNITS.items():
        for other in others:
            if beside := measured[what, other]:
                show(f"wires/{name}/{what}/beside-{other}", unit, measured[what, "lbd"], beside)
