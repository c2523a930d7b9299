# SPDX-License-Identifier: Apache-2.0
"""Asking each process of lbd what it does, and one value made of the answers. Shows nothing."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from lbd import wire
from lbd.daemon import messages
from lbd.fastpath import api
from lbd.fastpath.client import Client, GoneError, RefusedError
from lbd.model.status import CheckRoleStatus, RealStatus, ServiceStatus, VrrpRoleStatus, VrrpStatus

PATIENCE = 2.0
"""Seconds for a process to answer; then it is named as one that does not."""


class Real(msgspec.Struct, frozen=True, kw_only=True):
    """A real server: what check knows and what the dataplane counts. None: nobody told."""

    address: str
    port: int
    weight: int
    effective_weight: int
    healthy: bool
    reason: str = ""
    method: str | None = None
    counters: api.Counters | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a virtual server."""

    name: str
    address: str
    lb_algo: str
    quorum_up: bool
    claimed: bool | None = None
    """Whether the dataplane takes its traffic now: on a backup it does not."""
    sorry: bool = False
    counters: api.Counters | None = None
    real_servers: tuple[Real, ...] = ()


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    run_dir: str
    processes: dict[str, str]
    """``vrrp``, ``check`` and ``dp``: ``running``, ``not running``, or what is wrong."""
    pids: dict[str, int] = {}
    vrrp: tuple[VrrpStatus, ...] = ()
    services: tuple[Service, ...] = ()
    dataplane: api.Status | None = None

    @property
    def anything(self) -> bool:
        return "running" in self.processes.values()


async def ask_all(run_dir: str) -> Overview:
    """Never raises for a process that is not there, or does not answer."""
    vrrp, check, dp = await asyncio.gather(
        _ask_role(run_dir, "vrrp"), _ask_role(run_dir, "check"), _ask_dp(run_dir)
    )
    pids = {"dp": dp[0].pid} if not isinstance(dp, str) else {}
    if isinstance(vrrp, VrrpRoleStatus):
        pids["vrrp"] = vrrp.pid
    if isinstance(check, CheckRoleStatus):
        pids["check"] = check.pid
    status, stats = (None, None) if isinstance(dp, str) else dp
    return Overview(
        run_dir=run_dir,
        processes={
            "vrrp": vrrp if isinstance(vrrp, str) else "running",
            "check": check if isinstance(check, str) else "running",
            "dp": dp if isinstance(dp, str) else "running",
        },
        pids=pids,
        vrrp=vrrp.instances if isinstance(vrrp, VrrpRoleStatus) else (),
        services=merge(check.services if isinstance(check, CheckRoleStatus) else (), stats),
        dataplane=status,
    )


async def _ask_role(run_dir: str, role: str) -> Any:
    """The status of vrrp or check, or in words why there is none."""
    try:
        reader, writer = await asyncio.open_unix_connection(os.path.join(run_dir, f"{role}.sock"))
    except OSError as error:
        return _no_socket(error)
    try:
        writer.write(wire.pack(messages.GetStatus()))
        answer = await asyncio.wait_for(wire.receive(reader, messages.decode_answer), PATIENCE)
    except (TimeoutError, ConnectionError, wire.WireError) as error:
        return f"does not answer: {error or 'not within 2 s'}"
    finally:
        writer.close()
    return answer.reason if isinstance(answer, messages.Failed) else answer or "closed the connection"


async def _ask_dp(run_dir: str) -> tuple[api.Status, api.Stats] | str:
    client = Client(os.path.join(run_dir, "dp.sock"))
    try:
        await asyncio.wait_for(client.connect(), PATIENCE)
        return await asyncio.wait_for(client.status(), PATIENCE), await asyncio.wait_for(
            client.stats(), PATIENCE
        )
    except GoneError as error:
        return _no_socket(error.__cause__) if isinstance(error.__cause__, OSError) else str(error)
    except (TimeoutError, RefusedError) as error:
        return f"does not answer: {error or 'not within 2 s'}"
    finally:
        await client.close()


def _no_socket(error: BaseException) -> str:
    if isinstance(error, PermissionError):
        return "not allowed to ask: use sudo"
    if isinstance(error, FileNotFoundError):
        return "not running"
    return "not running (it ended without cleaning up)"


def merge(services: tuple[ServiceStatus, ...], stats: api.Stats | None) -> tuple[Service, ...]:
    """What check knows of each address of each virtual server, with the dataplane's counters.

    What only the dataplane has (check is down) is shown from its table.
    """
    counted = {str(entry.key): entry for entry in stats.services} if stats else {}
    merged = [
        _service(service, address, counted.pop(address, None))
        for service in services
        for address in service.addresses
    ]
    return (*merged, *(_uncontrolled(entry) for entry in counted.values()))


def _service(service: ServiceStatus, address: str, entry: api.ServiceStats | None) -> Service:
    reals = {(real.address, real.port): real for real in entry.reals} if entry else {}
    return Service(
        name=service.name,
        address=address,
        lb_algo=service.lb_algo,
        quorum_up=service.quorum_up,
        sorry=service.sorry,
        claimed=entry.claimed if entry else None,
        counters=entry.counters if entry else None,
        real_servers=tuple(
            _real(real, reals.get((real.address, real.port))) for real in service.real_servers
        ),
    )


def _real(real: RealStatus, entry: api.RealStats | None) -> Real:
    return Real(
        address=real.address,
        port=real.port,
        weight=real.weight,
        effective_weight=real.effective_weight,
        healthy=real.healthy,
        reason=real.reason,
        method=entry.method.value if entry else None,
        counters=entry.counters if entry else None,
    )


def _uncontrolled(entry: api.ServiceStats) -> Service:
    return Service(
        name=str(entry.key),
        address=str(entry.key),
        lb_algo="",
        quorum_up=any(real.weight for real in entry.reals),
        claimed=entry.claimed,
        counters=entry.counters,
        real_servers=tuple(
            Real(
                address=real.address,
                port=real.port,
                weight=real.weight,
                effective_weight=real.weight,
                healthy=real.weight > 0,
                reason="as the dataplane has it: check does not run",
                method=real.method.value,
                counters=real.counters,
            )
            for real in entry.reals
        ),
    )
