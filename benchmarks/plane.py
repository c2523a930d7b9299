# SPDX-License-Identifier: Apache-2.0
"""A dataplane as the benchmarks measure it: configured as the dp process would, in front of it what they choose."""

from __future__ import annotations

import os
from array import array
from typing import Any

from benchmarks.frames import ACK, GATEWAY, NETS, OURS, SYN, frame, plus
from benchmarks.hugepages import eal_memory
from lbd.fastpath import _dp, api
from lbd.fastpath.configuration import Configuration
from lbd.fastpath.forwarding import Forwarding, Link, Path, Route

BURST = 32
ANSWER = 96
"""Bytes of a flow's answer in ``Dataplane.replay``."""
PORT = 53
REALS = 10
POOL_PORTS = 64_000
"""Of one local address, about."""


def start_eal(megabytes: int, worker: bool = False) -> None:
    """With a worker: its lcore is pinned to the last CPU that we may use."""
    cpus = sorted(os.sched_getaffinity(0))
    lcores = f"--lcores=0@({','.join(map(str, cpus))})" + (f",1@{cpus[-1]}" if worker else "")
    _dp.eal_init([*eal_memory(megabytes), "--no-pci", "--no-telemetry", "--log-level=error", lcores])


def services(
    method: str, family: int, protocol: str, number: int = 1, flows: int = 0, **more: Any
) -> list[api.Change]:
    """So many services on addresses one after another, of REALS real servers each; ``more`` is of ``api.Service``."""
    net = NETS[family]
    locals_ = (api.LocalAddress(plus(net.local, n), "eth0") for n in range(1 + flows // POOL_PORTS))
    changes: list[api.Change] = [api.SetPool(api.LocalPool("p", tuple(locals_)))]
    reals = tuple(api.Real(plus(net.real, n), PORT, 1, api.Method(method)) for n in range(REALS))
    for n in range(number):
        key = api.ServiceKey(plus(net.vip, n), PORT, api.Protocol[protocol.upper()])
        given: dict[str, Any] = {"key": key, "scheduler": "rr", "reals": reals, "pool": "p"} | more
        service = api.Service(**given)
        changes.append(api.SetService(service))
    return changes


class Plane:
    """A dataplane of sinks; ``ports`` may be another function that adds ports and says what links they are."""

    def __init__(
        self, *, capacity: int = 4095, slots: int = 256, laddrs: int = 64, mbufs: int = 1023, workers: int = 1
    ) -> None:
        self.dp = _dp.Dataplane(
            capacity=capacity, slots=slots, laddrs=laddrs, mbufs=mbufs, jumbos=15, workers=workers
        )
        self.conf = Configuration(self.dp, slots=slots, laddrs=laddrs)
        self.forwarding = Forwarding(self.dp, lambda *_: None)

    def sink(self) -> None:
        self.dp.add_sink_port(0, OURS)
        self.ways({0: OURS}, out=0)

    def ways(self, macs: dict[int, bytes], out: int) -> None:
        """Ports by index; everything leaves by one of them, over a gateway."""
        links = {index + 1: Link(f"eth{index}", mac, 1500) for index, mac in macs.items()}
        self.forwarding.set_ports(links, {index + 1: index for index in macs})
        self.forwarding.set_routes(Route(n.everywhere, 0, (Path(out + 1, n.gateway),)) for n in NETS.values())
        self.forwarding.set_neighbours({(out + 1, n.gateway): GATEWAY for n in NETS.values()})

    def serve(self, changes: list[api.Change]) -> None:
        self.conf.apply(changes)
        set_ = [c.service.key.address for c in changes if isinstance(c, api.SetService)]
        self.conf.set_host({address: frozenset({"eth0"}) for address in set_})
        self.dp.feed((), 1.0)

    def connect(self, flows: int, *frames: bytes, number: int = 1) -> None:
        """Each frame once of every flow. Raises RuntimeError where a flow then has no connection."""
        order = array("I", range(-(-flows // BURST) * BURST))
        for each in frames:
            self.dp.replay(each, order, False, services=number)
        connections = self.dp.totals()[3]
        if connections < flows:
            raise RuntimeError(f"{connections} connections of {flows}: {self.ends()}")

    def ends(self) -> dict[str, int]:
        """How many packets ended by which name."""
        return {n: c for n, c in zip(_dp.NAMES, self.dp.verdicts(), strict=True) if c}

    def all_sent(self) -> None:
        """Raises RuntimeError where a packet was not forwarded: what was measured is not what was meant."""
        if set(self.ends()) != {"tx"}:
            raise RuntimeError(f"every packet was to be forwarded: {self.ends()}")

    def close(self) -> None:
        self.dp.close()


def established(
    method: str,
    family: int,
    protocol: str,
    flows: int,
    *,
    number: int = 1,
    capacity: int = 0,
    slots: int = 256,
) -> Plane:
    """A plane of sinks with so many services and, of them all together, connections in their steady state."""
    room = capacity or max(flows + BURST, 4095)
    plane = Plane(capacity=room, slots=slots, laddrs=2 + flows // POOL_PORTS)
    plane.sink()
    plane.serve(services(method, family, protocol, number, flows=flows))
    kinds = [SYN, ACK] if protocol == "tcp" else [0]
    plane.connect(flows, *(frame(family, protocol, flags) for flags in kinds), number=number)
    return plane
