# SPDX-License-Identifier: Apache-2.0
"""Million packets per second through net_pcap and net_null, one way, of one family: what both programs bench_ports run.

The baseline is testpmd in forwarding mode io on the very same devices, file, core and burst, in turns; its mode
5tswap, which looks at as much of a frame as we do and knows no flow, has rows of its own.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.capture import Captures
from benchmarks.hugepages import reserved
from benchmarks.owned import DpdkTestpmd, Lbd, megabytes
from benchmarks.rounds import show, take_turns

ROUNDS = 5
METHODS = ("fnat", "nat", "dr")
FLOWS = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
UNIT = "Mpps"


def measure(family: int) -> None:
    with tempfile.TemporaryDirectory() as directory, reserved(2 * megabytes(max(FLOWS.values()), huge=True)):
        captures = Captures(family, max(FLOWS.values()), Path(directory))
        for name, flows in FLOWS.items():
            capture = captures.file(flows)
            with DpdkTestpmd(capture, flows) as testpmd:
                io = partial(testpmd.measure, "io")
                for method in METHODS:
                    with Lbd(capture, flows, method, family) as lbd:
                        show(
                            f"pcap-null/{method}-udp{family}/{name}",
                            UNIT,
                            *take_turns(ROUNDS, lbd.measure, io),
                        )
                looks = partial(testpmd.measure, "5tswap")
                show(f"pcap-null/testpmd-5tswap-udp{family}/{name}", UNIT, *take_turns(ROUNDS, looks, io))
