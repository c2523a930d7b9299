# SPDX-License-Identifier: Apache-2.0
"""Interfaces and settings of our own, in a real kernel."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from lbd.kernel.addresses import AddressError, Addresses
from lbd.kernel.links import LinkError, bring_up
from lbd.kernel.settings import Settings
from tests.smoke.kernel_stage import wired_host
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    with wired_host("lbdo") as host:
        yield host


async def test_a_tap_is_brought_up(host):
    host.ip("tuntap add t0 mode tap")
    await bring_up("t0", "169.254.237.1", 32, mac="02:00:00:00:00:07", link_local=False)
    assert "addrgenmode none" in host.run("ip", "-d", "link", "show", "dev", "t0")
    shown = host.run("ip", "addr", "show", "dev", "t0")
    assert ",UP" in shown
    assert "link/ether 02:00:00:00:00:07" in shown
    assert "inet 169.254.237.1/32 scope link" in shown
    assert "inet6" not in shown
    await bring_up("t0", "169.254.237.1", 32)


@pytest.mark.parametrize(
    ("name", "mac", "why"),
    [("nowhere", None, "it is not there"), ("a0", "01:00:00:00:00:00", "Cannot assign requested address")],
)
async def test_what_cannot_be_brought_up_is_one_sentence(host, name, mac, why):
    with pytest.raises(LinkError, match=f"^{name} cannot be brought up: {why}$"):
        await bring_up(name, "169.254.237.1", 32, mac=mac)


async def test_addresses_of_an_interface_that_is_not_there(host):
    addresses = Addresses()
    try:
        assert not await addresses.present("10.9.0.1", "nowhere")
        assert not await addresses.remove("10.9.0.1", 24, "nowhere")
        with pytest.raises(
            AddressError, match=r"^10\.9\.0\.1/24 cannot be added to nowhere: No such device$"
        ):
            await addresses.add("10.9.0.1", 24, "nowhere")
        assert await addresses.present("10.9.0.1", "a0")
    finally:
        await addresses.close()


async def test_addresses_are_added_side_by_side(host):
    """The first of them opens the socket for all."""
    addresses = Addresses()
    try:
        made = await asyncio.gather(*(addresses.add(f"10.9.1.{n}", 32, "a0") for n in range(20)))
        assert made == [True] * 20
    finally:
        await addresses.close()


DIES = """
import os, signal, sys
from lbd.kernel.settings import Settings
Settings(sys.argv[1]).set("net.ipv4.conf.a0.rp_filter", "2", "a test")
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_successor_puts_back_what_a_killed_one_had_set(host, tmp_path):
    path = "/proc/sys/net/ipv4/conf/a0/rp_filter"
    host.run("sysctl", "-q", "-w", "net.ipv4.conf.a0.rp_filter=1")
    file = str(tmp_path / "settings")
    first = await asyncio.create_subprocess_exec(
        *host.command(sys.executable, "-c", DIES, file), cwd=os.getcwd()
    )
    assert await asyncio.wait_for(first.wait(), 20) == -signal.SIGKILL
    assert host.run("cat", path) == "2\n"
    Settings(file)
    assert host.run("cat", path) == "1\n"
    assert not os.path.exists(file)
