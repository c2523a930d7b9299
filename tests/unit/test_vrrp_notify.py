# SPDX-License-Identifier: Apache-2.0
"""Who is told of what, in which words: as keepalived 2.2.7 was seen to do."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from lbd.daemon.vrrp_notify import Teller
from lbd.model import (
    Config,
    Fifo,
    GlobalDefs,
    Mail,
    Notify,
    Script,
    Telling,
    VrrpInstance,
    VrrpSyncGroup,
)
from lbd.notify import Letter, Outcome
from lbd.vrrp.action import Notify as Notice

MAIL = Mail(smtp_server="127.0.0.1", helo_name="h", sender="s", recipients=("r",))


class Recorder:
    """In the place of Scripts."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.mails: list[tuple[str, str]] = []
        self.reading: list[str] = []
        self.ended = 0

    def prepare(self) -> None: ...

    def start(self, script: Script, *arguments: str) -> None:
        self.told.append(" ".join([*script.argv, *arguments]))

    def mail(self, letter: Letter) -> None:
        self.mails.append((letter.subject, letter.body))

    async def run(self, script: Script, *arguments: str, **_: Any) -> Outcome:
        self.reading.append(" ".join([*script.argv, *arguments]))
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1
        raise AssertionError


def script(name: str) -> Script:
    return Script(argv=(name,))


EVERY = Notify(
    notify=script("any"),
    notify_master=script("master"),
    notify_backup=script("backup"),
    notify_fault=script("fault"),
    notify_stop=script("stop"),
    notify_deleted=script("deleted"),
    deleted=True,
    notify_master_rx_lower_pri=script("lower"),
    smtp_alert=True,
)


def config(notify: Notify, group: Notify | None = None, **telling: Any) -> Config:
    instance = VrrpInstance(name="VI_1", interface="eth0", virtual_router_id=1, notify=notify)
    groups = (VrrpSyncGroup(name="G", members=("VI_1",), notify=group),) if group is not None else ()
    return Config(
        global_defs=GlobalDefs(router_id="lb1", telling=Telling(**telling)),
        vrrp_instances=(instance,),
        vrrp_sync_groups=groups,
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("MASTER", ["master", "any INSTANCE VI_1 MASTER 100"]),
        ("BACKUP", ["backup", "any INSTANCE VI_1 BACKUP 100"]),
        ("FAULT", ["fault", "any INSTANCE VI_1 FAULT 100"]),
        ("STOP", ["stop", "any INSTANCE VI_1 STOP 100"]),
        ("DELETED", ["deleted", "any INSTANCE VI_1 DELETED 100"]),
        ("MASTER_RX_LOWER_PRI", ["lower"]),
        ("MASTER_PRIORITY", []),
    ],
)
async def test_scripts_of_an_instance(event, told):
    recorder = Recorder()
    teller = Teller(recorder)  # type: ignore[arg-type]
    teller.configure(config(EVERY))
    teller.tell(Notice("INSTANCE", "VI_1", event, 100))
    assert recorder.told == told


async def test_scripts_of_a_group():
    recorder = Recorder()
    teller = Teller(recorder)  # type: ignore[arg-type]
    teller.configure(config(Notify(), EVERY))
    teller.tell(Notice("GROUP", "G", "MASTER", 0))
    teller.tell(Notice("INSTANCE", "VI_1", "MASTER", 100))
    assert recorder.told == ["master", "any GROUP G MASTER 0"]


async def test_what_a_reload_leaves_out_is_told_by_its_old_words():
    """FAULT without notify_deleted, as from keepalived."""
    for notify, told in (
        (EVERY, "any INSTANCE VI_1 DELETED 9"),
        (Notify(notify=script("any")), "any INSTANCE VI_1 FAULT 9"),
    ):
        recorder = Recorder()
        teller = Teller(recorder)  # type: ignore[arg-type]
        teller.configure(config(notify))
        teller.configure(Config())
        teller.tell(Notice("INSTANCE", "VI_1", "DELETED", 9))
        assert recorder.told[-1] == told


@pytest.mark.parametrize(
    ("kind", "name", "event", "subject", "body"),
    [
        ("INSTANCE", "VI_1", "MASTER", "Instance VI_1 - Entering MASTER state", "Instance is now owning VRRP VIPs"),
        ("INSTANCE", "VI_1", "FAULT", "Instance VI_1 - Entering FAULT state", "Instance is no longer owning VRRP VIPs"),
        ("INSTANCE", "VI_1", "DELETED", "Instance VI_1 - Deleted", "Deleted at reload"),
        ("GROUP", "G", "BACKUP", "Group G - Entering BACKUP state", "instances are now in BACKUP state"),
    ],
)  # fmt: skip
async def test_mail(kind, name, event, subject, body):
    recorder = Recorder()
    teller = Teller(recorder)  # type: ignore[arg-type]
    teller.configure(config(EVERY, EVERY, mail=MAIL))
    teller.tell(Notice(kind, name, event, 100))
    [(said, text)] = recorder.mails
    assert said == f"[lb1] VRRP {subject}"
    assert body in text


async def test_no_mail_without_a_word_or_of_faults_that_are_not_wanted():
    for notify, mail in ((Notify(), MAIL), (EVERY, None)):
        recorder = Recorder()
        teller = Teller(recorder)  # type: ignore[arg-type]
        teller.configure(config(notify, mail=mail))
        teller.tell(Notice("INSTANCE", "VI_1", "MASTER", 100))
        assert recorder.mails == []
    quiet = Mail(smtp_server="::1", helo_name="h", sender="s", recipients=("r",), no_email_faults=True)
    teller.configure(config(EVERY, mail=quiet))
    for event in ("FAULT", "BACKUP"):
        teller.tell(Notice("INSTANCE", "VI_1", event, 100))
    assert [subject for subject, _ in recorder.mails] == ["[lb1] VRRP Instance VI_1 - Entering BACKUP state"]


async def test_the_lines_of_a_fifo_byte_for_byte_and_its_script(tmp_path):
    recorder = Recorder()
    teller = Teller(recorder)  # type: ignore[arg-type]
    path = tmp_path / "fifo"
    fifo = Fifo(path=str(path), uid=os.getuid(), gid=os.getgid(), script=script("reader"))
    whole = config(Notify(), Notify(notify_priority_changes=True), notify_fifo=fifo)
    teller.configure(whole)
    await asyncio.sleep(0)
    assert recorder.reading == [f"reader {path}"]
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        for event in ("BACKUP_PRIORITY", "BACKUP", "MASTER", "MASTER_RX_LOWER_PRI", "DELETED"):
            teller.tell(Notice("INSTANCE", "VI_1", event, 110))
        teller.tell(Notice("GROUP", "G", "MASTER", 0))
        assert reader.read().decode().splitlines() == [
            'INSTANCE "VI_1" BACKUP_PRIORITY 110',
            'INSTANCE "VI_1" BACKUP 110',
            'INSTANCE "VI_1" MASTER 110',
            'INSTANCE "VI_1" MASTER_RX_LOWER_PRI 110',
            'INSTANCE "VI_1" FAULT 110',
            'GROUP "G" MASTER 0',
        ]
    teller.configure(whole)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(recorder.reading), recorder.ended) == (2, 1)
    await teller.stop()
    assert recorder.ended == 2
    assert not Path(path).exists()


async def test_priorities_are_told_of_only_where_wanted(tmp_path):
    recorder = Recorder()
    teller = Teller(recorder)  # type: ignore[arg-type]
    fifo = Fifo(path=str(tmp_path / "fifo"), uid=os.getuid(), gid=os.getgid())
    teller.configure(config(Notify(), Notify(), vrrp_notify_fifo=fifo))
    with open(os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        teller.tell(Notice("INSTANCE", "VI_1", "MASTER_PRIORITY", 110))
        assert reader.read() is None
    await teller.stop()
