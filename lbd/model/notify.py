# SPDX-License-Identifier: Apache-2.0
"""Who is told of what: scripts of instances and groups, FIFOs, and mail."""

from __future__ import annotations

import msgspec

from lbd.model.net import Address
from lbd.model.script import Script


class Notify(msgspec.Struct, frozen=True, kw_only=True):
    """The notify words of a vrrp_instance or vrrp_sync_group."""

    notify: Script | None = None
    """On every change, with four words more: INSTANCE or GROUP, name, state, priority."""
    notify_master: Script | None = None
    notify_backup: Script | None = None
    notify_fault: Script | None = None
    notify_stop: Script | None = None
    notify_deleted: Script | None = None
    deleted: bool = False
    """``notify_deleted``, with or without a script: who goes by a reload is DELETED, not FAULT."""
    notify_master_rx_lower_pri: Script | None = None
    notify_priority_changes: bool = False
    smtp_alert: bool = False
    """Its own word, else smtp_alert_vrrp, else smtp_alert of global_defs."""


class Fifo(msgspec.Struct, frozen=True, kw_only=True):
    """``notify_fifo``: made where there is none, and a script that may read it, with the path as its last word."""

    path: str
    uid: int = 0
    gid: int = 0
    script: Script | None = None


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go. Names were resolved when the file was read."""

    smtp_server: Address
    port: int = 25
    helo_name: str
    connect_timeout: float = 30.0
    sender: str
    """notification_email_from."""
    recipients: tuple[str, ...]
    """notification_email."""
    no_email_faults: bool = False


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What global_defs says of scripts, FIFOs and mail."""

    notify_fifo: Fifo | None = None
    vrrp_notify_fifo: Fifo | None = None
    lvs_notify_fifo: Fifo | None = None
    fifo_write_vrrp_states_on_reload: bool = False
    mail: Mail | None = None
    """None: no smtp_server, or nobody to write to."""
    startup_script: Script | None = None
    startup_script_timeout: float = 10.0
    shutdown_script: Script | None = None
    shutdown_script_timeout: float = 10.0
