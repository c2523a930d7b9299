# SPDX-License-Identifier: Apache-2.0
"""What a dataplane is told by the check process: at a start after another's death, of a result, of a reload."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from lbd.daemon import check as module
from lbd.daemon.check import CheckRole
from lbd.fastpath import api
from lbd.fastpath.server import Server
from lbd.healthcheck.policy import Down
from lbd.model import Config, Protocol, RealServer, ServiceAddress, TcpCheck, VirtualServer
from tests.unit.checks_stage import closed_port, saying, serving

FAR = 60.0
"""Seconds of a delay that no test waits for."""
VIPS = ("10.0.0.1", "10.0.0.2")


class Dataplane:
    """A table, and every change that was asked for, with the table after each."""

    def __init__(self, path: str) -> None:
        self.table = api.Table()
        self.applied: list[tuple[api.Change, ...]] = []
        self.tables: list[api.Table] = []
        self.server = Server(path, self.answer)

    def answer(self, request: api.Request) -> api.Reply:
        if not isinstance(request, api.Apply):
            return self.table
        services = {service.key: service for service in self.table.services}
        for change in request.changes:
            match change:
                case api.SetService(service):
                    services[service.key] = service
                case api.DeleteService(key):
                    del services[key]
        self.table = api.Table(services=tuple(services[key] for key in sorted(services)))
        self.applied.append(request.changes)
        self.tables.append(self.table)
        return api.Done()

    def forgets_what_it_was_told(self) -> None:
        self.applied, self.tables = [], []


@pytest.fixture
async def dataplane(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 2.0)
    dataplane = Dataplane(str(tmp_path / "dp.sock"))
    await dataplane.server.start()
    yield dataplane
    await dataplane.server.close()


@contextlib.asynccontextmanager
async def checking(dataplane: Dataplane, config: Config):
    role = CheckRole(dataplane.server.path, dataplane.server.path + ".vrrp")
    await role.start(config)
    try:
        yield role
    finally:
        await role.stop()


def real(port: int, *, warmup: float = 0.0, delay: float = 0.05, number: int = 1) -> RealServer:
    """It is known by its address, and asked on loopback."""
    check = TcpCheck(
        connect_ip="127.0.0.1",
        connect_port=port,
        warmup=warmup,
        delay_loop=delay,
        delay_before_retry=0.01,
        retry=0,
        connect_timeout=1.0,
    )
    return RealServer(address=f"10.1.0.{number}", port=80, checks=(check,))


def service(vip: str, *reals: RealServer, **more: object) -> VirtualServer:
    address = ServiceAddress(protocol=Protocol.TCP, address=vip, port=80)
    return VirtualServer(name=f"[{vip}]:tcp:80", addresses=(address,), real_servers=reals, **more)


def used(table: api.Table) -> list[list[str]]:
    """Of each service the real servers that get connections."""
    return [[one.address for one in service.reals if one.weight] for service in table.services]


async def until(what) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0.005)


async def test_a_result_is_one_change_of_its_own_service(dataplane):
    async with serving("127.0.0.1", saying()) as alive:
        config = Config(
            virtual_servers=(
                service(VIPS[0], real(alive), real(closed_port("127.0.0.1"), warmup=0.3, number=2)),
                service(VIPS[1], real(alive, number=3)),
            )
        )
        async with checking(dataplane, config) as role:
            assert used(dataplane.table) == [["10.1.0.1", "10.1.0.2"], ["10.1.0.3"]]
            dataplane.forgets_what_it_was_told()
            await until(lambda: dataplane.applied)
            [[change]] = dataplane.applied
            assert isinstance(change, api.SetService)
            assert change.service.key.address == VIPS[0]
            assert used(dataplane.table) == [["10.1.0.1"], ["10.1.0.3"]]
            assert [s.quorum_up for s in role.status().services] == [True, True]


async def test_a_successor_takes_what_it_finds_for_the_last_known_health(dataplane):
    """Not one table that it writes lacks a server that served, or has one that did not."""
    async with serving("127.0.0.1", saying()) as alive:
        dead = closed_port("127.0.0.1")
        before = Config(virtual_servers=(service(VIPS[0], real(alive), real(dead, number=2)),))
        async with checking(dataplane, before):
            await until(lambda: used(dataplane.table) == [["10.1.0.1"]])
        dataplane.forgets_what_it_was_told()
        # alpha, so that all would be down at first if nothing was known
        slow = (real(alive, warmup=FAR, delay=FAR), real(dead, warmup=FAR, delay=FAR, number=2))
        after = Config(virtual_servers=(service(VIPS[0], *slow, alpha=True),))
        async with checking(dataplane, after) as role:
            [status] = role.status().services
            assert [one.healthy for one in status.real_servers] == [True, False]
        assert all(used(table) == [["10.1.0.1"]] for table in dataplane.tables)
        assert used(dataplane.table) == [["10.1.0.1"]]


async def test_without_anything_to_adopt_alpha_begins_with_none(dataplane):
    config = Config(virtual_servers=(service(VIPS[0], real(1, warmup=FAR, delay=FAR), alpha=True),))
    async with checking(dataplane, config):
        assert used(dataplane.table) == [[]]


async def test_a_reload_leaves_the_state_of_unchanged_servers(dataplane):
    """Another server is added and one more service; whoever was down stays so, and its service is written once."""
    async with serving("127.0.0.1", saying()) as alive:
        dead = closed_port("127.0.0.1")
        first = service(VIPS[0], real(alive), real(dead, number=2))
        async with checking(dataplane, Config(virtual_servers=(first,))) as role:
            await until(lambda: used(dataplane.table) == [["10.1.0.1"]])
            dataplane.forgets_what_it_was_told()
            more = service(VIPS[0], *first.real_servers, real(alive, warmup=FAR, number=3))
            other = service(VIPS[1], real(alive, warmup=FAR, number=4))
            await role.reload(Config(virtual_servers=(more, other)))
            assert [used(table) for table in dataplane.tables] == [[["10.1.0.1", "10.1.0.3"], ["10.1.0.4"]]]
            dataplane.forgets_what_it_was_told()
            await role.reload(Config(virtual_servers=(more, other)))
            assert dataplane.applied == []


async def test_a_reload_in_the_turn_of_a_result_takes_it_along(dataplane):
    """The service of the result is gone when the turn is over, which is nobody's error."""
    gone, stays = service(VIPS[0], real(1, warmup=FAR)), service(VIPS[1], real(2, warmup=FAR, number=2))
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    async with checking(dataplane, Config(virtual_servers=(gone, stays))) as role:
        [check] = gone.real_servers[0].checks
        role._on_events((Down(check, "refused"),))
        await role.reload(Config(virtual_servers=(stays,)))
        assert used(dataplane.table) == [["10.1.0.2"]]
    assert errors == []
