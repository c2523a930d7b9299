# SPDX-License-Identifier: Apache-2.0
"""A thousand generated files (times --scale) with ten faults each give exactly ten messages each; as many come back."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lbd.confparser import load
from lbd.confparser.show import as_conf, effective
from tests.property.faults import NOT_YET, configuration, spoilt, written

FILES = 1000
FAULTS = 10


def messages(file: Path) -> list[str]:
    loaded = load(str(file), config_id="host", interfaces=["lo", "eth0", "eth1"])
    return [found.short() for found in loaded.diagnostics if found.code not in NOT_YET]


def faults(file: Path, seed: int) -> None:
    text, names = spoilt(random.Random(seed), FAULTS)
    file.write_text(text)
    found = messages(file)
    if len(found) != FAULTS:
        raise SystemExit(
            f"seed {seed}: {len(found)} messages for {FAULTS} faults: {names}\n" + "\n".join(found)
        )


def comes_back(file: Path, seed: int) -> None:
    file.write_text(written(configuration(random.Random(seed))))
    loaded, shown = effective(str(file), config_id="host")
    file.write_text(as_conf(shown, secrets=True))
    again, _ = effective(str(file), config_id="host")
    if again.config != loaded.config or messages(file):
        raise SystemExit(f"seed {seed}: what was shown does not mean the same")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    files = max(5, int(FILES * parser.parse_args().scale))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "keepalived.conf"
        for seed in range(files):
            faults(file, seed)
            comes_back(file, seed)
    seconds = round(time.monotonic() - begun, 2)
    print(json.dumps({"name": "soak/configuration/files with ten faults", "value": files, "unit": "files"}))
    print(json.dumps({"name": "soak/configuration/seconds", "value": seconds, "unit": "s"}))


if __name__ == "__main__":
    main()
