# SPDX-License-Identifier: Apache-2.0
"""``make demo``: two directors, a client, three real servers, and what happens when they die. See story.py.

This file is the frame: one demo at a time, a clean start, a clean end on every way out, and the exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator

from demo.explore import how_to_explore
from demo.story import BrokenError, Story
from demo.view import View, make_view
from tests.smoke.topology import Topology, sweep

PREFIX = "lbd-demo-"
LOCK = "/run/lbd-demo.lock"
LIMIT = 85.0
"""Seconds for the whole story."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description="What lbd does, with real parts.")
    parser.add_argument("--mode", choices=["fnat", "nat", "dr"], default="fnat", help="forwarding method")
    parser.add_argument("--keep", action="store_true", help="leave all running at the end, to look around")
    parser.add_argument("--clean", action="store_true", help="only take away what an earlier demo left")
    return parser.parse_args()


@contextlib.contextmanager
def alone() -> Iterator[bool]:
    """False while another demo runs on this machine."""
    with open(LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


async def play(net: Topology, view: View) -> int:
    """The story until its end, its failure, Ctrl-C or SIGTERM; the exit code."""
    story = Story(net, view)
    task = asyncio.create_task(story.tell())
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        async with asyncio.timeout(LIMIT):
            await task
    except asyncio.CancelledError:
        view.say(f"ended by {ended_by[0].name}")
        return 128 + ended_by[0]
    except (BrokenError, TimeoutError, OSError, RuntimeError) as error:
        view.fail(str(error) or f"not done within {LIMIT:g} s")
        view.end()
        print(net.state(), file=sys.stderr)
        return 1
    finally:
        view.end()
    story.summary.show()
    return 0 if story.summary.good else 1


def demo(mode: str, keep: bool) -> int:
    if left := sweep(PREFIX):
        print(f"took away {left} namespaces of an earlier demo")
    net = Topology(mode, PREFIX)
    kept = False
    try:
        net.build()
        code = asyncio.run(play(net, make_view(keep)))
        kept = keep and code == 0
    finally:
        if not kept:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C does not leave half of it
            net.remove()
    if kept:
        print(how_to_explore(net))
    return code


def main() -> int:
    chosen = arguments()
    if os.geteuid() != 0:
        print("the demo needs root: it makes network namespaces", file=sys.stderr)
        return 1
    with alone() as free:
        if not free:
            print("another demo runs on this machine: end it first", file=sys.stderr)
            return 1
        if chosen.clean:
            sweep(PREFIX)
            return 0
        return demo(chosen.mode, chosen.keep)


if __name__ == "__main__":
    sys.exit(main())
