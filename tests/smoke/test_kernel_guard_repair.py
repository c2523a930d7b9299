# SPDX-License-Identifier: Apache-2.0
"""What others may do to the guard, its holder or its descriptor, and that it stands again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lbd.kernel.guard import Guard, GuardError, spawn_holder
from tests.smoke.kernel_stage import wired_host
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root

TABLE = "lbd_test"
SOON = 0.05
"""Seconds within which it is put right."""


def text(*services: str) -> str:
    elements = f"elements = {{ {', '.join(services)} }}" if services else ""
    return f"""set service {{ type ipv4_addr . inet_service
        {elements}
    }}
    chain claim {{ type filter hook ingress device "a0" priority -500
        ip daddr . tcp dport @service drop
    }}"""


@pytest.fixture
def host() -> Iterator[Namespace]:
    with wired_host("lbdh") as host:
        yield host


class Watched:
    def __init__(self, fd: int | None = None) -> None:
        self.repairs: asyncio.Queue[str] = asyncio.Queue()
        self.guard = Guard(fd, table=TABLE, on_repair=self.repairs.put_nowait)

    def holder(self) -> int:
        """By number: a name would be that of every nft of the machine."""
        pid = self.guard._nft._child
        assert pid > 1
        return pid

    async def repaired(self) -> str:
        return await asyncio.wait_for(self.repairs.get(), 5)

    async def best_of_five(self, disturb: Callable[[], object]) -> float:
        """The shortest time until it stood again: the machine may be busy with something else."""
        times = []
        for _ in range(5):
            began = time.monotonic()
            disturb()
            await self.repaired()
            times.append(time.monotonic() - began)
        return min(times)

    async def close(self) -> None:
        await self.guard.remove()
        await self.guard.close()


@pytest.fixture
async def watched(host: Namespace) -> AsyncIterator[Watched]:
    watched = Watched()
    yield watched
    await watched.close()


def listing(host: Namespace) -> str:
    return host.run("nft", "list", "ruleset")


async def test_a_killed_holder_is_replaced_at_once(host, watched):
    await watched.guard.load(text("10.9.0.100 . 80"))
    assert await watched.best_of_five(lambda: os.kill(watched.holder(), signal.SIGKILL)) < SOON
    assert "10.9.0.100 . 80" in listing(host)
    assert "flags owner" in listing(host)


async def test_without_owners_a_flush_is_put_right_at_once(host, watched, monkeypatch, caplog):
    """An old kernel: here it is nft that does not know the word."""
    monkeypatch.setattr("lbd.kernel.guard.OWNER", "flags unheard_of;")
    await watched.guard.load(text("10.9.0.100 . 80"))
    assert "flags" not in listing(host)
    assert await watched.best_of_five(lambda: host.run("nft", "flush", "ruleset")) < SOON
    assert "10.9.0.100 . 80" in listing(host)
    assert [r.levelname for r in caplog.records if "no tables with an owner here" in r.message] == ["WARNING"]


async def test_the_end_of_another_table_is_none_of_its_business(host, watched, monkeypatch):
    monkeypatch.setattr("lbd.kernel.guard.OWNER", "flags unheard_of;")
    await watched.guard.load(text())
    host.run(
        "nft", f"add table inet {TABLE}; delete table inet {TABLE}; add table netdev x; delete table netdev x"
    )
    host.run("nft", "flush", "ruleset")
    assert await watched.repaired() == "somebody had deleted it"
    assert watched.repairs.empty()


async def test_flushes_during_loads(host, watched):
    many = [f"10.{n // 250}.{n % 250}.1 . 80" for n in range(10_000)]
    await watched.guard.load(text())
    for _ in range(3):
        flush = subprocess.Popen(host.command("nft", "flush", "ruleset"))
        await watched.guard.load(text(*many))
        assert flush.wait(20) == 0
    assert listing(host).count("type filter hook ingress") == 1
    assert "10.39.249.1 . 80" in listing(host)
    assert watched.repairs.empty()


async def test_a_table_without_owner_is_taken_over(host, watched, caplog):
    """As ``nft list ruleset > /etc/nftables.conf`` and its reload leave it."""
    host.run("nft", f"add table netdev {TABLE}; add chain netdev {TABLE} old")
    await watched.guard.load(text("10.9.0.100 . 80"))
    assert "flags owner" in listing(host)
    assert "chain old" not in listing(host)
    host.run("nft", "flush", "ruleset")
    assert "10.9.0.100 . 80" in listing(host)
    assert not caplog.records


async def test_a_table_of_another_living_owner_is_refused(host, watched, caplog):
    await watched.guard.load(text("10.9.0.100 . 80"))
    second = Watched()
    with pytest.raises(GuardError, match="Operation not permitted") as refused:
        await second.guard.load(text())
    assert len(str(refused.value)) < 200
    await second.close()
    assert "10.9.0.100 . 80" in listing(host)
    assert not caplog.records


async def test_what_a_killed_predecessor_left_on_the_wire(host):
    """A complaint that it never read, and half a command."""
    holder = spawn_holder()
    with socket.socket(fileno=os.dup(holder.fd)) as left:
        left.sendall(b"list table netdev nowhere\nadd table netdev ha")
    watched = Watched(holder.fd)
    await watched.guard.load(text("10.9.0.100 . 80"))
    assert "10.9.0.100 . 80" in listing(host)
    await watched.close()
    os.waitpid(holder.pid, 0)
    assert TABLE not in listing(host)


async def test_a_descriptor_whose_holder_has_ended(host):
    holder = spawn_holder()
    os.kill(holder.pid, signal.SIGKILL)
    os.waitpid(holder.pid, 0)
    watched = Watched(holder.fd)
    await watched.guard.load(text("10.9.0.100 . 80"))
    assert watched.holder() != holder.pid
    assert "10.9.0.100 . 80" in listing(host)
    await watched.close()


async def test_a_repair_that_is_refused_is_tried_again(host, watched, monkeypatch, caplog):
    refused = asyncio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            refused.set()

    await watched.guard.load(text("10.9.0.100 . 80"))
    listener = Listener(logging.ERROR)
    logging.getLogger("lbd.kernel").addHandler(listener)
    try:
        with monkeypatch.context() as nowhere:
            nowhere.setenv("PATH", "/nonexistent")
            os.kill(watched.holder(), signal.SIGKILL)
            await asyncio.wait_for(refused.wait(), 5)
        assert await watched.repaired() == "the nft that holds it had ended"
    finally:
        logging.getLogger("lbd.kernel").removeHandler(listener)
    assert "nft cannot be started (No such file or directory): install nftables" in caplog.text
    assert "10.9.0.100 . 80" in listing(host)


async def test_elements_come_and_go(host, watched):
    guard = watched.guard
    with pytest.raises(GuardError, match="no guard"):
        await guard.update("add element …", "")
    await guard.load(text("10.9.0.100 . 80", "10.9.0.101 . 80"))
    await guard.update(
        f"add element netdev {TABLE} service {{ 10.9.0.102 . 80 }}\n"
        f"delete element netdev {TABLE} service {{ 10.9.0.101 . 80 }}\n",
        text("10.9.0.100 . 80", "10.9.0.102 . 80"),
    )

    def services() -> list[bool]:
        return [f"10.9.0.{n} . 80" in listing(host) for n in (100, 101, 102)]

    assert services() == [True, False, True]
    with pytest.raises(GuardError, match="No such file"):
        await guard.update(
            f"add element netdev {TABLE} service {{ 10.9.0.103 . 80 }}\ndelete element netdev {TABLE} x {{ 1 }}\n",
            "",
        )
    assert "10.9.0.103" not in listing(host)
    os.kill(watched.holder(), signal.SIGKILL)
    await watched.repaired()
    assert services() == [True, False, True]


async def test_it_needs_no_directory_for_its_files(host, watched, monkeypatch):
    """A full disk is no reason to be without a guard, and who is killed leaves nothing behind."""
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    await watched.guard.load(text(*(f"10.{n // 250}.{n % 250}.1 . 80" for n in range(10_000))))
    assert "10.39.249.1 . 80" in listing(host)


async def test_many_repairs_are_counted(host, watched, monkeypatch):
    guard = watched.guard
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr("lbd.kernel.guard.TOLD_WITHIN", 3600.0)
    guard._told.extend([now] * 10)
    guard._tell("why")
    guard._tell("why")
    assert watched.repairs.empty()
    monkeypatch.setattr("lbd.kernel.guard.TOLD_WITHIN", 0.0)
    guard._tell("why")
    assert watched.repairs.get_nowait() == "why (and 2 times more since this was said)"
