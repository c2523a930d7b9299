# SPDX-License-Identifier: Apache-2.0
"""The examples without DPVS's words, judged by the keepalived that is installed, where their interfaces exist."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbd.confparser import load

SAMPLES = sorted(Path("/usr/share/doc/keepalived/samples").glob("keepalived.conf.*"))
"""Of Debian's package; read where they are."""
LINKS = ("eth0", "eth1", "eth2", "eth3", "p33p1", "bond0")
EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))
FORKED = {"lb_kind FNAT", "lb_kind SNAT"}
PLAIN = [
    file for file in EXAMPLES if not FORKED & {" ".join(x.split()) for x in file.read_text().splitlines()}
]

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="needs keepalived"),
]


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"lbdconf{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        link = ["ip", "-n", name, "link"]
        for one, other in zip(LINKS[::2], LINKS[1::2], strict=True):
            subprocess.run([*link, "add", one, "type", "veth", "peer", "name", other], check=True)
        for interface in LINKS:
            subprocess.run([*link, "set", interface, "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_there_are_examples_for_plain_keepalived() -> None:
    assert {"nat-lb1", "nat-lb2", "dr-lb1", "dr-lb2", "vrrp-only"} <= {file.stem for file in PLAIN}


@pytest.mark.parametrize("file", PLAIN, ids=lambda file: file.name)
def test_keepalived_accepts_it(file: Path, namespace: str) -> None:
    command = ["ip", "netns", "exec", namespace, "keepalived", "-t", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    # 2.2.7 ends its own process group where scripts run as another user (its issue 2587).
    kills_itself = "script_user nobody" in file.read_text()
    assert (done.returncode, done.stderr) == (-15 if kills_itself else 0, "")


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_a_sample_of_keepalived_has_its_verdict(file: Path, namespace: str) -> None:
    command = ["ip", "netns", "exec", namespace, "keepalived", "-t", "-i", "host", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    loaded = load(str(file), config_id="host", interfaces=("lo", *LINKS))
    assert loaded.exit_code == done.returncode, (done.stderr, [d.short() for d in loaded.diagnostics])


def test_there_are_samples() -> None:
    assert len(SAMPLES) > 20
