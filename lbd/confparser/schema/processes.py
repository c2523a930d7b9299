# SPDX-License-Identifier: Apache-2.0
"""Rows: what global_defs says of the processes themselves."""

from __future__ import annotations

from lbd.confparser import values
from lbd.confparser.schema.row import Keyword, Missing, inert, later, works, works_bool

_REPORTED = Missing.REPORTED
_NO_PRIORITY = "processes run with the priority they were started with"
_NAME = values.text("a name")
_UINT32 = values.number(0, 4294967295)
_FLAG = values.flag()
_NICE = values.number(-20, 19)
_CPUS = values.rest("CPUs by number")


def _process(name: str, what: str) -> list[Keyword]:
    """What keepalived lets set for each of its processes. ``rlimit_rtime`` is an old name."""
    why = f"{what} {_NO_PRIORITY.removeprefix('processes ')}".replace(" run ", " runs ").replace(
        "they were", "it was"
    )
    limit = f"{name}_rlimit_rttime"
    made = {"vrrp": _worked, "bfd": _elsewhere}.get(name, later)
    return [
        made(f"{name}_priority", _NICE, "0", f"nice value of {what}", why, missing=_REPORTED),
        made(f"{name}_no_swap", _FLAG, "off", f"lock the memory of {what}", f"{what} may be swapped out"),
        made(f"{name}_rt_priority", values.number(1, 99), "off", f"real-time priority of {what}", why,
             missing=_REPORTED),
        made(f"{name}_cpu_affinity", _CPUS, "all", f"CPUs that {what} may run on", "it runs on any CPU",
             missing=_REPORTED),
        made(limit, _UINT32, "10000", f"microseconds that {what} may run at real-time priority without a pause",
             "there is no limit"),
        made(f"{name}_rlimit_rtime", _UINT32, "10000", limit, "there is no limit", deprecated=limit,
             fields=(f"GlobalDefs.{limit}",)),
    ]  # fmt: skip


def _worked(
    name: str, value: values.Value, default: str, meaning: str, consequence: str, **more: object
) -> Keyword:
    del consequence
    return works(name, value, default, meaning, **more)


def _elsewhere(
    name: str, value: values.Value, default: str, meaning: str, consequence: str, **more: object
) -> Keyword:
    del consequence
    return inert(name, value, default, meaning, "sessions are in the VRRP process: vrrp_… counts", **more)


PROCESSES = [
    inert("process_names", values.flag(), "off", "processes have names of their own", "they always have"),
    works("process_name", _NAME, "lbd", "name of the parent process"),
    works("vrrp_process_name", _NAME, "lbd_vrrp", "name of the VRRP process"),
    works("checker_process_name", _NAME, "lbd_check", "name of the process of checks"),
    inert("bfd_process_name", _NAME, "keepalived_bfd", "name of the BFD process", "sessions are in the VRRP process"),
    works("lvs_process_name", _NAME, "lbd_check", "checker_process_name",
          deprecated="checker_process_name", fields=("GlobalDefs.checker_process_name",)),
    *_process("vrrp", "the VRRP process"),
    *_process("checker", "the process of checks"),
    *_process("bfd", "the BFD process"),
    later("max_auto_priority", values.number(-1, 99, optional=True), "0",
          "highest real-time priority that a process takes that was woken late", _NO_PRIORITY),
    later("min_auto_priority_delay", values.number(1, 10000000), "1000000",
          "microseconds from one such step to the next", _NO_PRIORITY, missing=_REPORTED),
    later("umask", values.rest("a number or IRUSR|IWGRP|…"), "0", "permissions that new files do not get",
          "files are for the owner only"),
    later("random_seed", _UINT32, "the time", "seed of ${_RANDOM}", "it is the time"),
    works_bool("data_use_instance", "off", "names of dump files hold that of the instance"),
]  # fmt: skip
