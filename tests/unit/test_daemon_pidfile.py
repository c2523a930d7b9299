# SPDX-License-Identifier: Apache-2.0
"""PID files: what keeps lbd and keepalived, or two lbds, from running at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lbd.daemon import codes
from lbd.daemon.pidfile import PidFile, holder, refuse_keepalived

KEEPALIVED = "/usr/sbin/keepalived"


def test_it_holds_the_number_and_goes_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "below" / "main.pid"
    held = PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    held.remove()
    assert not path.exists()


def test_a_second_holder_is_told_who_has_it(tmp_path: Path) -> None:
    path = str(tmp_path / "main.pid")
    held = PidFile(path)
    with pytest.raises(codes.StartError, match=rf"already running.*PID {os.getpid()}.*{path}"):
        PidFile(path)
    held.remove()
    PidFile(path).remove()


def test_a_dead_holder_s_file_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "main.pid"
    path.write_text("999999999999\n and more of it")
    PidFile(str(path)).remove()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("data")
    link = tmp_path / "main.pid"
    link.symlink_to(target)
    with pytest.raises(codes.StartError, match="cannot be written"):
        PidFile(str(link))
    assert target.read_text() == "data"


def test_somebody_else_s_new_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "main.pid"
    held = PidFile(str(path))
    path.unlink()
    path.write_text("1\n")
    held.remove()
    assert path.read_text() == "1\n"


def test_what_is_no_number_is_nobody(tmp_path: Path) -> None:
    path = tmp_path / "main.pid"
    for text in ("", "abc", "\xff"):
        path.write_text(text)
        assert holder(str(path)) is None
    assert holder(str(tmp_path / "none")) is None


def test_the_lock_is_newer_keepaliveds_lock(tmp_path: Path) -> None:
    """fcntl F_OFD_SETLK on the whole file conflicts with any other process's POSIX lock on it."""
    path = str(tmp_path / "main.pid")
    held = PidFile(path)
    attempt = f"import fcntl; fcntl.lockf(open({path!r}, 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    answer = subprocess.run([sys.executable, "-c", attempt], capture_output=True, check=False)
    held.remove()
    assert b"BlockingIOError" in answer.stderr


def test_a_live_keepalived_is_respected_and_a_stranger_is_not_taken_for_one(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pid"
    stranger.write_text(f"{os.getppid()}\n")
    refuse_keepalived((str(stranger), str(tmp_path / "none.pid")))
    name = tmp_path / "keepalived_vrrp"
    name.symlink_to("/bin/cat")
    with subprocess.Popen([str(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdout.read(1)  # it runs under its name: exec sets that after it has closed our pipe
        mark = tmp_path / "vrrp.pid"
        mark.write_text(f"{process.pid}\n")
        with pytest.raises(codes.StartError, match=f"keepalived_vrrp .PID {process.pid}. holds"):
            refuse_keepalived((str(stranger), str(mark)))


@pytest.mark.root
@pytest.mark.skipif(not Path(KEEPALIVED).exists(), reason="needs Debian's keepalived")
def test_the_real_keepalived_refuses_to_start_beside_us(tmp_path: Path) -> None:
    held = PidFile(str(tmp_path / "main.pid"))
    config = tmp_path / "keepalived.conf"
    config.write_text("vrrp_instance VI_1 {\n interface lo\n virtual_router_id 1\n}\n")
    command = [KEEPALIVED, "-n", "-l", "-f", str(config), "-p", str(tmp_path / "main.pid")]
    for option in ("-r", "-c", "-b"):
        command += [option, str(tmp_path / f"other{option}.pid")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert "daemon is already running" in answer.stdout + answer.stderr
    assert holder(held.path) == os.getpid()
    held.remove()
