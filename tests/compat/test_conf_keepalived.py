# SPDX-License-Identifier: Apache-2.0
"""The examples without DPVS's words, judged by the keepalived that is installed, where their interfaces exist."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))
PLAIN = [file for file in EXAMPLES if "lb_kind FNAT" not in file.read_text()]

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
        subprocess.run([*link, "add", "eth0", "type", "veth", "peer", "name", "eth1"], check=True)
        for interface in ("eth0", "eth1"):
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
    assert (done.returncode, done.stderr) == (0, "")
