# SPDX-License-Identifier: Apache-2.0
"""The entry point and how messages print."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import get_args

import pytest

from lbd.confparser import Diagnostic, Severity, colour_wanted, default_config_id, load, render
from lbd.confparser.diagnostics import MAX_DIAGNOSTICS, closest
from lbd.model import Check, Config, VirtualServer

EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_load_clean(file: Path) -> None:
    loaded = load(str(file), config_id="host", interfaces=["eth0", "eth1"])
    assert loaded.diagnostics == ()
    assert loaded.exit_code == 0
    assert loaded.config is not None
    assert loaded.config != Config()


def test_the_demo_has_its_examples() -> None:
    names = {file.stem for file in EXAMPLES}
    assert {f"{mode}-{lb}" for mode in ("fnat", "nat", "dr") for lb in ("lb1", "lb2")} <= names
    assert {"vrrp-only", "ipv6-fnat"} <= names


def test_the_examples_have_every_kind_of_check() -> None:
    found = {
        type(check) for service in _services() for server in service.real_servers for check in server.checks
    }
    assert found == set(get_args(Check))


def test_the_examples_have_each_way_of_forwarding_for_both_families() -> None:
    found = {(server.method.name, ":" in server.address) for s in _services() for server in s.real_servers}
    assert found >= {(name, six) for name in ("NAT", "DR", "FNAT") for six in (False, True)} | {
        ("TUN", False)
    }


def test_the_example_of_equal_cost_has_two_next_hops() -> None:
    config = load(str(EXAMPLES[0].parent / "ecmp.conf")).config
    assert config is not None
    (instance,) = config.vrrp_instances
    assert [hop.via for hop in instance.virtual_routes[0].nexthops] == ["192.0.2.1", "192.0.2.2"]


def _services() -> list[VirtualServer]:
    configs = [load(str(file)).config for file in EXAMPLES]
    return [service for config in configs if config is not None for service in config.virtual_servers]


@pytest.mark.parametrize("mode", ["fnat", "nat", "dr"])
def test_the_pair_agrees_on_everything_but_who_is_master(mode: str) -> None:
    pair = [load(str(EXAMPLES[0].parent / f"{mode}-{lb}.conf")).config for lb in ("lb1", "lb2")]
    one, two = pair
    assert one is not None
    assert two is not None
    assert one.virtual_servers == two.virtual_servers
    for mine, theirs in zip(one.vrrp_instances, two.vrrp_instances, strict=True):
        assert (mine.state.value, mine.priority, theirs.state.value, theirs.priority) == (
            "MASTER",
            150,
            "BACKUP",
            100,
        )
        assert mine.virtual_ipaddress == theirs.virtual_ipaddress
    ranges = {r for config in (one, two) for group in config.local_address_groups for r in group.ranges}
    assert len(ranges) == (4 if mode == "fnat" else 0)


@pytest.mark.parametrize("kind", ["missing", "directory", "device", "dangling"])
def test_a_main_file_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.conf"
    if kind == "directory":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/null")
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    loaded = load(str(path))
    assert loaded.config is None
    assert loaded.exit_code == 4
    (found,) = loaded.diagnostics
    assert found.code == "LB0001"
    assert found.severity is Severity.ERROR
    assert found.short().startswith(f"{path}: error: ")


def test_the_main_file_may_be_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("global_defs {\n router_id a\n}\n")
    (tmp_path / "b.conf").write_text("global_defs {\n router_id b\n}\n")
    config = load(str(tmp_path / "*.conf")).config
    assert config is not None
    assert config.global_defs.router_id == "b"


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text("")
    assert load(str(tmp_path / "x.conf")).config == Config()


def test_a_missing_mandatory_value_wins_over_everything(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("frobnicate\nvrrp_instance V {\n priority\n notify /bin/sh\n}\n")
    loaded = load(str(file))
    assert loaded.exit_code == 2
    assert loaded.config is None


def test_security_wins_over_errors(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("frobnicate\nvirtual_server 10.0.0.1 80 {\n quorum_up /bin/sh\n}\n")
    assert load(str(file)).exit_code == 6
    file.write_text("global_defs {\n enable_script_security\n}\n" + file.read_text())
    assert load(str(file)).exit_code == 5


def test_faults_do_not_refuse_a_start(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("frobnicate\n" + EXAMPLES[0].read_text())
    loaded = load(str(file))
    assert loaded.exit_code == 5
    assert loaded.config == load(str(EXAMPLES[0])).config


def test_messages_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("frobnicate\n" * (MAX_DIAGNOSTICS + 500))
    loaded = load(str(file))
    assert len(loaded.diagnostics) == MAX_DIAGNOSTICS
    assert loaded.diagnostics[-1].code == "LB0011"


def one(tmp_path: Path, text: str) -> Diagnostic:
    file = tmp_path / "x.conf"
    file.write_text(text)
    (found,) = load(str(file)).diagnostics
    return found


def test_human(tmp_path: Path) -> None:
    found = one(tmp_path, "global_defs {\n\trouter_ID lb1\n}\n")
    assert found.human() == (
        f"{tmp_path}/x.conf:2:2: error[LB0107]: unknown keyword 'router_ID'\n"
        "  2 | \trouter_ID lb1\n"
        "    | \t^^^^^^^^^\n"
        "  = did you mean 'router_id'?"
    )


def test_short(tmp_path: Path) -> None:
    found = one(tmp_path, "global_defs {\n vrrp_version 4\n}\n")
    assert render([found], form="short") == (
        f"{tmp_path}/x.conf:2:15: error: vrrp_version: '4' is not one of them; expected one of 2, 3 [LB0201]"
    )


def test_colour_is_only_on_request(tmp_path: Path) -> None:
    found = one(tmp_path, "frobnicate\n")
    assert "\x1b" not in render([found])
    assert re.sub(r"\x1b\[[0-9]*m", "", render([found], colour=True)) == render([found])
    assert render([found], colour=True) != render([found])


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colour_wanted(True)
    assert not colour_wanted(False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour_wanted(True)


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    found = one(tmp_path, "a\x1b[31m\x07\n")
    assert "\x1b" not in found.human()
    assert "\x1b" not in found.short()
    assert "a\\x1b[31m\\x07" in found.human()


def test_a_long_line_is_shown_in_part(tmp_path: Path) -> None:
    found = one(tmp_path, "global_defs {\n router_id lb1" + " " * 700 + "extra\n}\n")
    shown, caret = found.human().splitlines()[1:3]
    assert len(shown) < 120
    assert shown[caret.index("^") :] == "extra"
    assert caret.count("^") == 5


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("virtual_sever", "virtual_server"),
        ("Virtual_Server", "virtual_server"),
        ("vrrp_instnace", "vrrp_instance"),
        ("xyzzy", ""),
        ("v" * 10_000, ""),
    ],
)
def test_suggestions(word: str, expected: str) -> None:
    assert closest(word, ["virtual_server", "virtual_server_group", "vrrp_instance"]) == expected


def test_the_config_id_is_the_host_name_up_to_the_first_dot(tmp_path: Path) -> None:
    assert default_config_id() == os.uname().nodename.partition(".")[0]
    file = tmp_path / "x.conf"
    file.write_text("@a global_defs {\n@a router_id a\n@a }\n@b global_defs {\n@b router_id b\n@b }\n")
    config = load(str(file), config_id="b").config
    assert config is not None
    assert config.global_defs.router_id == "b"


@pytest.mark.parametrize(
    "line", ["auth_pass hunter2hunter2", "auth_pass x hunter2", "auth_pas hunter2", 'auth_pass "hunter2']
)
def test_passwords_are_never_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / "x.conf"
    file.write_text(
        "vrrp_instance V {\n interface eth0\n virtual_router_id 5\n authentication {\n"
        f" auth_type PASS\n {line}\n }}\n virtual_ipaddress {{\n 10.0.0.1\n }}\n}}\n"
    )
    loaded = load(str(file))
    assert loaded.diagnostics
    assert "unter2" not in render(loaded.diagnostics)
    assert "unter2" not in render(loaded.diagnostics, form="short")
    assert "unter2" not in repr(loaded.diagnostics)
