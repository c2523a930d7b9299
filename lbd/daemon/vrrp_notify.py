# SPDX-License-Identifier: Apache-2.0
"""Whom the vrrp process tells of what happens to instances and groups: scripts, then FIFOs, then mail.

keepalived's order and words; scripts run at the same time as what follows, and may overtake each other as they do
there, while the lines of a FIFO are in order.
"""

from __future__ import annotations

import asyncio
import logging

from lbd.model import Config, Fifo, Notify, Script, Telling
from lbd.notify import Fifos, Letter, Scripts
from lbd.vrrp.action import Notify as Notice

log = logging.getLogger("lbd.vrrp")

OWNING = "=> VRRP Instance is now owning VRRP VIPs <="
NOT_OWNING = "=> VRRP Instance is no longer owning VRRP VIPs <="
ALERTS = {
    ("INSTANCE", "MASTER"): ("Entering MASTER state", OWNING),
    ("INSTANCE", "BACKUP"): ("Entering BACKUP state", NOT_OWNING),
    ("INSTANCE", "FAULT"): ("Entering FAULT state", NOT_OWNING),
    ("INSTANCE", "STOP"): ("Stopping", NOT_OWNING),
    ("INSTANCE", "DELETED"): ("Deleted", "=> VRRP Deleted at reload <="),
    ("GROUP", "MASTER"): ("Entering MASTER state", "=> All VRRP group instances are now in MASTER state <="),
    ("GROUP", "BACKUP"): ("Entering BACKUP state", "=> All VRRP group instances are now in BACKUP state <="),
    ("GROUP", "FAULT"): ("Entering FAULT state", "=> All VRRP group instances are now in FAULT state <="),
    ("GROUP", "STOP"): ("Stopping", "=> All VRRP group instances are now in STOP state <="),
}
TITLES = {"INSTANCE": "VRRP Instance", "GROUP": "VRRP Group"}


class Teller:
    """A Listener (``vrrp/io/ports.py``)."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._fifos = Fifos()
        self._readers: list[asyncio.Task[None]] = []
        self._router_id = ""
        self._telling = Telling()
        self._notify: dict[tuple[str, str], Notify] = {}
        self._priorities: set[str] = set()
        """Instances whose changes of priority are told of."""

    def configure(self, config: Config) -> None:
        """What a reload leaves out is still told of by its old words: that it is deleted."""
        here = {("INSTANCE", one.name): one.notify for one in config.vrrp_instances}
        here |= {("GROUP", one.name): one.notify for one in config.vrrp_sync_groups}
        self._notify = self._notify | here
        groups = [one for one in config.vrrp_sync_groups if one.notify.notify_priority_changes]
        self._priorities = {one.name for one in config.vrrp_instances if one.notify.notify_priority_changes}
        self._priorities |= {member for group in groups for member in group.members}
        self._router_id, self._telling = config.global_defs.router_id, config.global_defs.telling
        if any(_runs_scripts(one) for one in here.values()) or self._telling.mail is not None:
            self._scripts.prepare()
        self._open([self._telling.notify_fifo, self._telling.vrrp_notify_fifo])

    @property
    def states_on_reload(self) -> bool:
        return self._telling.fifo_write_vrrp_states_on_reload

    def tell(self, notice: Notice) -> None:
        notify = self._notify.get((notice.kind, notice.name), Notify())
        event = notice.event
        if event == "DELETED" and not notify.deleted:
            event = (
                "FAULT"  # the word of old for what a reload leaves out (keepalived.conf(5), notify_deleted)
            )
        if event.endswith("_PRIORITY"):
            if notice.name in self._priorities:
                self._line(notice, event)
            return
        if (script := _script(notify, event)) is not None:
            self._scripts.start(script)
        if event == "MASTER_RX_LOWER_PRI":
            self._line(notice, event)
            return
        if notify.notify is not None:
            self._scripts.start(notify.notify, notice.kind, notice.name, event, str(notice.priority))
        self._line(notice, event)
        if notify.smtp_alert:
            self._alert(notice, event)

    async def stop(self) -> None:
        await self._end_readers()
        self._fifos.close()

    # --- FIFOs and those who read them

    def repeat(self, notice: Notice) -> None:
        """For the FIFOs alone: what is so already."""
        self._line(notice, notice.event)

    def _line(self, notice: Notice, event: str) -> None:
        self._fifos.write(f'{notice.kind} "{notice.name}" {event} {notice.priority}')

    def _open(self, fifos: list[Fifo | None]) -> None:
        self._fifos.configure(fifos)
        for reader in self._readers:
            reader.cancel()  # as in keepalived, each reload starts them anew
        self._readers = [
            asyncio.get_running_loop().create_task(self._read(fifo.script, fifo.path))
            for fifo in fifos
            if fifo is not None and fifo.script is not None
        ]

    async def _read(self, script: Script, path: str) -> None:
        outcome = await self._scripts.run(script, path, timeout=None)
        log.warning("Notify fifo script `%s` ended: %s", script, outcome)

    async def _end_readers(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._readers.clear()

    # --- mail

    def _alert(self, notice: Notice, event: str) -> None:
        mail = self._telling.mail
        if mail is None or (event == "FAULT" and mail.no_email_faults):
            return
        what, body = ALERTS[notice.kind, event]
        subject = f"[{self._router_id}] {TITLES[notice.kind]} {notice.name} - {what}"
        self._scripts.mail(Letter(mail, subject, body))


def _script(notify: Notify, event: str) -> Script | None:
    scripts: dict[str, Script | None] = {
        "MASTER": notify.notify_master,
        "BACKUP": notify.notify_backup,
        "FAULT": notify.notify_fault,
        "STOP": notify.notify_stop,
        "DELETED": notify.notify_deleted,
        "MASTER_RX_LOWER_PRI": notify.notify_master_rx_lower_pri,
    }
    return scripts.get(event)


def _runs_scripts(notify: Notify) -> bool:
    return notify.notify is not None or any(
        _script(notify, event) is not None
        for event in ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED", "MASTER_RX_LOWER_PRI")
    )
