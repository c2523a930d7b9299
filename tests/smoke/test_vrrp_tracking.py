# SPDX-License-Identifier: Apache-2.0
"""The vrrp role with real scripts, files and processes: what is tracked decides priority and state."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from lbd.daemon.vrrp import VrrpRole
from lbd.model import (
    Config,
    Script,
    Tracked,
    TrackedInterface,
    TrackFile,
    Tracking,
    TrackProcess,
    VirtualAddress,
    VrrpInstance,
    VrrpScript,
)
from lbd.model.status import VrrpStatus
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    host = Namespace(f"lbdw{os.getpid()}")
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


@pytest_asyncio.fixture
async def role(host: Namespace, tmp_path: Path) -> AsyncIterator[VrrpRole]:
    role = VrrpRole(dp_socket=None, beside=str(tmp_path / "vrrp.sock"))
    yield role
    await role.stop()


def config(place: Path, tracking: Tracking, *interfaces: TrackedInterface) -> Config:
    instance = VrrpInstance(
        name="VI_1",
        interface="a0",
        virtual_router_id=1,
        version=3,
        advert_int=0.05,
        virtual_ipaddress=(VirtualAddress(address="10.9.0.100", prefix=24, dev="a0"),),
        track_interface=interfaces,
        tracking=tracking,
    )
    return Config(
        vrrp_instances=(instance,),
        vrrp_scripts=(
            VrrpScript(name="s", script=Script(argv=(str(place / "check.sh"),)), interval=0.05, timeout=2),
        ),
        track_files=(TrackFile(name="f", file=str(place / "deep/value"), init_value=3),),
        track_processes=(TrackProcess(name="p", process="lbd-tracked"),),
    )


async def becomes(role: VrrpRole, true: Callable[[VrrpStatus], bool]) -> VrrpStatus:
    async with asyncio.timeout(10):
        while not true(now := role.status().instances[0]):
            await asyncio.sleep(0.01)
    return now


def write(path: Path, text: str) -> None:
    """As programs should: another file of that name, at once."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").chmod(0o755)
    path.with_suffix(".new").rename(path)


async def test_a_script_decides(role, tmp_path):
    write(tmp_path / "check.sh", "#!/bin/sh\nexit 1\n")
    await role.start(config(tmp_path, Tracking(scripts=(Tracked(name="s"),))))
    now = await becomes(role, lambda one: one.state == "FAULT")
    assert now.reason == "script s"
    write(tmp_path / "check.sh", "#!/bin/sh\nexit 0\n")
    await becomes(role, lambda one: one.state == "MASTER")
    (tmp_path / "check.sh").unlink()
    await becomes(role, lambda one: one.state == "FAULT")


async def test_the_number_in_a_file_is_added(role, tmp_path):
    (tmp_path / "deep").mkdir()
    await role.start(config(tmp_path, Tracking(files=(Tracked(name="f", weight=2),))))
    assert (tmp_path / "deep/value").read_text() == "3\n"
    await becomes(role, lambda one: one.state == "MASTER" and one.effective_priority == 106)
    write(tmp_path / "deep/value", "10\n")
    await becomes(role, lambda one: one.effective_priority == 120)
    (tmp_path / "deep/value").write_text("-200")
    await becomes(role, lambda one: one.state == "FAULT")
    shutil.rmtree(tmp_path / "deep")
    await becomes(role, lambda one: one.state == "MASTER" and one.effective_priority == 100)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/value").write_text("1")
    await becomes(role, lambda one: one.effective_priority == 102)


async def test_a_process_has_to_run(role, tmp_path):
    """A namespace of its own has no process connector: /proc is read instead."""
    await role.start(config(tmp_path, Tracking(processes=(Tracked(name="p", weight=9),))))
    program = tmp_path / "lbd-tracked"
    shutil.copy("/bin/sleep", program)
    await becomes(role, lambda one: one.state == "MASTER" and one.effective_priority == 100)
    with subprocess.Popen([program, "1000"]) as process:
        await becomes(role, lambda one: one.effective_priority == 109)
        process.kill()
    await becomes(role, lambda one: one.effective_priority == 100)


async def test_an_interface_has_to_be_up(role, host, tmp_path):
    host.ip("link add c0 type veth peer name d0", "link set c0 up", "link set d0 up")
    tracked = TrackedInterface(interface="c0", weight=-30)
    await role.start(config(tmp_path, Tracking(), tracked))
    await becomes(role, lambda one: one.state == "MASTER" and one.effective_priority == 100)
    host.ip("link set d0 down")
    await becomes(role, lambda one: one.effective_priority == 70)
    await role.reload(config(tmp_path, Tracking(), TrackedInterface(interface="c0")))
    await becomes(role, lambda one: one.state == "FAULT")
    host.ip("link set d0 up")
    await becomes(role, lambda one: one.state == "MASTER")
