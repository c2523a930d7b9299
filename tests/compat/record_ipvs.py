# SPDX-License-Identifier: Apache-2.0
"""Records what the kernel's IPVS does in every scenario: ``python -m tests.compat.record_ipvs``, as root on Debian.

It runs in user-mode-linux (Debian's package, unpacked into a directory that is removed), which sees this machine's
files read-only and nothing of its network. Inside, this program is the client: its segments pass IPVS on their way out.
What is recorded already is kept, without ``--all``.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from tests.compat.ipvs_scenarios import PORT, SYN, Scenario, client, real, scenarios, segment, virtual

RECORD = Path(__file__).with_name("data") / "ipvs_schedulers.json"
ROOT = Path(__file__).resolve().parents[2]
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "sh", "dh", "mh", "lblc", "lblcr")
MODULES = (
    *("lib/crc-ccitt", "net/ipv6/ipv6", "net/ipv4/netfilter/nf_defrag_ipv4"),
    *("net/ipv6/netfilter/nf_defrag_ipv6", "net/netfilter/nf_conntrack", "drivers/net/dummy"),
    "net/netfilter/ipvs/ip_vs",
    *(f"net/netfilter/ipvs/ip_vs_{name}" for name in SCHEDULERS),
)
FLAGS = {
    "sh": {"fallback": "sh-fallback", "port": "sh-port"},
    "mh": {"fallback": "mh-fallback", "port": "mh-port"},
}
CLONE_NEWNET = 0x40000000
SECONDS = 900
MARK = "recorded: "


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2:])
        return 0
    before = {} if "--all" in sys.argv or not RECORD.exists() else json.loads(RECORD.read_text())["scenarios"]
    names = [s.name for s in scenarios()]
    with tempfile.TemporaryDirectory(prefix="lbd-uml-") as place:
        unpack(Path(place))
        lines = run(Path(place), [n for n in names if n not in before])
    kernel, *found = (json.loads(line) for line in lines)
    answers = before | dict(found)
    if missing := [name for name in names if name not in answers]:
        print(f"not recorded: {', '.join(missing)}", file=sys.stderr)
        return 1
    RECORD.write_text(written(kernel, {name: answers[name] for name in names}))
    return 0


def written(kernel: str, answers: dict[str, list[int | None]]) -> str:
    """A scenario to a line."""
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(choice)}" for name, choice in answers.items())
    return f'{{"kernel": {json.dumps(kernel)},\n "scenarios": {{\n{body}\n}}}}\n'


def unpack(place: Path) -> None:
    command = ["apt-get", "download", "user-mode-linux", "busybox-static", "ipvsadm", "libpopt0"]
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, place / "root"], check=True)


def run(place: Path, names: list[str]) -> list[str]:
    """What the program inside said, line by line."""
    init = place / "init.sh"
    modules = next((place / "root/usr/lib/uml/modules").iterdir()) / "kernel"
    busybox = place / "root/bin/busybox"
    init.write_text(
        "#!/bin/sh\n"
        "mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /run\n"
        + "".join(f"{busybox} insmod {modules / m}.ko\n" for m in MODULES)
        + f"export PATH=$PATH:{place / 'root/sbin'} PYTHONDONTWRITEBYTECODE=1\n"
        f"export LD_LIBRARY_PATH={place / 'root/usr/lib/x86_64-linux-gnu'}\n"
        f"cd {ROOT}\n{sys.executable} -m tests.compat.record_ipvs --inside {shlex.join(names)}\n{busybox} poweroff -f\n"
    )
    init.chmod(0o755)
    command = [
        *(
            place / "root/usr/bin/linux.uml",
            "mem=256M",
            "root=/dev/root",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
        ),
        *("con=null", "con0=null,fd:1", "ssl=null", f"init={init}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = [line.strip() for line in done.stdout.splitlines()]
    found = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    if len(found) < 2:
        raise RuntimeError(f"the kernel said nothing of use:\n{done.stdout[-3000:]}")
    return found


def inside(names: list[str]) -> None:
    """In the other kernel. Each scenario has a network namespace, and so an IPVS, of its own."""
    print(MARK + json.dumps(os.uname().release), flush=True)
    for scenario in (s for s in scenarios() if s.name in names):
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).unshare(CLONE_NEWNET)
            set_up()
            print(MARK + json.dumps([scenario.name, play(scenario)]), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def set_up() -> None:
    for command in (
        *("ip link set lo up", "ip link add dummy0 type dummy", "ip link set dummy0 up"),
        *("ip addr add 10.74.255.254/16 dev dummy0", "ip addr add fd74::fffe/64 dev dummy0 nodad"),
        *("ip route add 10.73.0.0/16 dev dummy0", "ip route add fd73::/64 dev dummy0"),
        "ipvsadm --set 3600 120 300",
    ):
        subprocess.run(command.split(), check=True)


def play(scenario: Scenario) -> list[int | None]:
    """The number of the server of each SYN, None: nobody's."""
    version = socket.AF_INET if scenario.family == 4 else socket.AF_INET6
    raw = socket.socket(version, socket.SOCK_RAW, socket.IPPROTO_RAW)
    subprocess.run(["ipvsadm", "-R"], input="\n".join(rules(scenario)) + "\n", text=True, check=True)
    chosen: dict[tuple[str, int], int] = {}
    for step in scenario.steps:
        if step.wait:
            chosen |= connections(scenario)
            time.sleep(step.wait)
            continue
        with suppress(PermissionError):  # how the kernel says that no server took it
            raw.sendto(segment(scenario, step), (virtual(scenario.family, step.vip), 0))
    chosen |= connections(scenario)
    return [chosen.get(client(scenario, s.client)) for s in scenario.steps if s.flags == SYN]


def rules(scenario: Scenario) -> Iterator[str]:
    """IPVS puts a server that is added before the others: so the last one first."""
    flags = ",".join(FLAGS[scenario.scheduler][f] for f in scenario.flags)
    for i in range(scenario.vips):
        service = f"-t {bracketed(virtual(scenario.family, i))}"
        sticky = f" -p {scenario.persistence}" if scenario.persistence else ""
        sticky += f" -M {scenario.mask}" if scenario.mask else ""
        yield f"-A {service} -s {scenario.scheduler}" + (f" -b {flags}" if flags else "") + sticky
        for number, server in reversed(list(enumerate(scenario.servers))):
            address = bracketed(real(scenario.family, number))
            limits = f"-x {server.upper} -y {server.lower}"
            yield f"-a {service} -r {address} -g -w {server.weight} {limits}"


def bracketed(address: str) -> str:
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"


def connections(scenario: Scenario) -> dict[tuple[str, int], int]:
    """Of this kernel: the client's address and port, and its server's number."""
    numbers = {real(scenario.family, i): i for i in range(len(scenario.servers))}
    found = {}
    for line in Path("/proc/net/ip_vs_conn").read_text().splitlines()[1:]:
        _, source, port, _, _, server, *_ = line.split()
        if address(server) in numbers:
            found[address(source), int(port, 16)] = numbers[address(server)]
    return found


def address(text: str) -> str:
    """IPv4 is written as eight hexadecimal digits."""
    return str(ip_address(text.strip("[]")) if ":" in text else ip_address(int(text, 16)))


if __name__ == "__main__":
    sys.exit(main())
