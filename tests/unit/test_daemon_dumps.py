# SPDX-License-Identifier: Apache-2.0
"""Dump files: keepalived's layout, and nothing of anybody else's is written to."""

from __future__ import annotations

import json
import os
import stat

import msgspec
import pytest

from lbd.daemon import dumps
from lbd.daemon.dumps import Dumps
from lbd.model import (
    Config,
    GlobalDefs,
    Notify,
    Protocol,
    Script,
    ServiceAddress,
    Tracked,
    Tracking,
    TrackProcess,
    VirtualAddress,
    VirtualServer,
    VrrpInstance,
    VrrpScript,
)
from lbd.model.service import RealServer
from lbd.model.status import CheckRoleStatus, RealStatus, ServiceStatus, VrrpRoleStatus, VrrpStatus

INSTANCE = VrrpInstance(
    name="VI_1",
    interface="a0",
    virtual_router_id=5,
    version=3,
    advert_int=0.3,
    auth_pass=b"secret",
    virtual_ipaddress=(VirtualAddress(address="10.99.0.100", prefix=24, dev="a0"),),
    tracking=Tracking(scripts=(Tracked(name="chk", weight=10),)),
    notify=Notify(notify_master=Script(argv=("/etc/n.sh", "master"))),
)
CONFIG = Config(
    vrrp_instances=(INSTANCE,), vrrp_scripts=(VrrpScript(name="chk", script=Script(argv=("/etc/chk.sh",))),)
)
STATUS = VrrpStatus(
    name="VI_1",
    interface="a0",
    virtual_router_id=5,
    state="MASTER",
    priority=100,
    effective_priority=110,
    virtual_addresses=("10.99.0.100",),
    since=12.0,
    adverts_sent=72,
    adverts_received=4,
    became_master=3,
    released_master=2,
    zero_sent=2,
    errors={"packet length": 7, "authentication failure": 1},
)
STATS = """\
VRRP Instance: VI_1
  Advertisements:
    Received: 4
    Sent: 72
  Became master: 3
  Released master: 2
  Packet Errors:
    Length: 7
    TTL: 0
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: 0
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 1
  Priority Zero:
    Received: 0
    Sent: 2
"""


async def nobody() -> CheckRoleStatus | None:
    return None


class Vrrp:
    def __init__(self) -> None:
        self.status: VrrpStatus | None = STATUS

    async def ask(self) -> VrrpRoleStatus | None:
        return VrrpRoleStatus(pid=1, instances=(self.status,)) if self.status else None


@pytest.fixture
def vrrp(tmp_path, monkeypatch) -> Vrrp:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return Vrrp()


@pytest.fixture
def dumping(vrrp: Vrrp) -> Dumps:
    made = Dumps(vrrp.ask, nobody)
    made.config = CONFIG
    return made


async def test_statistics_and_clearing_them(dumping, vrrp, tmp_path):
    await dumping.stats()
    assert (tmp_path / "keepalived.stats").read_text() == STATS
    assert stat.S_IMODE((tmp_path / "keepalived.stats").stat().st_mode) == 0o600
    await dumping.stats(clear=True)
    assert (tmp_path / "keepalived.stats").read_text() == STATS, "written first, cleared then"
    vrrp.status = msgspec.structs.replace(STATUS, adverts_sent=75)
    await dumping.stats()
    text = (tmp_path / "keepalived.stats").read_text()
    assert "Sent: 3\n" in text
    assert "Length: 0\n" in text
    vrrp.status = msgspec.structs.replace(STATUS, adverts_sent=1, errors={})  # another process counts from 0
    await dumping.stats()
    assert "Sent: 1\n" in (tmp_path / "keepalived.stats").read_text()


async def test_json_has_keepaliveds_names(dumping, tmp_path):
    await dumping.json()
    text = (tmp_path / "keepalived.json").read_text()
    assert "\\/etc\\/n.sh" in text
    assert "secret" not in text
    [one] = json.loads(text)
    data = one["data"]
    expected = {
        "iname": "VI_1",
        "vrid": 5,
        "base_priority": 100,
        "effective_priority": 110,
        "state": 2,
        "vipset": True,
        "adver_int": 0.3,
        "garp_delay": 5,
        "script_master": "'/etc/n.sh' 'master'",
        "vips": ["10.99.0.100/24 dev a0 scope global set"],
        "track_script": ["'/etc/chk.sh'"],
        "auth_type": 0,
    }
    assert {name: data[name] for name in expected} == expected
    assert "script_fault" not in data
    assert (one["stats"]["advert_sent"], one["stats"]["packet_len_err"], one["stats"]["pri_zero_sent"]) == (
        72,
        7,
        2,
    )


async def test_data_tells_of_instances_and_no_passwords(dumping, tmp_path):
    await dumping.data()
    lines = (tmp_path / "keepalived.data").read_text().splitlines()
    assert "------< VRRP Topology >------" in lines
    for line in (
        " VRRP Instance = VI_1",
        "   State = MASTER",
        "   Advert interval = 300 milli-sec",
        "     10.99.0.100/24 dev a0 scope global set",
        "     chk weight 10",
        "   Master state transition script = '/etc/n.sh' 'master', uid:gid 0:0",
    ):
        assert line in lines
    assert "secret" not in "".join(lines)
    assert (tmp_path / "keepalived_parent.data").exists()


async def test_without_a_vrrp_process_there_is_nothing_to_tell(dumping, vrrp, tmp_path):
    vrrp.status = None
    await dumping.stats()
    await dumping.json()
    assert (tmp_path / "keepalived.stats").read_text() == ""
    assert json.loads((tmp_path / "keepalived.json").read_text()) == []


def test_a_link_in_its_place_is_replaced_and_not_followed(vrrp, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "keepalived.data").symlink_to(victim)
    dumps.write(dumps.path_of("keepalived.data", Config()), "dump\n")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "keepalived.data").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["keepalived.data", "victim"]


async def test_a_directory_that_is_not_there_is_said(dumping, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "no"))
    await dumping.stats()
    assert "No such file or directory" in caplog.text


GLOBALS = GlobalDefs(
    instance="blue", data_use_instance=True, json_version="2", stats_dump_file="/nowhere", json_dump_file="j"
)


def test_names_of_dump_files(vrrp, tmp_path):
    config = Config(global_defs=GLOBALS)
    assert dumps.path_of("keepalived.data", config) == str(tmp_path / "keepalived_blue.data")
    assert dumps.path_of("keepalived.stats", config, GLOBALS.stats_dump_file) == "/nowhere"
    assert dumps.path_of("keepalived.data", Config()) == str(tmp_path / "keepalived.data")


async def test_json_of_version_2_goes_where_it_is_told(dumping, tmp_path):
    process = TrackProcess(name="p", process="haproxy", quorum=2)
    dumping.config = msgspec.structs.replace(CONFIG, global_defs=GLOBALS, track_processes=(process,))
    await dumping.json()
    dump = json.loads((tmp_path / "j").read_text())
    assert [one["data"]["iname"] for one in dump["vrrp"]] == ["VI_1"]
    assert dump["track_process"][0]["process"] == "haproxy"
    assert (dump["track_process"][0]["min_processes"], dump["track_process"][0]["have_quorum"]) == (2, False)


async def test_virtual_servers_have_a_file_of_their_own(vrrp, tmp_path):
    real = RealServer(address="10.0.0.2", port=80)
    service = VirtualServer(
        name="[10.0.0.1]:tcp:80",
        addresses=(ServiceAddress(protocol=Protocol.TCP, address="10.0.0.1", port=80),),
        protocol=Protocol.TCP,
        real_servers=(real,),
    )
    seen = RealStatus(
        address="10.0.0.2", port=80, weight=1, effective_weight=0, healthy=False, reason="refused"
    )
    status = ServiceStatus(
        name=service.name,
        addresses=("TCP 10.0.0.1:80",),
        lb_algo="wlc",
        quorum_up=False,
        real_servers=(seen,),
    )

    async def ask() -> CheckRoleStatus:
        return CheckRoleStatus(pid=2, dp="connected", services=(status,))

    made = Dumps(nobody, ask)
    made.config = Config(virtual_servers=(service,))
    await made.data()
    lines = (tmp_path / "keepalived_check.data").read_text().splitlines()
    for line in ("------< LVS Topology >------", "   Quorum state = DOWN", "     Last failure = refused"):
        assert line in lines
    assert not (tmp_path / "keepalived.data").exists(), "there is no vrrp process"
