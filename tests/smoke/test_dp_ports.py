# SPDX-License-Identifier: Apache-2.0
"""The dp process and its interfaces: ports come and go with them, and what was changed is put back at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lbd.fastpath import api
from lbd.fastpath.client import RefusedError
from tests.smoke.dp_stage import Dp, attached, becomes, dp_alone

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def dp() -> AsyncIterator[Dp]:
    async with dp_alone() as dp:
        yield dp


SERVICE = api.Service(
    key=api.ServiceKey("10.9.0.100", 80, api.Protocol.TCP),
    reals=(api.Real("10.9.0.51", 80, 1, api.Method.FNAT),),
    pool="p",
)
POOL = api.LocalPool("p", (api.LocalAddress("10.9.0.21", "a0"), api.LocalAddress("fd09::21", "a0")))


async def test_a_port_comes_back_with_its_interface_within_a_second(dp):
    client = await dp.client()
    await becomes(client, attached, 5)
    dp.host.ip("link set a0 down")
    await becomes(client, lambda s: not attached(s), 1)
    dp.host.ip("link set a0 up")
    await becomes(client, attached, 1)
    dp.host.ip("link del a0")
    await becomes(client, lambda s: not attached(s), 1)
    dp.wire()
    await becomes(client, attached, 1)
    await client.close()


async def test_local_addresses_and_guard_come_and_go(dp):
    client = await dp.client()
    await client.apply(api.SetPool(POOL), api.SetService(SERVICE))
    await becomes(client, lambda _: "10.9.0.21/32" in dp.host.run("ip", "-br", "addr"), 2)
    assert "fd09::21/128" in dp.host.run("ip", "-br", "addr")
    await becomes(client, lambda _: "10.9.0.100 . 6 . 80" in dp.host.run("nft", "-n", "list", "ruleset"), 2)
    assert (await client.stats()).services[0].claimed
    dp.host.ip("addr del 10.9.0.100/24 dev a0")
    async with asyncio.timeout(2):
        while (await client.stats()).services[0].claimed:
            await asyncio.sleep(0.01)
    await client.apply(api.DeleteService(SERVICE.key), api.DeletePool("p"))
    await becomes(client, lambda _: "10.9.0.21" not in dp.host.run("ip", "-br", "addr"), 2)
    await becomes(client, lambda _: " . 6 . 80" not in dp.host.run("nft", "-n", "list", "ruleset"), 3)
    await client.close()


async def test_the_end_leaves_nothing(dp):
    before = dp.host.run("ip", "-br", "link")
    client = await dp.client()
    await client.apply(api.SetPool(POOL), api.SetService(SERVICE))
    await client.close()
    assert dp.end() == 0
    assert "lbd0" not in dp.host.run("ip", "-br", "link")
    assert "lbd" not in dp.host.run("nft", "list", "tables")
    assert "10.9.0.21" not in dp.host.run("ip", "-br", "addr")
    assert "a0" in before
    assert os.listdir(dp.run_dir) == ["dp.lock"]


async def test_a_successor_after_sigkill(dp):
    """The table is empty, the local addresses of the dead one are taken up, nothing is doubled."""
    client = await dp.client()
    await client.apply(api.SetPool(POOL), api.SetService(SERVICE))
    await becomes(client, lambda _: "10.9.0.21/32" in dp.host.run("ip", "-br", "addr"), 2)
    await client.close()
    dp.end(signal.SIGKILL)
    dp.start()
    client = await dp.client()
    assert await client.table() == api.Table()
    assert "10.9.0.21/32" in dp.host.run("ip", "-br", "addr")
    await client.apply(api.SetPool(POOL), api.SetService(SERVICE))
    await becomes(client, lambda _: " . 6 . 80" in dp.host.run("nft", "-n", "list", "ruleset"), 2)
    assert dp.host.run("nft", "list", "ruleset").count("type filter hook ingress") == 1
    await client.close()
    assert dp.end() == 0
    assert "10.9.0.21" not in dp.host.run("ip", "-br", "addr")


async def test_a_local_address_comes_back_with_its_interface(dp):
    client = await dp.client()
    await client.apply(api.SetPool(POOL), api.SetService(SERVICE))
    await becomes(client, lambda _: "10.9.0.21/32" in dp.host.run("ip", "-br", "addr"), 2)
    dp.host.ip("link del a0")
    await becomes(client, lambda s: not attached(s), 2)
    dp.wire()
    await becomes(client, lambda _: "10.9.0.21/32" in dp.host.run("ip", "-br", "addr"), 2)
    await becomes(client, attached, 2)
    await client.close()


async def test_a_second_one_is_refused_in_a_sentence(dp):
    await (await dp.client()).close()
    command = [sys.executable, "-m", "lbd.daemon.dp", "--run-dir", dp.run_dir]
    done = subprocess.run(
        dp.host.command(*command), cwd=ROOT, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert f"another lbd uses {dp.run_dir}: stop it, or give this one its own --run-dir" in done.stderr
    assert "Traceback" not in done.stderr


async def test_refusals_are_sentences(dp):
    client = await dp.client()
    with pytest.raises(RefusedError, match="'p' is no pool of local addresses"):
        await client.apply(api.SetService(SERVICE))
    assert await client.table() == api.Table()
    await client.close()


async def test_the_control_socket_is_its_owners_alone(dp):
    await (await dp.client()).close()
    assert os.stat(f"{dp.run_dir}/dp.sock").st_mode & 0o777 == 0o600


async def test_what_cannot_be_done_is_tried_again(dp):
    """A pool names an interface that is not there yet: everything else goes on, and it is served when it comes."""
    client = await dp.client()
    pool = api.LocalPool("p", (api.LocalAddress("10.9.0.21", "a0"), api.LocalAddress("10.9.0.22", "later0")))
    await client.apply(api.SetPool(pool), api.SetService(SERVICE))
    await becomes(client, lambda _: "10.9.0.21/32" in dp.host.run("ip", "-br", "addr"), 2)
    dp.host.ip("link add later0 type veth peer name later1", "link set later0 up")
    await becomes(client, lambda _: "10.9.0.22/32" in dp.host.run("ip", "-br", "addr"), 3)
    await client.close()
