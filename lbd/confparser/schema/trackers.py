# SPDX-License-Identifier: Apache-2.0
"""Rows: what instances can track, and the blocks at the root that define it."""

from __future__ import annotations

from lbd.confparser import addresses, tracked, values
from lbd.confparser.quoting import Quoting
from lbd.confparser.schema.row import (
    NOTHING,
    Block,
    Keyword,
    Missing,
    block,
    of,
    words,
    works,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_NAME = values.text("a name")
_WEIGHT, _FILE_WEIGHT = tracked.weight(-253, 253), tracked.weight(-254, 254)
_DELAY = values.seconds(0.000001, 3600)


def _tracked_words(struct: str, limit: int, default: str) -> dict[str, Keyword]:
    """Of a line ``NAME [weight WEIGHT [reverse]]``."""
    rows = [
        works(
            "weight",
            values.number(-limit, limit),
            default,
            "change of priority; 0 is a fault while it is down",
        ),
        works("reverse", NOTHING, "off", "up counts as down and down as up"),
        works("noreverse", NOTHING, "on", "the opposite of reverse", fields=(f"{struct}.reverse",)),
    ]
    return words(*of(struct, rows))


def _lines(what: str, struct: str, limit: int, default: str) -> Block:
    return block(entry=tracked.line(what, -limit, limit), words=_tracked_words(struct, limit, default))


TRACKERS = [
    works("track_interface", NOTHING, "none", "fault or other priority while an interface is down",
          block=_lines("an interface name", "TrackedInterface", 253, "0")),
    *(
        works(name, NOTHING, "none", f"{what.replace('bfds', 'BFD sessions')} that decide priority or fault",
              block=_lines("a name", "Tracked", limit, f"of the {of_what}"), fields=(f"Tracking.{what}",))
        for name, what, limit, of_what in (
            ("track_script", "scripts", 253, "vrrp_script"),
            ("track_file", "files", 254, "track_file"),
            ("track_process", "processes", 254, "vrrp_track_process"),
            ("track_bfd", "bfds", 253, "bfd_instance"),
        )
    ),
]  # fmt: skip
"""In vrrp_instance and vrrp_sync_group."""

_COMMAND = values.rest("a command", quoting=Quoting.COMMAND)
"""Not values.SCRIPT: only a script that is tracked is run."""
_SCRIPT = block(of("VrrpScript", [
    works("script", _COMMAND, "", "the command; exit code 0 is up; required", missing=_REPORTED,
          required=True),
    works("interval", values.seconds(0, 4294), "1", "seconds from one start to the next", missing=_REPORTED),
    works("timeout", values.seconds(0, 4294), "interval", "seconds it may run", missing=_REPORTED),
    works("weight", _WEIGHT, "0", "change of priority; 0 is a fault while it is down", missing=_REPORTED,
          fields=("Tracked.weight", "Tracked.reverse")),
    works("rise", values.number(1), "1", "successes in a row until it counts as up", missing=_REPORTED),
    works("fall", values.number(1), "1", "failures in a row until it counts as down", missing=_REPORTED),
    works("user", values.rest("USER [GROUP]"), "script_user", "who runs it", missing=_REPORTED,
          fields=("Script.uid", "Script.gid")),
    works_flag("init_fail", "it counts as down until its first success"),
]))  # fmt: skip
_PROCESS = block(of("TrackProcess", [
    works("process", values.rest("NAME [PARAMETERS]"), "", "the process, by name or path; required",
          fields=("TrackProcess.process", "TrackProcess.parameters"), missing=_REPORTED, required=True),
    works("param_match", values.choice("initial", "partial", optional=True), "none; bare exact",
          "which parameters the process must have"),
    works("weight", _FILE_WEIGHT, "0", "change of priority; 0 is a fault while it is down", missing=_REPORTED,
          fields=("Tracked.weight", "Tracked.reverse")),
    works("quorum", values.number(1, 65535), "1", "processes that must run", missing=_REPORTED),
    works("quorum_max", values.number(0, 65535), "65535", "processes that may run", missing=_REPORTED),
    works("delay", _DELAY, "0", "fork_delay and terminate_delay", missing=_REPORTED,
          fields=("TrackProcess.fork_delay", "TrackProcess.terminate_delay")),
    works("fork_delay", _DELAY, "0", "seconds until a new process counts", missing=_REPORTED),
    works("terminate_delay", _DELAY, "0", "seconds until an ended process counts", missing=_REPORTED),
    works_flag("full_command", "compare the whole command line, not the name alone"),
]))  # fmt: skip
_INIT_FILE = values.Value(
    (values.literal("overwrite") | values.word(values.convert_integer_text, "a number"))[...],
    "[VALUE] [overwrite]", make=tuple, optional=True,
)  # fmt: skip
_FILE = block(of("TrackFile", [
    works("file", _NAME, "", "the file, whose first number is its value; required", missing=_REPORTED, required=True),
    works("weight", _FILE_WEIGHT, "1", "factor of its value; 0: any value but 0 is a fault", missing=_REPORTED,
          fields=("Tracked.weight", "Tracked.reverse")),
    works("init_file", _INIT_FILE, "none",
          "make the file at the start with this value", fields=("TrackFile.init_value", "TrackFile.overwrite")),
]))  # fmt: skip
_MILLISECONDS = values.milliseconds(1, 4294967)
_BFD = block(of("BfdInstance", [
    works("neighbor_ip", addresses.address(), "", "the peer; required", required=True),
    works("neighbour_ip", addresses.address(), "", "neighbor_ip", fields=("BfdInstance.neighbor_ip",)),
    works("source_ip", addresses.address(), "any", "own address"),
    works("min_rx", _MILLISECONDS, "10", "milliseconds between packets that it can take"),
    works("min_tx", _MILLISECONDS, "10", "milliseconds between packets that it wants to send"),
    works("idle_tx", values.milliseconds(1000, 4294967), "1000", "milliseconds between packets while it is not up"),
    works("multiplier", values.number(1, 255), "5", "missing packets until the session is down"),
    works_flag("passive", "wait for the first packet of the peer"),
    works("ttl", values.number(1, 255), "255; 64 for IPv6", "TTL or hop limit of its packets"),
    works("hoplimit", values.number(1, 255), "255; 64 for IPv6", "ttl", fields=("BfdInstance.ttl",)),
    works("max_hops", values.number(-1, 255), "0", "hops that a packet of the peer may have taken; -1 is any"),
    works_bool("multihop", "off", "the peer is not on the link: UDP port 4784 (RFC 5883)", since="2.2.8"),
    works("weight", _WEIGHT, "0", "change of priority; 0 is a fault while it is down", missing=_REPORTED,
          fields=("Tracked.weight", "Tracked.reverse")),
    works_flag("vrrp", "for instances only, unless checker stands there too"),
    works_flag("checker", "for checks only, unless vrrp stands there too"),
]))  # fmt: skip


def _root(name: str, inner: Block, meaning: str, field: str, **more: object) -> Keyword:
    return works(name, _NAME, "", meaning, block=inner, fields=(f"Config.{field}",), **more)


DEFINITIONS = [
    _root("vrrp_script", _SCRIPT, "a script that decides", "vrrp_scripts"),
    _root("vrrp_track_process", _PROCESS, "processes that must run", "track_processes"),
    _root("track_file", _FILE, "a file whose number decides", "track_files"),
    _root("vrrp_track_file", _FILE, "track_file", "track_files", deprecated="track_file"),
    works("bfd_instance", _NAME, "", "a BFD session (RFC 5880)", block=_BFD,
          missing=_REPORTED, fields=("Config.bfd_instances",)),
]  # fmt: skip
