# SPDX-License-Identifier: Apache-2.0
"""Each scheduler chooses as the kernel's IPVS did, segment by segment (``record_ipvs.py``)."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lbd.fastpath._dp", reason="built without libdpdk-dev")

from lbd.fastpath import api
from tests.compat.ipvs_scenarios import PORT, SYN, Scenario, Step, real, scenarios, segment, virtual
from tests.packets.bench import CLIENT_MAC, MAC0, Bench, mac, start_eal

RECORDED: dict[str, Any] = json.loads((Path(__file__).with_name("data") / "ipvs_schedulers.json").read_text())


def configure(bench: Bench, scenario: Scenario, turn: int) -> None:
    """``turn``: where in its round wrr begins."""
    reals = []
    for i, server in enumerate(scenario.servers):
        address = real(scenario.family, i)
        bench.neighbour(2, address, f"02:00:00:00:02:{i:02x}")
        upper, lower = server.upper, server.lower
        reals.append(api.Real(address, PORT, server.weight, api.Method.DR, upper=upper, lower=lower))
    vips = [virtual(scenario.family, i) for i in range(scenario.vips)]
    bench.conf.set_host({vip: frozenset({"eth0"}) for vip in vips})
    for vip in vips:
        begin_at(bench, scenario, vip, turn)
        service = api.Service(
            key=api.ServiceKey(vip, PORT, api.Protocol.TCP),
            scheduler=scenario.scheduler,
            reals=tuple(reals),
            hash_port="port" in scenario.flags,
            fallback="fallback" in scenario.flags,
            persistence=scenario.persistence,
            persistence_mask=mask_of(scenario),
        )
        bench.conf.apply([api.SetService(service)])


def mask_of(scenario: Scenario) -> str:
    if scenario.family == 4 or not scenario.mask:
        return scenario.mask
    return str(ip_network(("::", int(scenario.mask))).netmask)


def begin_at(bench: Bench, scenario: Scenario, vip: str, turn: int) -> None:
    """Other servers of the same weights, which are gone again, take so many turns first."""
    if not turn:
        return
    reals = tuple(
        api.Real(real(scenario.family, 100 + i), PORT, s.weight, api.Method.DR)
        for i, s in enumerate(scenario.servers)
    )
    key = api.ServiceKey(vip, PORT, api.Protocol.TCP)
    bench.conf.apply([api.SetService(api.Service(key=key, scheduler=scenario.scheduler, reals=reals))])
    head = ether(scenario)
    frames = [(0, head + segment(scenario, Step(SYN, 1000 + i))) for i in range(turn)]
    bench.dp.feed(frames, bench.now)


def ether(scenario: Scenario) -> bytes:
    return mac(MAC0) + mac(CLIENT_MAC) + (b"\x08\x00" if scenario.family == 4 else b"\x86\xdd")


def play(bench: Bench, scenario: Scenario) -> list[int | None]:
    """The number of the server of each SYN; None: nobody's."""
    head = ether(scenario)
    chosen: list[int | None] = []
    for step in scenario.steps:
        bench.now += 0.001
        for _ in range(step.wait):
            bench.now += 1
            bench.dp.turn(bench.now)
        if step.wait:
            continue
        _, sent, _ = bench.dp.feed([(0, head + segment(scenario, step))], bench.now)
        if step.flags == SYN:
            chosen.append(next((data[5] for port, data, _ in sent if port == 1), None))
    return chosen


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.name)
def test_lbd_chooses_as_the_kernel(scenario: Scenario) -> None:
    """wrr of IPVS begins wherever the adding of servers left its threshold, so there any turn may be the first."""
    start_eal()
    turns = sum(s.weight for s in scenario.servers) if scenario.scheduler == "wrr" else 1
    chosen = []
    for turn in range(max(turns, 1)):
        bench = Bench()
        try:
            configure(bench, scenario, turn)
            chosen.append(play(bench, scenario))
        finally:
            bench.dp.close()
    if len(chosen) == 1:
        assert chosen[0] == RECORDED["scenarios"][scenario.name]
    else:
        assert RECORDED["scenarios"][scenario.name] in chosen


def test_the_record_is_of_these_scenarios() -> None:
    assert list(RECORDED["scenarios"]) == [s.name for s in scenarios()]
