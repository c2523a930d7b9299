# SPDX-License-Identifier: Apache-2.0
"""Trackers as tables: what results, processes and files come to. No process, no clock."""

from __future__ import annotations

import os
import struct
from typing import Any

import pytest

from lbd.model import Script, TrackProcess, VrrpScript
from lbd.track.event import Changed, RunScript, Said
from lbd.track.file import value
from lbd.track.io import processes
from lbd.track.process import ProcessTracker, matches
from lbd.track.script import ScriptTracker


def script(**more: Any) -> VrrpScript:
    return VrrpScript(name="chk", script=Script(argv=("/bin/true",)), **more)


def ups(tracker: ScriptTracker, statuses: str) -> str:
    """Its state after each result: + up, - down."""
    states = ""
    for one in statuses:
        tracker.receive(int(one), f"exited with status {one}")
        states += "+" if tracker.up else "-"
    return states


# --- scripts


@pytest.mark.parametrize(
    ("rise", "fall", "init_fail", "statuses", "states"),
    [
        (1, 1, False, "0101", "+-+-"),
        (1, 1, True, "1010", "-+-+"),
        (2, 3, False, "0", "+"),  # the first result decides by itself
        (2, 3, False, "1", "-"),
        (2, 3, True, "00", "-+"),  # but init_fail has to rise
        (2, 3, False, "0111", "+++-"),
        (2, 3, False, "0110111", "++++++-"),  # a success begins the count of failures anew
        (2, 3, False, "111010100", "--------+"),
        (3, 1, False, "01000", "+---+"),
    ],
)
def test_rise_and_fall(rise, fall, init_fail, statuses, states):
    assert ups(ScriptTracker(script(rise=rise, fall=fall, init_fail=init_fail), 0), statuses) == states


def test_it_runs_from_start_to_start_and_leaves_out_a_turn_that_is_taken():
    tracker = ScriptTracker(script(interval=2), 10.0)
    assert tracker.tick(10.0) == [RunScript(tracker.conf)]
    assert (tracker.next_deadline(), tracker.tick(11.9)) == (12.0, [])
    skipped = "Track script chk is already running, expect idle - skipping run"
    assert tracker.tick(12.3) == [Said(skipped)]
    tracker.receive(0, "")
    assert tracker.tick(14.0) == [RunScript(tracker.conf)]
    tracker.receive(0, "")
    assert tracker.tick(99.0) == [RunScript(tracker.conf)], "what was missed is not made up for"
    assert tracker.next_deadline() == 99.0


def test_what_it_says_is_what_keepalived_says():
    tracker = ScriptTracker(script(), 0)
    assert tracker.receive(0, "") == [Said("VRRP_Script(chk) succeeded"), Changed(True)]
    assert tracker.receive(0, "") == []
    assert tracker.receive(1, "exited with status 1") == [
        Said("Script `chk` now returning 1"),
        Said("VRRP_Script(chk) failed (exited with status 1)"),
        Changed(False),
    ]
    assert tracker.receive(None, "timed out after 1 s") == []


def test_a_reload_keeps_what_is_known():
    tracker = ScriptTracker(script(rise=1, fall=1), 0)
    ups(tracker, "0")
    tracker.reconfigure(script(rise=3, fall=2))
    assert ups(tracker, "1") == "-"
    tracker.reconfigure(script(rise=2, fall=1))
    assert (tracker.up, ups(tracker, "00")) == (False, "-+")


# --- processes


@pytest.mark.parametrize(
    ("conf", "comm", "argv", "same"),
    [
        ({"process": "haproxy"}, "haproxy", (), True),
        ({"process": "a-very-long-name-of-a-daemon"}, "a-very-long-nam", (), True),
        ({"process": "/usr/sbin/haproxy"}, "haproxy", ("/usr/sbin/haproxy",), False),
        ({"process": "/usr/sbin/haproxy", "full_command": True}, "haproxy", ("/usr/sbin/haproxy",), True),
        ({"process": "haproxy", "full_command": True}, "haproxy", ("/usr/sbin/haproxy",), False),
        ({"process": "p", "parameters": ("-a", "b")}, "p", ("p", "-a", "b"), True),
        ({"process": "p", "parameters": ("-a",)}, "p", ("p", "-a", "b"), False),
        ({"process": "p", "parameters": ("-a",), "param_match": "initial"}, "p", ("p", "-a", "b"), True),
        ({"process": "p", "parameters": ("-a", "b"), "param_match": "initial"}, "p", ("p", "-a"), False),
        ({"process": "p", "parameters": ("-a", "/e/x"), "param_match": "partial"}, "p", ("p", "-a", "/e/xy"), True),
        ({"process": "p", "parameters": ("-a", "/e/x"), "param_match": "partial"}, "p", ("p", "-b", "/e/xy"), False),
        ({"process": "p", "param_match": "exact"}, "p", ("p",), True),
        ({"process": "p", "param_match": "exact"}, "p", ("p", "-a"), False),
        ({"process": "p", "full_command": True}, "p", (), False),
    ],
)  # fmt: skip
def test_which_process_is_meant(conf, comm, argv, same):
    assert matches(TrackProcess(name="x", **conf), comm, argv) is same


def test_quorum_and_delays():
    tracker = ProcessTracker(
        TrackProcess(name="x", process="p", quorum=2, quorum_max=3, fork_delay=0.5, terminate_delay=1)
    )
    assert (tracker.begin({1}), tracker.up) == ([], False)
    assert tracker.came(2, 0.0, forked=False) == [Said("Quorum gained for tracked process x"), Changed(True)]
    assert tracker.came(3, 1.0, forked=True) == []
    assert tracker.came(4, 2.0, forked=True) == [], "too many, but not yet for long"
    assert (tracker.next_deadline(), tracker.tick(2.4)) == (2.5, [])
    assert tracker.went(4, 2.4) == []
    assert tracker.next_deadline() is None, "it crossed back"
    tracker.came(4, 3.0, forked=True)
    assert tracker.tick(3.5) == [Said("Quorum lost for tracked process x"), Changed(False)]
    assert tracker.went(99, 4.0) == []
    tracker.went(4, 4.0)
    assert (tracker.up, tracker.next_deadline()) == (False, 5.0)
    assert tracker.tick(5.0) == [Said("Quorum gained for tracked process x"), Changed(True)]


def test_quorum_0_is_up_without_any():
    tracker = ProcessTracker(TrackProcess(name="x", process="p", quorum=0, quorum_max=0))
    assert tracker.up
    assert tracker.came(1, 0.0, forked=False)[-1] == Changed(False)


def message(what: int, *numbers: int) -> bytes:
    head = struct.pack("=IHHIIIIIIHH", 0, 3, 0, 0, 0, 1, 1, 0, 0, 0, 0)
    return head + struct.pack("=IIQ", what, 0, 0) + struct.pack(f"={len(numbers)}I", *numbers)


def test_events_of_threads_are_none():
    fork, exit_, comm = processes.PROC_EVENT_FORK, processes.PROC_EVENT_EXIT, processes.PROC_EVENT_COMM
    assert list(processes.events(message(fork, 10, 10, 11, 11))) == [(fork, 10, 11)]
    assert list(processes.events(message(fork, 12, 10, 11, 11))) == [(fork, 10, 11)], "a thread forks, too"
    assert list(processes.events(message(fork, 10, 10, 11, 10))) == []
    assert list(processes.events(message(exit_, 10, 10, 0, 17))) == [(exit_, 10, 0)]
    assert list(processes.events(message(exit_, 11, 10, 0, 17))) == []
    assert list(processes.events(message(comm, 10, 10))) == [(comm, 10, 0)]
    for cut in range(60):
        assert list(processes.events(message(comm, 10, 10)[:cut])) == []


def test_this_process_is_seen():
    comm, argv = processes.every(True)[os.getpid()]
    assert (comm, argv) == processes.look(os.getpid(), True)
    assert argv
    assert processes.look(2**22 + 1, True) is None


# --- files


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"5\n", 5),
        (b"  -300 and more", -300),
        (b"+7", 7),
        (b"", 0),
        (b"x", 0),
        (b"\0\0", 0),
        (b"99999999999999", 2**31 - 1),
        (b"-99999999999999", -(2**31)),
    ],
)
def test_the_number_in_a_file(data, number):
    assert value(data) == number
