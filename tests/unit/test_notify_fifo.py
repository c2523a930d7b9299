# SPDX-License-Identifier: Apache-2.0
"""Notify FIFOs: one line an event, made and removed, and never waited for."""

from __future__ import annotations

import os
import stat

import pytest

from lbd.model import Fifo
from lbd.notify import Fifos
from lbd.notify.fifo import FifoError, OpenFifo


def fifo(path: object) -> Fifo:
    return Fifo(path=str(path), uid=os.getuid(), gid=os.getgid())


def test_lines_arrive_in_order_and_a_fifo_that_was_made_goes_again(tmp_path):
    path = tmp_path / "fifo"
    fifos = Fifos()
    fifos.configure([fifo(path), None])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        fifos.write('INSTANCE "VI_1" MASTER 100')
        fifos.write('GROUP "G" MASTER 0')
        assert reader.read() == b'INSTANCE "VI_1" MASTER 100\nGROUP "G" MASTER 0\n'
    fifos.close()
    assert not path.exists()


def test_what_stands_there_is_used_and_stays(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o640)
    OpenFifo(fifo(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_who_does_not_read_loses_lines_and_holds_up_nobody(tmp_path, caplog):
    written = OpenFifo(fifo(tmp_path / "fifo"))
    for number in range(10_000):
        written.write(f"line {number:6}")
    assert 0 < written.lost < 10_000
    assert len(caplog.records) < 50
    with open(os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        lines = reader.read().splitlines()
    assert lines[:2] == [b"line      0", b"line      1"]
    assert all(len(line) == 11 for line in lines)
    written.close()


def test_a_long_line_is_cut_and_stays_one(tmp_path):
    written = OpenFifo(fifo(tmp_path / "fifo"))
    written.write("x" * 100_000)
    with open(os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert reader.read() == b"x" * 4095 + b"\n"
    written.close()


def test_what_is_no_fifo_is_refused(tmp_path, caplog):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / "file", tmp_path, tmp_path / "no/where"):
        with pytest.raises(FifoError):
            OpenFifo(fifo(path))
    fifos = Fifos()
    fifos.configure([fifo(tmp_path / "file")])
    fifos.write("line")
    assert "is no FIFO" in caplog.text
    assert (tmp_path / "file").read_text() == "precious"


def test_a_reload_keeps_what_stays_open(tmp_path):
    fifos = Fifos()
    fifos.configure([fifo(tmp_path / "a"), fifo(tmp_path / "b")])
    inode = (tmp_path / "a").stat().st_ino
    fifos.configure([fifo(tmp_path / "a")])
    assert ((tmp_path / "a").stat().st_ino, (tmp_path / "b").exists()) == (inode, False)
    fifos.close()
