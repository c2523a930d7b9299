# SPDX-License-Identifier: Apache-2.0
"""Rows: what instances can track, and the blocks at the root that define it."""

from __future__ import annotations

from lbd.confparser import addresses, tracked, values
from lbd.confparser.schema.row import NOTHING, Keyword, Missing, block, later, works, works_bool, works_flag

_REPORTED = Missing.REPORTED
_NAME = values.text("a name")
_NO_TRACKING = "what it tracks never changes priority or state"
_WEIGHT, _FILE_WEIGHT = tracked.weight(-253, 253), tracked.weight(-254, 254)

INTERFACES = block(entry=tracked.line("an interface name", -253, 253))

TRACKERS = [
    later("track_interface", NOTHING, "none", "fault or other priority while an interface is down", _NO_TRACKING,
          block=INTERFACES),
    *(
        later(name, NOTHING, "none", f"{what} that decide priority or fault", _NO_TRACKING,
              block=block(entry=tracked.line("a name", -limit, limit)))
        for name, what, limit in (
            ("track_script", "scripts", 253),
            ("track_file", "files", 254),
            ("track_process", "processes", 254),
            ("track_bfd", "BFD sessions", 253),
        )
    ),
]  # fmt: skip
"""In vrrp_instance and vrrp_sync_group."""

_SCRIPT = block(
    [
        works("script", values.rest("a command"), "", "the command", missing=_REPORTED, required=True),
        works("interval", values.number(0, 4294), "1", "seconds between runs", missing=_REPORTED),
        works("timeout", values.number(0, 4294), "interval", "seconds it may run", missing=_REPORTED),
        works("weight", _WEIGHT, "0", "change of priority; 0 is fault", missing=_REPORTED),
        works("rise", values.number(1), "1", "successes until it counts as up", missing=_REPORTED),
        works("fall", values.number(1), "1", "failures until it counts as down", missing=_REPORTED),
        works("user", values.rest("USER [GROUP]"), "script_user", "who runs it", missing=_REPORTED),
        works_flag("init_fail", "down at the start"),
    ]
)
_PROCESS = block(
    [
        works(
            "process", values.rest("NAME [PARAMETERS]"), "", "the process", missing=_REPORTED, required=True
        ),
        works(
            "param_match", values.choice("initial", "partial", optional=True), "none", "how parameters match"
        ),
        works("weight", _FILE_WEIGHT, "0", "change of priority; 0 is fault", missing=_REPORTED),
        works("quorum", values.number(1, 65535), "1", "processes needed", missing=_REPORTED),
        works("quorum_max", values.number(0, 65535), "65535", "processes allowed", missing=_REPORTED),
        *(
            works(name, values.seconds(0.000001, 3600), "0", "seconds until it counts", missing=_REPORTED)
            for name in ("delay", "fork_delay", "terminate_delay")
        ),
        works_flag("full_command", "compare the whole command line"),
    ]
)
_FILE = block(
    [
        works("file", _NAME, "", "the file", missing=_REPORTED, required=True),
        works("weight", _FILE_WEIGHT, "1", "factor of its value", missing=_REPORTED),
        works("init_file", values.rest("[VALUE] [overwrite]", optional=True), "none", "make the file"),
    ]
)
_BFD = block(
    [
        works("neighbor_ip", addresses.address(), "", "the peer", required=True),
        works("neighbour_ip", addresses.address(), "", "neighbor_ip"),
        works("source_ip", addresses.address(), "any", "own address"),
        works("min_rx", values.number(1, 4294967), "10", "milliseconds between packets that it can take"),
        works("min_tx", values.number(1, 4294967), "10", "milliseconds between packets that it sends"),
        works("idle_tx", values.number(1000, 4294967), "1000", "the same while the session is down"),
        works("multiplier", values.number(1, 255), "5", "packets until the session is down"),
        works_flag("passive", "wait for the peer"),
        works("ttl", values.number(1, 255), "255", "TTL of its packets"),
        works("hoplimit", values.number(1, 255), "64", "hop limit of its packets"),
        works("max_hops", values.number(-1, 255), "0", "hops that a packet may have taken"),
        works_bool("multihop", "off", "the peer is not on the link", since="2.3"),
        works("weight", _WEIGHT, "0", "change of priority", missing=_REPORTED),
        works_flag("vrrp", "for instances only"),
        works_flag("checker", "for checks only"),
    ]
)


def _root(name: str, inner: object, meaning: str, **more: object) -> Keyword:
    return later(name, _NAME, "", meaning, "what tracks it never changes", block=inner, **more)


DEFINITIONS = [
    _root("vrrp_script", _SCRIPT, "a script that decides"),
    _root("vrrp_track_process", _PROCESS, "processes that must run"),
    _root("track_file", _FILE, "a file that decides"),
    _root("vrrp_track_file", _FILE, "track_file", deprecated="track_file"),
    later("bfd_instance", _NAME, "", "a BFD session", "no session is set up", block=_BFD, missing=_REPORTED),
]
