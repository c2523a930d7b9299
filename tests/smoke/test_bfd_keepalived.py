# SPDX-License-Identifier: Apache-2.0
"""Sessions with keepalived's BFD process in another namespace: up, and down when it is gone, over IPv4 and IPv6."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbd.bfd.sessions import Sessions
from lbd.daemon.vrrp import VrrpRole
from lbd.model import BfdInstance, Config, Tracked, Tracking, VirtualAddress, VrrpInstance
from tests.smoke.namespace import Namespace
from tests.smoke.program import Program

pytestmark = pytest.mark.root

CONFIGURATION = """\
global_defs {
  router_id peer
}
bfd_instance four {
  neighbor_ip 10.9.0.1
  source_ip 10.9.0.2
  min_rx 50
  min_tx 50
}
bfd_instance six {
  neighbor_ip fd09::1
  source_ip fd09::2
  min_rx 50
  min_tx 50
}
vrrp_instance unused {
  interface b0
  virtual_router_id 250
  virtual_ipaddress {
    10.9.0.250
  }
}
"""
FOUR = BfdInstance(name="four", neighbor_ip="10.9.0.2", source_ip="10.9.0.1", min_rx=0.05, min_tx=0.05)
SIX = BfdInstance(name="six", neighbor_ip="fd09::2", source_ip="fd09::1", min_rx=0.05, min_tx=0.05)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Program]:
    """keepalived in its namespace; the test itself is in the other."""
    here, there = Namespace(f"lbdb{os.getpid()}"), Namespace(f"lbdc{os.getpid()}")
    for host in (here, there):
        host.create()
    try:
        here.ip(f"link add a0 type veth peer name b0 netns {there.name}", "link set a0 up")
        here.ip("addr add 10.9.0.1/24 dev a0", "addr add fd09::1/64 dev a0 nodad")
        there.ip("link set b0 up", "addr add 10.9.0.2/24 dev b0", "addr add fd09::2/64 dev b0 nodad")
        (tmp_path / "keepalived.conf").write_text(CONFIGURATION)
        pids = [f"{option}{tmp_path}/{option.strip('-')}.pid" for option in ("-p", "-r", "-b", "-c")]
        command = ["keepalived", "-n", "-l", "-D", "-f", str(tmp_path / "keepalived.conf"), *pids]
        program = Program(there, "keepalived", tmp_path / "log", *command)
        with here.entered():
            yield program
        there.kill()
        program.process.wait()
    finally:
        for host in (here, there):
            host.delete()


async def test_sessions_come_up_and_go_down_with_the_peer(peer):
    changes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
    sessions = Sessions(lambda name, up: changes.put_nowait((name, up)))
    sessions.configure([FOUR, SIX])
    async with asyncio.timeout(20):
        assert {await changes.get() for _ in range(2)} == {("four", True), ("six", True)}
    await peer.says(r"BFD_Instance\(four\) Entering UP state|four.*Up", 10)
    peer.host.kill(signal.SIGKILL)
    async with asyncio.timeout(10):
        assert {await changes.get() for _ in range(2)} == {("four", False), ("six", False)}
    sessions.close()


async def test_an_instance_follows_the_session_that_it_tracks(peer, tmp_path):
    instance = VrrpInstance(
        name="VI_1",
        interface="a0",
        virtual_router_id=1,
        version=3,
        advert_int=0.05,
        virtual_ipaddress=(VirtualAddress(address="10.9.0.100", prefix=24, dev="a0"),),
        tracking=Tracking(bfds=(Tracked(name="four"),)),
    )
    role = VrrpRole(dp_socket=None, beside=str(tmp_path / "vrrp"))
    await role.start(Config(vrrp_instances=(instance,), bfd_instances=(FOUR,)))
    assert role.status().instances[0].state == "FAULT", "down until it is told of"
    for state, then in (("MASTER", lambda: peer.host.kill(signal.SIGKILL)), ("FAULT", lambda: None)):
        async with asyncio.timeout(20):
            while role.status().instances[0].state != state:
                await asyncio.sleep(0.01)
        then()
    await role.stop()
