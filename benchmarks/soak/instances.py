# SPDX-License-Identifier: Apache-2.0
"""500 instances on one interface at adverts of 1 s, for a minute (times --scale, 5 s at least): none is missed.

Tells the share of a processor that the vrrp process takes. Ends with 1 where an instance sent fewer adverts than it
should have.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.smoke.vrrp_link import Link

EACH = 250
"""Instances of a family: an interface has at most 255 virtual routers of one."""
MINUTE, LEAST = 60.0, 5.0
PATIENCE = 60.0


def configuration() -> str:
    routers = [
        (family, number, address.format(number))
        for family, address in ((4, "10.88.5.{}/32"), (6, "fe80::5:{:x}/64"))
        for number in range(1, EACH + 1)
    ]
    return "".join(
        f"vrrp_instance V{family}_{number} {{\ninterface eth0\nvirtual_router_id {number}\nversion 3\n"
        f"advert_int 1\ngarp_master_repeat 1\ngarp_master_delay 0\nvirtual_ipaddress {{\n{address}\n}}\n}}\n"
        for family, number, address in routers
    )


def watch(link: Link, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        link.read()
        time.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """Of its main thread; by the scheduler's clock, because ticks miss what is done between two of them."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    seconds = max(LEAST, MINUTE * parser.parse_args().scale)
    with Link("many") as link:
        link.start("lbd", configuration())
        until = time.monotonic() + PATIENCE
        while len({heard[:2] for heard in link.adverts}) < 2 * EACH:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"only {len(link.adverts)} instances lead: {link.programs[0].text()[-500:]}"
                )
            watch(link, 0.5)
        watch(link, 5)
        pid = int((link.directory / "vrrp.pid").read_text())
        link.adverts.clear()
        began, used = time.monotonic(), cpu_seconds(pid)
        watch(link, seconds)
        took, used = time.monotonic() - began, cpu_seconds(pid) - used
        counts = [link.adverts[heard] for heard in link.adverts]
    missed = sum(count < int(took) - 1 for count in counts) + 2 * EACH - len(counts)
    for name, value, unit in (
        ("cpu", round(100 * used / took, 1), "% of a core"),
        ("missed", missed, "instances"),
        ("adverts", sum(counts), "adverts"),
    ):
        print(json.dumps({"name": f"soak/instances/{name}", "value": value, "unit": unit}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
