# SPDX-License-Identifier: Apache-2.0
"""pcap files of one frame of each flow, made when they are needed, for DPDK's net_pcap driver."""

from __future__ import annotations

import struct
from pathlib import Path

from benchmarks.frames import frame, ones

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
"""Of the file: version 2.4, Ethernet."""


def frames_of(family: int, flows: int) -> bytes:
    """UDP frames of flows 0 to flows - 1, each with the record's head before it."""
    template = frame(family, "udp")
    record = struct.pack("<IIII", 0, 0, len(template), len(template))
    at = 26 if family == 4 else 34
    base = int.from_bytes(template[at : at + 4], "big")
    sums = (24, 40) if family == 4 else (60,)
    made = bytearray()
    for flow in range(flows):
        new = bytearray(template)
        new[at : at + 4] = (base + flow).to_bytes(4, "big")
        for place in sums:
            # RFC 1624: the template's source ends in zeros enough, so the flow itself is the difference
            new[place : place + 2] = ones(
                (~int.from_bytes(new[place : place + 2], "big") & 0xFFFF).to_bytes(2, "big")
                + flow.to_bytes(4, "big")
            ).to_bytes(2, "big")
        made += record + new
    return bytes(made)


class Captures:
    """The files of one family: the first flows of the largest one are the smaller one's."""

    def __init__(self, family: int, flows: int, directory: Path) -> None:
        self.family, self.directory = family, directory
        self._frames = frames_of(family, flows)
        self._record = len(self._frames) // flows

    def file(self, flows: int) -> Path:
        path = self.directory / f"udp{self.family}-{flows}.pcap"
        path.write_bytes(HEAD + self._frames[: flows * self._record])
        return path
