# SPDX-License-Identifier: Apache-2.0
"""Cycles per packet of the pipeline: established FullNAT UDP, 64-byte frames, beside the same bursts sent straight.

Both are measured in turns on the same packets, so the copy and the stamp of a flow are in both; flows come in random
order, each round in another, so that no round finds the flows of the last one in the cache.
"""

from __future__ import annotations

import array
import json
import os
import random
import statistics
from typing import Any

from lbd.fastpath import _dp, api
from lbd.fastpath.configuration import Configuration
from lbd.fastpath.forwarding import Forwarding, Link, Path, Route

ROUNDS = 21
PACKETS = 64_000
FLOWS = {"1k": 1_000, "100k": 100_000, "1M": 1_000_000}
OURS = bytes.fromhex("020000000001")


def dataplane(flows: int) -> Any:
    dp = _dp.Dataplane(capacity=1048575, slots=256, laddrs=64, mbufs=1023, jumbos=15)
    conf = Configuration(dp, slots=256, laddrs=64)
    dp.add_sink_port(0, OURS)
    forwarding = Forwarding(dp, lambda *_: None)
    forwarding.set_ports({1: Link("eth0", OURS, 1500)}, {1: 0})
    forwarding.set_routes([Route("0.0.0.0", 0, (Path(1, "10.9.9.9"),))])
    forwarding.set_neighbours({(1, "10.9.9.9"): bytes.fromhex("020000000009")})
    pool = api.LocalPool(
        "p", tuple(api.LocalAddress(f"10.8.0.{n}", "eth0") for n in range(1, 2 + flows // 64_000))
    )
    key = api.ServiceKey("10.7.0.1", 53, api.Protocol.UDP)
    reals = tuple(api.Real(f"10.6.0.{n}", 53, 1, api.Method.FNAT) for n in range(1, 11))
    service = api.Service(key=key, scheduler="rr", reals=reals, pool="p")
    conf.apply([api.SetPool(pool), api.SetService(service)])
    conf.set_host({"10.7.0.1": frozenset({"eth0"})})
    return dp


def ones(data: bytes) -> int:
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame() -> bytes:
    """10.64.0.0:4000 -> 10.7.0.1:53, 64 bytes."""
    src, dst = bytes([10, 64, 0, 0]), bytes([10, 7, 0, 1])
    udp = (4000).to_bytes(2, "big") + (53).to_bytes(2, "big") + (30).to_bytes(2, "big")
    pseudo = src + dst + bytes([0, 17]) + (30).to_bytes(2, "big")
    udp += ones(pseudo + udp + bytes(24)).to_bytes(2, "big")
    ip = bytes([0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 17])
    ip += ones(ip + src + dst).to_bytes(2, "big") + src + dst
    return OURS + bytes.fromhex("020000000009") + b"\x08\x00" + ip + udp + bytes(22)


def measure(name: str, flows: int) -> dict[str, object]:
    dp, template = dataplane(flows), frame()
    dp.feed((), 1.0)
    dp.replay(template, array.array("I", range(-(-flows // 32) * 32)), False)
    _, _, _, connections, _ = dp.totals()
    assert connections >= flows, f"{connections} connections of {flows}"
    chance = random.Random(flows)
    pipeline, straight = [], []
    for _ in range(ROUNDS):
        order = array.array("I", (chance.randrange(flows) for _ in range(PACKETS)))
        pipeline.append(dp.replay(template, order, False) / PACKETS)
        straight.append(dp.replay(template, order, True) / PACKETS)
    assert set(dp.verdicts()[2:]) == {0}, "every packet was to be forwarded"
    dp.close()
    value, baseline = statistics.median(pipeline), statistics.median(straight)
    return {
        "name": f"pipeline/fnat-udp4/{name}",
        "value": round(value, 1),
        "unit": "cycles/packet",
        "baseline": round(baseline, 1),
        "ratio": round(value / baseline, 2),
        "rounds": ROUNDS,
        "spread": [round(min(pipeline), 1), round(max(pipeline), 1)],
    }


def main() -> None:
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    _dp.eal_init(
        [
            "--no-huge",
            "--no-shconf",
            "-m",
            "64",
            "--no-pci",
            "--no-telemetry",
            "--log-level=error",
            f"--lcores=0@({cpus})",
        ]
    )
    for name, flows in FLOWS.items():
        print(json.dumps(measure(name, flows)), flush=True)


if __name__ == "__main__":
    main()
