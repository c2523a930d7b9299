# SPDX-License-Identifier: Apache-2.0
"""Trackers, who tracks them, and who is told: definitions, references in order, weights, FIFOs and mail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, load
from lbd.model import (
    BfdInstance,
    Config,
    Fifo,
    Mail,
    Script,
    Tracked,
    TrackFile,
    TrackProcess,
    VrrpInstance,
    VrrpScript,
)

Parse = Callable[[str], Loaded]

SECURE = "global_defs {\n enable_script_security\n script_user root\n}\n"


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(text: str) -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(text)
        return load(
            str(file), config_id="host", interfaces=["eth0", "eth1"], resolve={"mail": "10.0.0.9"}.get
        )

    return run


def instance(extra: str = "", name: str = "V", vrid: int = 5) -> str:
    return (
        f"vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {extra}\n"
        " virtual_ipaddress {\n 10.0.0.5/24\n }\n}\n"
    )


def config(loaded: Loaded) -> Config:
    assert loaded.config is not None
    return loaded.config


def codes(loaded: Loaded) -> list[str]:
    return [found.code for found in loaded.diagnostics if found.code != "LB0115"]


def script(*argv: str) -> Script:
    return Script(argv=argv, secure=True)


def test_a_script_that_is_tracked(parse: Parse) -> None:
    text = (
        "vrrp_script S {\n script \"/bin/sh -c 'exit 0'\"\n interval 0.5\n timeout 2\n weight -20 reverse\n rise 2\n"
        " fall 3\n init_fail\n}\nvrrp_script unused {\n script /bin/true\n}\n"
    )
    loaded = parse(SECURE + text + instance("track_script {\n S\n }"))
    assert codes(loaded) == []
    assert config(loaded).vrrp_scripts == (
        VrrpScript(
            name="S",
            script=script("/bin/sh", "-c", "exit 0"),
            interval=0.5,
            timeout=2.0,
            rise=2,
            fall=3,
            init_fail=True,
        ),
    )
    assert config(loaded).vrrp_instances[0].tracking.scripts == (Tracked(name="S", weight=-20, reverse=True),)


def test_the_weight_of_the_reference_counts(parse: Parse) -> None:
    text = "vrrp_script S {\n script /bin/true\n weight 5 reverse\n}\n"
    loaded = parse(SECURE + text + instance("track_script {\n S weight 7\n S weight 8\n }"))
    assert config(loaded).vrrp_instances[0].tracking.scripts == (Tracked(name="S", weight=7),)
    assert codes(loaded) == ["LB0317"]


def test_a_script_that_is_not_there_makes_no_fault(parse: Parse) -> None:
    text = "vrrp_script S {\n script /no/such/script\n}\n"
    loaded = parse(SECURE + text + instance("track_script {\n S\n }"))
    assert config(loaded).vrrp_instances[0].tracking.scripts == ()
    assert (codes(loaded), loaded.exit_code) == (["LB0316"], 5)


def test_definitions_come_first(parse: Parse) -> None:
    loaded = parse(instance("track_file {\n F\n }") + "track_file F {\n file /f\n}\n")
    assert codes(loaded) == ["LB0315"]
    assert config(loaded).vrrp_instances[0].tracking.files == ()


def test_files_processes_and_sessions(parse: Parse) -> None:
    text = (
        "track_file F {\n file /f\n init_file 3 overwrite\n}\nvrrp_track_file G {\n file /g\n weight 0\n init_file\n}\n"
        "vrrp_track_process P {\n process /bin/x -a b\n quorum 2\n delay 3\n fork_delay 1\n}\n"
        "vrrp_track_process Q {\n process y\n param_match initial\n}\n"
        "bfd_instance B {\n neighbor_ip 10.0.0.9\n min_rx 20.5\n idle_tx 2000\n hoplimit 7\n vrrp\n weight 9\n}\n"
    )
    tracks = "track_file {\n F\n }\n track_process {\n P weight 4\n }\n track_bfd {\n B\n }"
    loaded = parse(text + instance(tracks))
    found = config(loaded)
    assert found.track_files == (
        TrackFile(name="F", file="/f", init_value=3, overwrite=True),
        TrackFile(name="G", file="/g", init_value=0),
    )
    assert found.track_processes == (
        TrackProcess(
            name="P", process="/bin/x", parameters=("-a", "b"), param_match="exact", full_command=True, quorum=2,
            fork_delay=1.0, terminate_delay=3.0,
        ),
        TrackProcess(name="Q", process="y", param_match="initial", full_command=True),
    )  # fmt: skip
    assert found.bfd_instances == (
        BfdInstance(name="B", neighbor_ip="10.0.0.9", min_rx=0.0205, idle_tx=2.0, ttl=7, checker=False),
    )
    tracking = found.vrrp_instances[0].tracking
    assert tracking.files == (Tracked(name="F", weight=1),)
    assert tracking.processes == (Tracked(name="P", weight=4),)
    assert tracking.bfds == (Tracked(name="B", weight=9),)


TRACKS = "vrrp_script S {\n script /bin/true\n weight 5\n}\ntrack_file F {\n file /f\n}\n"
ALL = "track_script {\n S\n }\n track_file {\n F\n }\n track_interface {\n eth1 weight 3\n }"


@pytest.mark.parametrize("why", ["owner", "group", "allowed"])
def test_weights_where_none_may_be(parse: Parse, why: str) -> None:
    group = (
        "vrrp_sync_group G {\n group {\n V\n W\n }\n"
        + ("sync_group_tracking_weight\n" if why == "allowed" else "")
        + "}\n"
    )
    text = TRACKS + instance(ALL + ("\n priority 255" if why == "owner" else "")) + instance(name="W", vrid=6)
    loaded = parse(SECURE + text + (group if why != "owner" else ""))
    found = config(loaded).vrrp_instances[0]
    scripts, files = found.tracking.scripts, found.tracking.files
    if why == "allowed":
        assert (len(scripts), files[0].weight, found.track_interface[0].weight) == (1, 1, 3)
    else:
        assert (scripts, files) == ((), (Tracked(name="F", weight=0),))
        assert [one.weight for one in found.track_interface] == ([0] if why == "group" else [])
    assert codes(loaded) == ([] if why == "allowed" else ["LB0325"] * 3)


def test_who_is_told(parse: Parse) -> None:
    text = (
        "global_defs {\n enable_script_security\n script_user root\n router_id R\n smtp_alert\n smtp_server mail 26\n"
        " notification_email {\n a@b c@d\n }\n smtp_connect_timeout 9\n notify_fifo /run/f daemon\n"
        " notify_fifo_script /bin/cat x\n vrrp_notify_fifo /run/f\n lvs_notify_fifo /run/g\n"
        " startup_script /bin/start\n startup_script_timeout 3\n vrrp_notify_priority_changes\n}\n"
    )
    notify = "notify_master /bin/m 'a b'\n notify_master /bin/n\n notify_deleted\n smtp_alert off"
    loaded = parse(text + instance(notify) + instance(name="W", vrid=6))
    telling = config(loaded).global_defs.telling
    assert telling.notify_fifo == Fifo(path="/run/f", uid=1, gid=1, script=script("/bin/cat", "x"))
    assert telling.vrrp_notify_fifo is None, "it would be told twice"
    assert telling.lvs_notify_fifo == Fifo(path="/run/g")
    assert telling.mail is not None
    assert telling.mail == Mail(
        smtp_server="10.0.0.9", port=26, helo_name=telling.mail.helo_name, connect_timeout=9.0,
        sender=telling.mail.sender, recipients=("a@b", "c@d"),
    )  # fmt: skip
    assert telling.mail.sender.endswith("@R")
    assert (telling.startup_script, telling.startup_script_timeout) == (script("/bin/start"), 3.0)
    first, second = config(loaded).vrrp_instances
    assert first.notify.notify_master == script("/bin/m", "a b")
    assert (first.notify.deleted, first.notify.notify_deleted, first.notify.smtp_alert) == (True, None, False)
    assert (second.notify.deleted, second.notify.smtp_alert, second.notify.notify_priority_changes) == (
        False,
        True,
        True,
    )
    assert codes(loaded) == ["LB0204"]


def test_a_mail_server_without_address_gets_no_mail(parse: Parse) -> None:
    loaded = parse(
        "global_defs {\n smtp_server nosuch.invalid\n notification_email {\n a@b\n }\n}\n" + instance()
    )
    assert config(loaded).global_defs.telling.mail is None
    assert (codes(loaded), loaded.exit_code) == (["LB0604"], 5)


def only(loaded: Loaded) -> VrrpInstance:
    (found,) = config(loaded).vrrp_instances
    return found


def test_strict_mode_puts_back_what_the_rfc_does_not_know(parse: Parse) -> None:
    extra = (
        "strict_mode\n priority 90\n state MASTER\n authentication {\n auth_type PASS\n auth_pass x\n }\n"
        " preempt_delay 5\n down_timer_adverts 5\n accept\n garp_lower_prio_repeat 4\n higher_prio_send_advert\n"
    )
    loaded = parse(instance(extra))
    found = only(loaded)
    assert (found.state.value, found.auth_type.value, found.preempt_delay) == ("BACKUP", "NONE", 0.0)
    assert (found.down_timer_adverts, found.accept, found.garp_lower_prio_repeat) == (3, False, 0)
    assert (found.lower_prio_no_advert, found.higher_prio_send_advert) == (True, False)
    assert set(codes(loaded)) == {"LB0307", "LB0321"}
    assert loaded.exit_code == 5


def test_keys_of_auth_hmac(parse: Parse, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"k" * 40 + b"\n")
    secret.chmod(0o600)
    keys = f"key 1 hex:{'ab' * 32}\n key 2 file:{secret}\n key 3 short\n active_key 2\n mode permissive"
    found = only(loaded := parse(instance(f"advert_int 2\n auth_hmac {{\n {keys}\n }}")))
    assert found.auth_hmac is not None
    assert [(key.id, key.secret) for key in found.auth_hmac.keys] == [(1, b"\xab" * 32), (2, b"k" * 40)]
    assert (found.auth_hmac.active_key, found.auth_hmac.time_window, found.auth_hmac.mode) == (
        2,
        6.0,
        "permissive",
    )
    assert codes(loaded) == ["LB0201"]
    assert "short" not in str([d.message for d in loaded.diagnostics])
    secret.chmod(0o644)
    loaded = parse(instance(f"auth_hmac {{\n {keys}\n }}"))
    assert (loaded.exit_code, "LB0602" in codes(loaded)) == (6, True)


def test_interfaces_of_their_own(parse: Parse) -> None:
    first = instance("use_vmac name vip5 02:00:00:00:01 netlink_notify_msg\n vmac_xmit_base")
    second = instance("use_vmac vip5", name="W", vrid=6)
    third = instance("use_ipvlan ipv7 10.0.0.77/24 private", name="X", vrid=7)
    loaded = parse(first + second + third)
    vmac, other, ipvlan = (one.use_vmac or one.use_ipvlan for one in config(loaded).vrrp_instances)
    assert vmac is not None
    assert (vmac.name, vmac.mac, vmac.netlink_notify_msg) == ("vip5", bytes.fromhex("020000000105"), True)
    assert other is not None
    assert other.name is None
    assert config(loaded).vrrp_instances[2].use_ipvlan is ipvlan
    assert (ipvlan.name, ipvlan.address, ipvlan.prefix, ipvlan.mode) == ("ipv7", "10.0.0.77", 24, "private")
    assert codes(loaded) == ["LB0322"]


def test_pace_and_delays_of_interfaces(parse: Parse) -> None:
    text = (
        "garp_group {\n garp_interval 0.5\n interface eth0\n}\n"
        "garp_group {\n gna_interval 1\n interfaces {\n eth0 eth1\n }\n}\n"
        "garp_group {\n interface eth1\n}\ninterface_up_down_delays {\n eth0 3\n eth1 1 2\n eth9 4\n}\n"
    )
    loaded = parse(text)
    assert [(one.interfaces, one.garp_interval, one.gna_interval) for one in config(loaded).garp_groups] == [
        (("eth0",), 0.5, None),
        (("eth1",), None, 1.0),
    ]
    assert [(one.interface, one.down, one.up) for one in config(loaded).interface_up_down_delays] == [
        ("eth0", 3.0, 3.0),
        ("eth1", 1.0, 2.0),
    ]
    assert sorted(codes(loaded)) == ["LB0204", "LB0323", "LB0504"]


def test_a_command_that_others_may_change_is_named(tmp_path: Path) -> None:
    program = tmp_path / "check.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    file = tmp_path / "keepalived.conf"
    file.write_text(
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n"
        f" notify {program}\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n}}\n"
    )
    loaded = load(str(file), config_id="host", interfaces={"eth0"})
    [said] = [one.message for one in loaded.diagnostics if one.code == "LB0601"]
    assert loaded.exit_code == 6
    # as root the program; as somebody else the first directory that is not root's
    assert "(mode 0" in said
    if os.geteuid() == 0:
        assert f"{program} is writable by others than root (mode 0777)" in said


def test_old_names_and_names_of_processes(parse: Parse) -> None:
    text = (
        "instance blue\nglobal_defs {\n vrrp_rlimit_rtime 5000\n lvs_process_name watch\n process_name main\n"
        " vrrp_rx_bufs_policy mtu\n json_version 2\n state_dump_file /run/state\n data_use_instance\n nftables\n}\n"
    )
    defs = config(parse(text)).global_defs
    assert (defs.vrrp_rlimit_rttime, defs.checker_process_name, defs.process_name) == (5000, "watch", "main")
    assert (defs.instance, defs.data_use_instance, defs.vrrp_rx_bufs_policy) == ("blue", True, "MTU")
    assert (defs.json_version, defs.state_dump_file, defs.nftables) == ("2", "/run/state", "lbd_no_accept")
