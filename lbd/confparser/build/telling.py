# SPDX-License-Identifier: Apache-2.0
"""Who is told of what: notify scripts, FIFOs and mail."""

from __future__ import annotations

import getpass
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from lbd.confparser.build.commands import Commands
from lbd.confparser.build.context import Context
from lbd.confparser.build.merged import Merged
from lbd.confparser.check import Item
from lbd.model import Fifo, Mail, Notify, Telling

_SCRIPTS = (
    "notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted",
    "notify_master_rx_lower_pri",
)  # fmt: skip
_SMTP = 25


class Teller:
    """What global_defs says of scripts, FIFOs and mail, and what others inherit of it."""

    def __init__(self, globals_: Merged, commands: Commands, context: Context) -> None:
        self._globals, self._commands, self._context = globals_, commands, context
        self._mail = self._of_mail()

    def telling(self) -> Telling:
        fifos: dict[str, Any] = {f"{prefix}notify_fifo": self._fifo(f"{prefix}notify_fifo") for prefix in ("", "vrrp_", "lvs_")}
        every = fifos["notify_fifo"]
        for name in ("vrrp_notify_fifo", "lvs_notify_fifo"):
            one = fifos[name]
            if every is not None and one is not None and one.path == every.path:
                fifos[name] = None  # it would be told twice
        timeouts: dict[str, Any] = {
            name: float(said.value)
            for name in ("startup_script_timeout", "shutdown_script_timeout")
            if (said := self._globals.last(name)) is not None
        }
        return Telling(
            fifo_write_vrrp_states_on_reload=self._globals.last("fifo_write_vrrp_states_on_reload") is not None,
            mail=self._mail,
            startup_script=self._commands.script(self._globals.last("startup_script")),
            shutdown_script=self._commands.script(self._globals.last("shutdown_script")),
            **fifos,
            **timeouts,
        )

    def notify(self, block: Item, group_tells_priority: bool | None = None) -> Notify:
        """Of an instance, or of a group."""
        for name in _SCRIPTS:
            self._once(block, name)
        deleted = block.last("notify_deleted")
        tells = block.get("notify_priority_changes", group_tells_priority)
        if tells is None:
            tells = bool(self._globals.get("vrrp_notify_priority_changes"))
        return Notify(
            **{name: self._commands.of(block, name) for name in _SCRIPTS},
            deleted=deleted is not None,
            notify_priority_changes=tells,
            smtp_alert=self.alert(block, "smtp_alert_vrrp", otherwise=False),
        )

    def alert(self, block: Item, of_kind: str, *, otherwise: bool) -> bool:
        """``smtp_alert`` of the block, else that of its kind, else that of all."""
        for said in (block.last("smtp_alert"), self._globals.last(of_kind), self._globals.last("smtp_alert")):
            if said is not None:
                return bool(said.value)
        return otherwise

    @property
    def mails(self) -> bool:
        return self._mail is not None

    def _once(self, block: Item, name: str) -> None:
        for again in list(block.all(name))[1:]:
            message = f"({block.value}) {name} is given twice: the first counts"
            self._context.report.add("LB0204", message, again.node.place())

    def _fifo(self, name: str) -> Fifo | None:
        said = self._globals.last(name)
        if said is None:
            return None
        path, *owner = said.value
        whose = self._commands.owner
        if owner:
            named = self._commands.owner_of(owner, said.node.place(2))
            if named is None:
                return None
            whose = named
        script = self._commands.script(self._globals.last(f"{name}_script"))
        return Fifo(path=path, uid=whose.uid, gid=whose.gid, script=script)

    def _of_mail(self) -> Mail | None:
        server = self._globals.last("smtp_server")
        recipients = [line.value for block in self._globals.all("notification_email") for line in block.items or ()]
        if server is None:
            return None
        address = self._resolved(server)
        if address is None or not recipients:
            return None
        host = self._globals.get("router_id") or socket.gethostname()
        return Mail(
            smtp_server=address,
            port=self._port(server),
            helo_name=str(self._globals.get("smtp_helo_name") or socket.gethostname()),
            sender=str(self._globals.get("notification_email_from") or f"{_user()}@{host}"),
            recipients=tuple(dict.fromkeys(recipients)),
            no_email_faults=self._globals.last("no_email_faults") is not None,
            **self._timeout(),
        )

    def _timeout(self) -> dict[str, Any]:
        said = self._globals.last("smtp_connect_timeout")
        return {} if said is None else {"connect_timeout": float(said.value)}

    def _port(self, server: Item) -> int:
        words: Sequence[str] = server.value
        if len(words) < 2:
            return _SMTP
        if words[1].isascii() and words[1].isdigit() and 0 < int(words[1][:6]) < 65536:
            return int(words[1])
        message = f"smtp_server: '{words[1]}' is not a port: {_SMTP} is used"
        self._context.report.add("LB0201", message, server.node.place(2))
        return _SMTP

    def _resolved(self, server: Item) -> str | None:
        """The address itself, or what the name means here; None where that is nothing."""
        name: str = server.value[0]
        try:
            return str(ipaddress.ip_address(name))
        except ValueError:
            pass
        if self._context.resolve is None:
            return name  # nobody asked: only a configuration test is so careless
        address = self._context.resolve(name)
        if address is None:
            message = f"smtp_server: '{name}' cannot be resolved: no mail is sent"
            self._context.report.add("LB0604", message, server.node.place(1))
        return address


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "root"
