# SPDX-License-Identifier: Apache-2.0
"""Requests per second through a shared port while as much as one core can send of other traffic comes by it, too.

The other traffic is UDP to an address that is nobody's service (dpdk-testpmd, txonly, on the client's end of the wire).
A row is a balancer beside itself without that traffic; nftables DNAT shows what the same costs a kernel alone.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict

from benchmarks.end_to_end import requests
from benchmarks.owned import PROMPT, Peer, pmd_command
from benchmarks.rounds import show
from benchmarks.wires import Way, Wires

ROUNDS = 5
BALANCERS = ("lbd", "nftables")
ADDRESSES = "198.18.0.1,198.18.0.2"
"""Source and destination (RFC 2544 section C.2.2: for benchmarks)."""


class Flood(Peer):
    """Frames from the client's end of a wire to the MAC address at the other end."""

    def __init__(self, wires: Wires, way: Way) -> None:
        mac = way.host.run("cat", "/sys/class/net/front/address").strip()
        traffic = ("--forward-mode=txonly", f"--eth-peer=0,{mac}", f"--tx-ip={ADDRESSES}")
        command = pmd_command(256, [f"net_af_packet0,iface={way.name}"], "--total-num-mbufs=16384", *traffic)
        super().__init__(wires.client.command(*command), prompt=PROMPT, last="quit")

    def sent(self) -> int:
        found = re.search(r"TX-packets: (\d+)", self.ask("show port stats 0"))
        if found is None:
            raise RuntimeError("testpmd counts no packets")
        return int(found[1])


def main() -> None:
    measured: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Wires(plain=False) as wires:
        for name in BALANCERS:
            way = wires.ways[name]
            with Flood(wires, way) as flood:
                for _ in range(ROUNDS):
                    measured[name, "quiet"].append(requests(wires, way)["requests"])
                    flood.ask("start")
                    before, began = flood.sent(), time.monotonic()
                    measured[name, "flooded"].append(requests(wires, way)["requests"])
                    measured[name, "flood"].append((flood.sent() - before) / (time.monotonic() - began))
                    flood.ask("stop")
    for name in BALANCERS:
        show(f"unrelated/requests/{name}", "requests/s", measured[name, "flooded"], measured[name, "quiet"])
        show(f"unrelated/sent-beside/{name}", "frames/s", measured[name, "flood"])


if __name__ == "__main__":
    main()
