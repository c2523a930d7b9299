# SPDX-License-Identifier: Apache-2.0
"""What the runner is told of trackers: each thing once, and for a new instance all of it."""

from __future__ import annotations

from typing import Any

from lbd.model import Config, Tracked, TrackedInterface, Tracking, VrrpInstance
from lbd.vrrp.io.opinions import Opinions
from lbd.vrrp.tracking import Seen


class Recorder:
    """In the place of a Runner: what it was told, since it was last asked."""

    def __init__(self) -> None:
        self._told: list[tuple[Any, ...]] = []

    def __getattr__(self, verb: str) -> Any:
        return lambda names, *what: self._told.append((verb, *names, *what))

    def told(self) -> list[tuple[Any, ...]]:
        told, self._told = self._told, []
        return told


def config(*scripts: Tracked, interfaces: tuple[TrackedInterface, ...] = ()) -> Config:
    instance = VrrpInstance(
        name="VI",
        interface="eth0",
        virtual_router_id=1,
        tracking=Tracking(scripts=scripts),
        track_interface=interfaces,
    )
    return Config(vrrp_instances=(instance,))


def test_from_the_first_result_to_the_last():
    recorder = Recorder()
    opinions = Opinions(recorder, lambda name: True)  # type: ignore[arg-type]
    opinions.configure(config(Tracked(name="s"), Tracked(name="w", weight=5)), Seen())
    opinions.of_new(["VI"])
    assert recorder.told() == [("wait_for", "VI", "script s"), ("wait_for", "VI", "script w")]
    opinions.see(Seen(scripts={"s": True, "w": False}))
    assert recorder.told() == [("recover", "VI", "script s"), ("recover", "VI", "script w")]
    opinions.see(Seen(scripts={"s": False, "w": True}))
    assert recorder.told() == [("fault", "VI", "script s"), ("weigh", "VI", "script w", 5)]
    opinions.see(Seen(scripts={"s": False, "w": True}))
    assert recorder.told() == []
    # a reload that tracks one of them no more
    opinions.configure(config(Tracked(name="s")), Seen(scripts={"s": False, "w": True}))
    opinions.see()
    assert recorder.told() == [("weigh", "VI", "script w", 0)]
    opinions.configure(config(), Seen())
    opinions.see()
    assert recorder.told() == [("recover", "VI", "script s")]


def test_what_is_waited_for_is_said_first():
    recorder = Recorder()
    opinions = Opinions(recorder, lambda name: True)  # type: ignore[arg-type]
    whole = config(Tracked(name="s"), interfaces=(TrackedInterface(interface="eth1"),))
    opinions.configure(whole, Seen())
    opinions.of_new(["VI"])
    assert [verb for verb, *_ in recorder.told()] == ["wait_for", "recover"]


def test_links():
    up = {"eth1": True}
    recorder = Recorder()
    opinions = Opinions(recorder, lambda name: up.get(name, False))  # type: ignore[arg-type]
    interfaces = (TrackedInterface(interface="eth1"), TrackedInterface(interface="eth2", weight=-3))
    opinions.configure(config(interfaces=interfaces), Seen())
    opinions.of_new(["VI"])
    assert recorder.told() == [
        ("recover", "VI", "tracked interface eth1"),
        ("weigh", "VI", "tracked interface eth2", -3),
        ("recover", "VI", "tracked interface eth2"),
    ]
    up["eth1"] = False
    opinions.see()
    assert recorder.told() == [("fault", "VI", "tracked interface eth1")]
