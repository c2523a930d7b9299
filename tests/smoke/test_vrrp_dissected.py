# SPDX-License-Identifier: Apache-2.0
"""tshark reads every kind of advert that lbd sends, and has nothing to complain of: no expert word, every sum good.

One complaint is due: keepalived's auth_hmac is unknown to it, and under IPv4 its trailer is outside of the checksum.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

V2, V3 = "version 2\nadvert_int 1", "version 3\nadvert_int 0.25"
AUTH = "authentication {{\nauth_type {}\nauth_pass secret\n}}"
HMAC = "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\n}"
PEER4, PEER6 = "unicast_peer {\n10.88.0.20\n}", "unicast_peer {\nfe80::20\n}"
KINDS = {
    "v2": V2,
    "v2 PASS": f"{V2}\n{AUTH.format('PASS')}",
    "v2 AH": f"{V2}\n{AUTH.format('AH')}",
    "v2 unicast": f"{V2}\n{PEER4}",
    "v2 AH unicast": f"{V2}\n{AUTH.format('AH')}\n{PEER4}",
    "v3": V3,
    "v3 unicast": f"{V3}\n{PEER4}",
    "v3 vmac": f"{V3}\nuse_vmac",
    "v3 hmac": f"{V3}\n{HMAC}",
    "v6": V3,
    "v6 unicast": f"{V3}\n{PEER6}",
    "v6 vmac": f"{V3}\nuse_vmac",
    "v6 hmac": f"{V3}\n{HMAC}",
    "v3 as v2": f"{V3}\nv3_checksum_as_v2",
}
NUMBERS = {kind: number for number, kind in enumerate(KINDS, 1)}
AS_V2 = NUMBERS["v3 as v2"]
GOOD = "1"
"""Of vrrp.checksum.status."""


def configuration() -> str:
    blocks = []
    for kind, conf in KINDS.items():
        number = NUMBERS[kind]
        addresses = (
            [f"fe80::77:{number:x}/64", f"fd77::{number:x}"]
            if kind.startswith("v6")
            else [f"10.88.7.{number}"]
        )
        listed = "\n".join(addresses)
        blocks.append(
            f"vrrp_instance D{number} {{\ninterface eth0\nvirtual_router_id {number}\npriority 150\n{conf}\n"
            f"virtual_ipaddress {{\n{listed}\n}}\n}}\n"
        )
    return "".join(blocks)


def dissected(capture: Path, *, as_v2: bool) -> list[dict[str, list[str]]]:
    """The fields of each frame of VRRP, by name. as_v2: those whose sum has no pseudo header, else all the others."""
    name = f"vrrp.virt_rtr_id {'==' if as_v2 else '!='} {AS_V2}"
    fields = (
        "vrrp.virt_rtr_id",
        "vrrp.version",
        "vrrp.prio",
        "vrrp.checksum.status",
        "_ws.expert",
        "_ws.malformed",
    )
    command = [
        "tshark", "-n", "-r", str(capture), "-T", "json", "-Y", f"vrrp && {name}", "--no-duplicate-keys",
        "-o", f"vrrp.v3_checksum_as_in_v2:{str(as_v2).upper()}", "-o", "ip.check_checksum:TRUE",
        *(word for field in fields for word in ("-e", field)),
    ]  # fmt: skip
    shown = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    frames: list[dict[str, Any]] = json.loads(shown or b"[]")
    return [frame["_source"]["layers"] for frame in frames]


async def test_nothing_to_complain_of() -> None:
    with Link("tshark") as link:
        capture = link.directory / "adverts.pcap"
        command = ("tcpdump", "--immediate-mode", "-U", "-n", "-i", "p0", "-w", str(capture), "-Z", "root",
                   "ip proto 112 or ip proto 51 or ip6 proto 112")  # fmt: skip
        dump = Program(link.peer, "tcpdump", link.directory / "tcpdump.log", *command)
        link.programs.append(dump)
        await dump.says("listening on p0", 10)
        program = link.start("lbd", configuration())
        for number in NUMBERS.values():
            await program.says(rf"\(D{number}\) Entering MASTER STATE", 15)

        def heard() -> bool:
            link.read()
            return all(n >= 2 for n in link.adverts.values()) and len(link.adverts) >= len(KINDS)

        await becomes(heard, "each has sent some", 10)
        assert await program.end(15) == 0
        dump.send(signal.SIGINT)
        await dump.ended()
        frames = [*dissected(capture, as_v2=False), *dissected(capture, as_v2=True)]
    complaints = {
        int(frame["vrrp.virt_rtr_id"][0])
        for frame in frames
        if frame.keys() & {"_ws.expert", "_ws.malformed"} or frame["vrrp.checksum.status"] != [GOOD]
    }
    assert complaints == {NUMBERS["v3 hmac"]}
    seen = {(int(f["vrrp.virt_rtr_id"][0]), f["vrrp.version"][0], f["vrrp.prio"][0]) for f in frames}
    for kind, number in NUMBERS.items():
        version = "2" if kind.startswith("v2") else "3"
        assert {(number, version, "150"), (number, version, "0")} <= seen, kind
