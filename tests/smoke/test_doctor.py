# SPDX-License-Identifier: Apache-2.0
"""``lbctl doctor`` in a namespace, and that it leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lbd.kernel.settings import Setting
from tests.smoke.kernel_stage import wired_host
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root

NAT = """
virtual_server 10.0.0.1 80 {
    lb_kind NAT
    protocol TCP
    real_server 10.9.0.2 80 { weight 1 }
}
"""


@pytest.fixture
def host() -> Iterator[Namespace]:
    with wired_host("lbdd") as host:
        yield host


def doctor(
    host: Namespace, tmp_path: Path, *words: str, form: str = "json"
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conf").write_text(NAT)
    command = [sys.executable, "-m", "lbd.cli.lbctl", "--run-dir", str(tmp_path), "doctor"]
    return subprocess.run(
        host.command(*command, "-f", str(tmp_path / "conf"), "-o", form, *words),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_namespace_is_fine_but_forwards_nothing(host, tmp_path):
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    before = host.run("nft", "list", "ruleset"), host.run("ip", "-o", "link")
    answer = doctor(host, tmp_path)
    found = {one["subject"]: one for one in json.loads(answer.stdout)}
    assert answer.returncode == 0
    assert {found[name]["state"] for name in ("capabilities", "libdpdk", "nftables", "lbd0")} == {"fine"}
    assert found["nftables"]["text"] == "the guard can stand, and outlives nft flush ruleset"
    assert found["net.ipv4.ip_forward"]["state"] == "note"
    assert found["MTU"]["text"] == "every port has an MTU of 1500"
    assert (host.run("nft", "list", "ruleset"), host.run("ip", "-o", "link")) == before


def test_a_setting_that_was_changed_since(host, tmp_path):
    """By the file that Settings leaves beside the sockets."""
    name = "net.ipv4.conf.a0.rp_filter"
    kept = [Setting(name, "2", "1", "a test")]
    (tmp_path / "dp.settings").write_bytes(msgspec.json.encode(kept))
    host.run("sysctl", "-qw", f"{name}=1")
    assert f"{name}: is 1; lbd had set it to 2" in doctor(host, tmp_path, form="table").stdout


def test_no_nft_is_a_fault_with_what_to_do(host, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ip").symlink_to("/usr/sbin/ip")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    answer = doctor(host, tmp_path, form="table")
    assert answer.returncode == 1
    assert "the guard is refused (there is no nft)" in answer.stdout


def test_without_root(tmp_path):
    command = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    answer = subprocess.run(
        [*command, sys.executable, "-m", "lbd.cli.lbctl", "doctor", "-o", "json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 1
    found = {one["subject"]: one["text"] for one in json.loads(answer.stdout)}
    assert found["capabilities"].startswith("this process lacks NET_ADMIN and NET_RAW")
