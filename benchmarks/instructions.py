# SPDX-License-Identifier: Apache-2.0
"""Instructions per packet of the pipeline, counted by callgrind: the same on a busy machine as on a quiet one.

``FIGURES`` holds what was counted when somebody last said that it may be so; a test fails where more than TOLERANCE
is counted, and ``python -m benchmarks.instructions --write`` says anew what may be. They are those of Debian 12's
compiler. Run with ``--play``, this is the program that is counted in: every call of ``replay`` is one part.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.frames import ACK, FIN, PUSH, SYN, frame
from benchmarks.plane import ANSWER, Plane, services, start_eal
from lbd.fastpath import _dp

FIGURES = Path(__file__).with_suffix(".json")
TOLERANCE = 0.05
FLOWS = 256
ROUNDS = 8
"""How often each flow is seen in an established part."""
ONCE = array("I", range(FLOWS))
OFTEN = ONCE * ROUNDS

Replay = Callable[[bool], int]
"""straight -> cycles"""


class Part(NamedTuple):
    """What is counted: ``replay`` through the pipeline, and straight, which is taken off."""

    name: str
    packets: int
    replay: Replay


def plane_of(method: str, family: int, protocol: str, **how: Any) -> Plane:
    plane = Plane()
    plane.sink()
    plane.serve(services(method, family, protocol, flows=FLOWS, **how))
    return plane


def established(method: str, family: int, protocol: str) -> Iterator[Part]:
    """Packets of the client, and of the server where they pass here; first, those that make the connections."""
    plane = plane_of(method, family, protocol)
    name = f"{method}-{protocol}{family}"
    answers = {straight: bytearray(FLOWS * ANSWER) for straight in (False, True)}
    first, later = frame(family, protocol, SYN), frame(family, protocol, PUSH | ACK)
    yield Part(f"connect/{name}", FLOWS, lambda s: plane.dp.replay(first, ONCE, s, answers=answers[s]))
    yield Part(f"forward/{name}", len(OFTEN), lambda s: plane.dp.replay(later, OFTEN, s))
    if method != "dr":
        back = partial(plane.dp.replay, later, OFTEN, backward=True)
        yield Part(f"backward/{name}", len(OFTEN), lambda s: back(s, answers=answers[s]))
    if protocol == "tcp":
        last = frame(family, protocol, FIN | ACK)
        yield Part(f"end/{name}", FLOWS, lambda s: plane.dp.replay(last, ONCE, s))
    plane.all_sent()
    plane.close()


def scheduled(name: str, **how: Any) -> Iterator[Part]:
    """What the choice of a server adds to the first packet of a connection."""
    plane = plane_of("fnat", 4, "udp", **how)
    yield Part(f"connect/{name}", FLOWS, lambda s: plane.dp.replay(frame(4, "udp"), ONCE, s))
    plane.all_sent()
    plane.close()


def parts() -> Iterator[Part]:
    for family in (4, 6):
        for protocol in ("udp", "tcp"):
            for method in ("fnat", "nat", "dr"):
                yield from established(method, family, protocol)
    yield from scheduled("wlc", scheduler="wlc")
    yield from scheduled("mh", scheduler="mh")
    yield from scheduled("persistence", persistence=360)


def play() -> None:
    """Says of each call of replay what it was, in order."""
    start_eal(64)
    calls = []
    for part in parts():
        for straight in (False, True):
            part.replay(straight)
            calls.append((part.name, part.packets, straight))
    print(json.dumps(calls))


def symbol() -> str:
    """The name of ``Dataplane.replay`` in the extension: Cython numbers the methods of a class."""
    listed = subprocess.run(["nm", _dp.__file__], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"\b(__pyx_pw_\w*Dataplane_\d+replay)\b", listed)
    if len(found) != 1:
        raise RuntimeError(f"the extension has {len(found)} functions that could be Dataplane.replay")
    return str(found[0])


def count() -> dict[str, float]:
    """Instructions per packet, by the names of the parts. Raises CalledProcessError with valgrind's own words."""
    replay = symbol()
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "part"
        command = [
            *("valgrind", "-q", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}"),
            *(f"--toggle-collect={replay}", f"--dump-after={replay}"),
            *(sys.executable, "-m", "benchmarks.instructions", "--play"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FIGURES.parents[1])
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command)
            error.add_note(done.stderr.strip())
            raise error
        calls = json.loads(done.stdout.splitlines()[-1])
        totals = [total(Path(f"{out}.{n}")) for n in range(1, len(calls) + 1)]
    figures: dict[str, float] = {}
    for (name, packets, straight), counted in zip(calls, totals, strict=True):
        figures[name] = figures.get(name, 0.0) + (-counted if straight else counted) / packets
    return {name: round(figure, 1) for name, figure in figures.items()}


def total(part: Path) -> int:
    found = re.search(r"^totals: (\d+)$", part.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"callgrind counted nothing into {part.name}")
    return int(found[1])


def committed() -> dict[str, float]:
    figures: dict[str, float] = json.loads(FIGURES.read_text())
    return figures


def complaints(counted: dict[str, float], allowed: dict[str, float]) -> list[str]:
    """A sentence for each part that takes more than it may, and for those that one of the two does not know."""
    said = [f"{name} is counted, and has no figure" for name in counted.keys() - allowed.keys()]
    said += [f"{name} has a figure, and is not counted" for name in allowed.keys() - counted.keys()]
    for name in counted.keys() & allowed.keys():
        rise = counted[name] / allowed[name] - 1
        if rise > TOLERANCE:
            said.append(
                f"{name} takes {counted[name]} instructions a packet, {rise:.1%} over {allowed[name]}"
            )
    return sorted(said)


def main() -> int:
    parser = argparse.ArgumentParser(description="Instructions per packet, beside the committed figures.")
    parser.add_argument("--write", action="store_true", help="commit to what is counted now")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play()
        return 0
    counted = count()
    if options.write:
        FIGURES.write_text(json.dumps(counted, indent=2) + "\n")
        return 0
    allowed = committed()
    for name, figure in counted.items():
        print(f"{name:24} {figure:8.1f} {allowed.get(name, 0):8.1f}")
    said = complaints(counted, allowed)
    print("\n".join(said))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
