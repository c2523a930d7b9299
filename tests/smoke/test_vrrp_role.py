# SPDX-License-Identifier: Apache-2.0
"""The vrrp role in a namespace: instances that lead to virtual servers yield while there is no dataplane."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest

from lbd.daemon.vrrp import GONE, VrrpRole
from lbd.model import Config, Protocol, ServiceAddress, VirtualAddress, VirtualServer, VrrpInstance
from lbd.model.status import VrrpStatus
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    host = Namespace(f"lbdv{os.getpid()}")
    host.create()
    try:
        host.ip(
            "link add a0 type veth peer name b0",
            "link set a0 up",
            "link set b0 up",
            "addr add 10.9.0.1/24 dev a0",
        )
        with host.entered():
            yield host
    finally:
        host.delete()


def instance(number: int) -> VrrpInstance:
    vip = VirtualAddress(address=f"10.9.0.{100 + number}", prefix=24, dev="a0")
    return VrrpInstance(
        name=f"VI_{number}",
        interface="a0",
        virtual_router_id=number,
        version=3,
        advert_int=0.05,
        virtual_ipaddress=(vip,),
    )


def config(numbers: tuple[int, ...], balanced: tuple[int, ...]) -> Config:
    servers = tuple(
        VirtualServer(name=f"vs{n}", addresses=(ServiceAddress(f"10.9.0.{100 + n}", 80, Protocol.TCP),))
        for n in balanced
    )
    return Config(vrrp_instances=tuple(instance(n) for n in numbers), virtual_servers=servers)


async def becomes(role: VrrpRole, true: Callable[[dict[str, VrrpStatus]], bool]) -> dict[str, VrrpStatus]:
    async with asyncio.timeout(5):
        while not true(now := {s.name: s for s in role.status().instances}):
            await asyncio.sleep(0.01)
    return now


def has(host: Namespace, number: int) -> bool:
    return f"10.9.0.{100 + number}/24" in host.run("ip", "-br", "addr")


async def test_without_a_dataplane_those_that_need_one_yield(host, tmp_path, monkeypatch):
    monkeypatch.setattr("lbd.daemon.vrrp.START_PATIENCE", 0.3)
    path = str(tmp_path / "dp.sock")
    role = VrrpRole(dp_socket=path, beside=str(tmp_path / "vrrp.sock"))
    await role.start(config((1, 2), balanced=(1,)))
    now = await becomes(role, lambda s: s["VI_1"].state == "FAULT" and s["VI_2"].state == "MASTER")
    assert now["VI_1"].reason == GONE
    # one more that needs it, by a reload while it is gone
    await role.reload(config((1, 2, 3), balanced=(1, 3)))
    now = await becomes(role, lambda s: s["VI_3"].state == "FAULT")
    assert now["VI_2"].state == "MASTER"
    ended = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_unix_server(hold, path)
    try:
        # an address follows its transition: the advert does not wait for the kernel
        await becomes(role, lambda s: all(s[f"VI_{n}"].state == "MASTER" and has(host, n) for n in (1, 2, 3)))
    finally:
        await role.stop()
        server.close()
    assert not any(has(host, n) for n in (1, 2, 3))
    await asyncio.wait_for(ended.wait(), 5)
