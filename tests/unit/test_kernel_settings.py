# SPDX-License-Identifier: Apache-2.0
"""Settings over a directory that stands for /proc/sys: what is changed, refused, put back and left alone."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from lbd.kernel.settings import Settings

PORTS = "net.ipv4.ip_local_port_range"
FILTER = "net.ipv4.conf.eth0/7.rp_filter"
"""Of the interface ``eth0.7``."""


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "sys"
    (root / "net/ipv4/conf/eth0.7").mkdir(parents=True)
    (root / "net/ipv4/conf/eth0.7/rp_filter").write_text("1\n")
    (root / "net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    monkeypatch.setattr("lbd.kernel.settings.SYSCTL", f"{root}/")
    return root / "net/ipv4"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "settings")


def test_it_is_set_listed_and_put_back(proc, file):
    settings = Settings(file)
    assert settings.set(FILTER, "2", "what is punted came in elsewhere")
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "2"
    assert settings.listing() == (f"{FILTER} = 2 (was 1): what is punted came in elsewhere",)
    settings.restore()
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "1"
    assert settings.listing() == ()
    assert not os.path.exists(file)


def test_what_is_so_already_is_not_ours(proc, file):
    settings = Settings(file)
    assert settings.set(PORTS, "32768 60999", "the same, with a blank for a tab")
    assert settings.listing() == ()
    assert not os.path.exists(file)


def test_of_two_changes_the_first_value_comes_back(proc, file):
    settings = Settings(file)
    settings.set(FILTER, "2", "first")
    settings.set(FILTER, "0", "second")
    assert settings.listing() == (f"{FILTER} = 0 (was 1): second",)
    Settings(file)
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "1"


def test_what_somebody_else_set_meanwhile_stays(proc, file):
    settings = Settings(file)
    settings.set(FILTER, "2", "ours")
    (proc / "conf/eth0.7/rp_filter").write_text("0\n")
    settings.restore()
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "0\n"


def test_an_interface_that_is_gone_holds_nothing_up(proc, file):
    settings = Settings(file)
    settings.set(FILTER, "2", "an interface")
    settings.set(PORTS, "20000 30000", "the machine")
    (proc / "conf/eth0.7/rp_filter").unlink()
    Settings(file)
    assert (proc / "ip_local_port_range").read_text() == "32768\t60999"
    assert not os.path.exists(file)


def test_what_cannot_be_set_is_one_sentence(proc, file, caplog):
    with caplog.at_level(logging.WARNING):
        assert not Settings(file).set("net.ipv6.conf.lbd0.accept_ra", "0", "nobody advertises there")
    assert caplog.messages == [
        "net.ipv6.conf.lbd0.accept_ra cannot be set to 0 (No such file or directory): nobody advertises there"
    ]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"name": "x"}]', b"\xff"])
def test_a_damaged_file_restores_nothing(proc, file, content):
    Path(file).write_bytes(content)
    assert Settings(file).listing() == ()
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "1\n"


def test_the_file_is_there_before_the_change(proc, file, monkeypatch):
    """Killed in between, the successor finds what was before."""

    class KilledError(Exception):
        pass

    def killed(name: str, value: str) -> None:
        raise KilledError

    with monkeypatch.context() as dying:
        dying.setattr("lbd.kernel.settings._write", killed)
        with pytest.raises(KilledError):
            Settings(file).set(FILTER, "2", "never done")
    assert os.path.exists(file)
    Settings(file)
    assert (proc / "conf/eth0.7/rp_filter").read_text() == "1\n"
