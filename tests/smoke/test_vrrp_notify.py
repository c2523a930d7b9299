# SPDX-License-Identifier: Apache-2.0
"""The vrrp role tells of its transitions: real scripts, a FIFO with a reader, both of the parent's scripts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbd.daemon import own_scripts
from lbd.daemon.vrrp import VrrpRole
from lbd.model import (
    Config,
    Fifo,
    GlobalDefs,
    Notify,
    Script,
    Telling,
    VirtualAddress,
    VrrpInstance,
    VrrpSyncGroup,
)
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    host = Namespace(f"lbdn{os.getpid()}")
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


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def holds(path: Path, *lines: str) -> None:
    """These lines, in whatever order: scripts overtake each other."""
    async with asyncio.timeout(10):
        while not path.exists() or sorted(path.read_text().splitlines()) != sorted(lines):
            await asyncio.sleep(0.01)


async def test_scripts_and_fifo_hear_of_a_whole_life(host, tmp_path):
    said = tmp_path / "said"
    script = program(tmp_path / "notify.sh", f'echo "$@" >>{said}')
    reader = program(tmp_path / "reader.sh", f'cat "$1" >>{tmp_path}/read')
    notify = Notify(
        notify=Script(argv=(script,)),
        notify_master=Script(argv=(script, "two words", "$HOME")),
        notify_stop=Script(argv=(script, "end")),
    )
    instance = VrrpInstance(
        name="VI_1",
        interface="a0",
        virtual_router_id=1,
        version=3,
        advert_int=0.05,
        virtual_ipaddress=(VirtualAddress(address="10.9.0.100", prefix=24, dev="a0"),),
        notify=notify,
    )
    fifo = Fifo(path=str(tmp_path / "fifo"), script=Script(argv=(reader,)))
    config = Config(
        global_defs=GlobalDefs(telling=Telling(notify_fifo=fifo, fifo_write_vrrp_states_on_reload=True)),
        vrrp_instances=(instance,),
        vrrp_sync_groups=(VrrpSyncGroup(name="G", members=("VI_1",), notify=notify),),
    )
    role = VrrpRole(dp_socket=None, beside=str(tmp_path / "vrrp.sock"))
    await role.start(config)
    started = [f"{kind} BACKUP {priority}" for kind, priority in (("INSTANCE VI_1", 100), ("GROUP G", 0))]
    started += [f"{kind} MASTER {priority}" for kind, priority in (("INSTANCE VI_1", 100), ("GROUP G", 0))]
    started += ["two words $HOME"] * 2
    await holds(said, *started)
    lines = [
        'INSTANCE "VI_1" BACKUP 100',
        'GROUP "G" BACKUP 0',
        'INSTANCE "VI_1" MASTER 100',
        'GROUP "G" MASTER 0',
    ]
    await holds(tmp_path / "read", *lines)
    assert (tmp_path / "read").read_text().splitlines() == lines
    await role.reload(config)
    await holds(tmp_path / "read", *lines, *lines[2:])
    await role.stop()
    await holds(said, *started, "end", "end", "INSTANCE VI_1 STOP 100", "GROUP G STOP 0")
    assert not (tmp_path / "fifo").exists()


async def test_scripts_of_the_parent_are_waited_for_and_bounded(tmp_path, caplog):
    caplog.set_level("INFO")
    done = tmp_path / "done"
    await own_scripts.run(
        "startup", Script(argv=(program(tmp_path / "a.sh", f"sleep 0.2; touch {done}"),)), 10
    )
    assert done.exists()
    await own_scripts.run("shutdown", Script(argv=(program(tmp_path / "b.sh", "exec sleep 1000"),)), 0.3)
    await own_scripts.run("startup", None, 10)
    said = [record.message for record in caplog.records if record.name == "lbd.supervisor"]
    assert said[1::2] == ["startup script succeeded", "shutdown script: timed out after 0.3 s"]
