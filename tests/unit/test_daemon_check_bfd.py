# SPDX-License-Identifier: Apache-2.0
"""BFD_CHECK: real servers follow the sessions of the vrrp process, and keep their state while there is none."""

from __future__ import annotations

import asyncio

import pytest

from lbd.daemon import check as module
from lbd.daemon.bfd_feed import BFD, BfdFeed
from lbd.daemon.check import CheckRole
from lbd.model import BfdCheck, Config, Protocol, RealServer, ServiceAddress, VirtualServer

NEAR = RealServer(address="10.0.0.2", port=80, checks=(BfdCheck(name="near"),))
FAR = RealServer(address="10.0.0.3", port=80, checks=(BfdCheck(name="far", alpha=True),))
SERVICE = VirtualServer(
    name="[10.0.0.1]:tcp:80",
    addresses=(ServiceAddress(protocol=Protocol.TCP, address="10.0.0.1", port=80),),
    real_servers=(NEAR, FAR),
)


async def become(role: CheckRole, near: bool, far: bool) -> None:
    async with asyncio.timeout(5):
        while True:
            [service] = role.status().services
            if [real.healthy for real in service.real_servers] == [near, far]:
                return
            await asyncio.sleep(0.01)


async def test_servers_follow_their_sessions(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    monkeypatch.setattr(module, "_FIRST_LOOK", 0.05)
    socket = str(tmp_path / "vrrp.sock")
    role = CheckRole(dp_socket=str(tmp_path / "dp.sock"), vrrp_socket=socket)
    await role.start(Config(virtual_servers=(SERVICE,)))
    await become(role, True, False)
    feed = BfdFeed(socket + BFD)
    await feed.configure(True)
    feed.tell("near", False)
    feed.tell("far", True)
    await become(role, False, True)
    [service] = role.status().services
    assert service.real_servers[0].reason == "BFD_CHECK near: the session is down"
    await feed.close()
    await role.reload(Config(virtual_servers=(SERVICE,)))
    await become(role, False, True)
    successor = BfdFeed(socket + BFD)
    successor.tell("near", True)
    await successor.configure(True)
    await become(role, True, True)
    await role.stop()
    await successor.close()


@pytest.mark.parametrize("up", [True, False])
async def test_a_server_that_a_reload_brings_is_as_its_session_is(tmp_path, monkeypatch, up):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    monkeypatch.setattr(module, "_FIRST_LOOK", 0.05)
    socket = str(tmp_path / "vrrp.sock")
    feed = BfdFeed(socket + BFD)
    await feed.configure(True)
    feed.tell("near", up)
    feed.tell("far", up)
    role = CheckRole(dp_socket=str(tmp_path / "dp.sock"), vrrp_socket=socket)
    one = VirtualServer(name=SERVICE.name, addresses=SERVICE.addresses, real_servers=(NEAR,))
    await role.start(Config(virtual_servers=(one,)))
    async with asyncio.timeout(5):
        while role.status().services[0].real_servers[0].healthy is not up or not role._bfd.up:
            await asyncio.sleep(0.01)
    await role.reload(Config(virtual_servers=(SERVICE,)))
    assert [real.healthy for real in role.status().services[0].real_servers] == [up, up]
    await role.stop()
    await feed.close()
