# SPDX-License-Identifier: Apache-2.0
"""Ten million mutated frames (times --scale) through the pipeline: no crash, no leak, every one ends by one name."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lbd.fastpath import _dp
from tests.packets.bench import Bench
from tests.packets.mutations import run

FRAMES = 10_000_000
ROUND = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    frames = int(FRAMES * parser.parse_args().scale)
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    _dp.eal_init(
        [
            "--no-huge",
            "--no-shconf",
            "-m",
            "128",
            "--no-pci",
            "--no-telemetry",
            "--log-level=error",
            f"--lcores=0@({cpus})",
        ]
    )
    fed, ends, said = 0, set(), time.monotonic()
    for seed in range(-(-frames // ROUND)):
        bench = Bench()
        ended = run(bench, min(ROUND, frames - seed * ROUND), seed)
        bench.check_sums()
        bench.dp.close()
        fed += sum(ended.values())
        ends |= set(ended)
        if time.monotonic() - said > 5:
            said = time.monotonic()
            print(f"mutations: {fed:,} of {frames:,} frames", file=sys.stderr)
    print(json.dumps({"name": "soak/mutations/frames", "value": fed, "unit": "frames", "rounds": seed + 1}))
    print(
        json.dumps(
            {"name": "soak/mutations/ends", "value": len(ends), "unit": "verdicts", "rounds": seed + 1}
        )
    )


if __name__ == "__main__":
    main()
