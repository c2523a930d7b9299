# SPDX-License-Identifier: Apache-2.0
"""One defect is one message: faults of a catalogue at random places, typos of every keyword, bad input in bounds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbd.confparser import load
from lbd.confparser.diagnostics import closest
from lbd.confparser.docs import entries
from lbd.confparser.explain import STORIES
from lbd.confparser.schema import ROOT, Block
from lbd.confparser.show import as_conf, effective
from tests.property.faults import CATALOGUE, NOT_YET, configuration, spoilt, typo, written

ROOT_DIRECTORY = Path(__file__).resolve().parents[2]
FILES = 40
"""Of each kind here; the soak has a thousand."""
SECONDS, MEBIBYTES = 1.0, 256


def messages(text: str, directory: Path) -> list[str]:
    file = directory / "keepalived.conf"
    file.write_text(text)
    loaded = load(str(file), config_id="host", interfaces=["lo", "eth0", "eth1"])
    return [found.short() for found in loaded.diagnostics if found.code not in NOT_YET]


def test_what_faults_are_put_into_is_clean(tmp_path: Path) -> None:
    assert messages(written(configuration(random.Random(1))), tmp_path) == []


@given(st.integers(0, 2**32))
@settings(max_examples=FILES, deadline=None)
def test_ten_faults_are_ten_messages(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    text, faults = spoilt(random.Random(seed), 10)
    found = messages(text, tmp_path_factory.getbasetemp())
    assert len(found) == 10, (faults, found)


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.__name__)
def test_each_fault_anywhere_is_one_message(fault, tmp_path: Path) -> None:
    chance = random.Random(fault.__name__)
    blocks = configuration(chance)
    places = 0
    for at, block in enumerate(blocks):
        new = fault(block, chance)
        if new is not None:
            places += 1
            found = messages(written([*blocks[:at], new, *blocks[at + 1 :]]), tmp_path)
            assert len(found) == 1, found
    assert places


def inner_blocks(block: Block, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Block]]:
    """Every block of the table with the way to it."""
    found = [(path, block)]
    for name, row in block.keywords.items():
        if row.block is not None:
            found += inner_blocks(row.block, (*path, name))
    return found


def test_typos_suggest_the_right_word() -> None:
    """At least 95 of 100, over every keyword of every block. Typos that make another keyword have no right word."""
    chance = random.Random(4)
    right = tried = 0
    for _, block in inner_blocks(ROOT):
        names = list(block.keywords)
        for name in names:
            for _ in range(3):
                word = typo(name, chance)
                if word in block.keywords:
                    continue
                tried += 1
                right += closest(word, names) == name
    assert tried > 1500
    assert right / tried >= 0.95


TEXTS = [
    text for story in STORIES.values() if isinstance(text := story.good.text, str) and not story.good.files
]


@given(st.integers(0, 2**32))
@settings(max_examples=FILES, deadline=None)
def test_parse_show_parse_is_a_fixed_point(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Of whole files, and of files with faults: what was understood of them."""
    chance = random.Random(seed)
    text, _ = spoilt(chance, chance.randrange(4)) if chance.random() < 0.7 else (chance.choice(TEXTS), [])
    first = tmp_path_factory.getbasetemp() / "first.conf"
    first.write_text(text)
    second = first.with_name("second.conf")
    loaded, shown = effective(str(first), config_id="host")
    second.write_text(as_conf(shown, secrets=True))
    loaded_again, shown_again = effective(str(second), config_id="host")
    plain = [as_conf(one, defaults=False, origins=False, secrets=True) for one in (shown, shown_again)]
    assert plain[0] == plain[1]
    if loaded.config is not None:
        assert loaded_again.config == loaded.config


BAD: dict[str, bytes] = {
    "no text": bytes(range(256)) * 4096,
    "NULs": b"\0" * 1_000_000,
    "a line of 10 MB": b"a" * 10_000_000,
    "words of 10 MB": b"a b " * 2_500_000,
    "a generator of billions": b"~SEQ(A, 4000000000) a $A\n",
    "generators in generators": b"~SEQ(A, 99999) ~SEQ(B, 99999) ~SEQ(C, 99999) a\n",
    "a definition of itself": b"$X=$X\na $X\n",
    "definitions that double": b"$A=b b\n"
    + b"".join(b"$A%d=$A%d $A%d\n" % (n + 1, n, n) for n in range(99))
    + b"$A99\n",
    "braces that open": b"{" * 500_000,
    "braces that close": b"}" * 500_000,
    "blocks that open": b"virtual_server 10.0.0.1 80 {\n" * 50_000,
    "quotes": b'"' * 999_999,
    "a quote on each line": b'a "b\n' * 100_000,
    "conditions": b"@a\n" * 300_000,
    "references": b"$A " * 20_000 + b"\n",
    "references that nobody defined": b"a ${B}\n" * 60_000,
    "UTF-16": "vrrp_instance V {\n".encode("utf-16") * 1000,
    "latin-1": b"\xe9" * 100_000,
    "a byte order mark": b"\xef\xbb\xbfglobal_defs {\n}\n",
    "an address range": b"virtual_server_group G {\n 10.0.0.0-10.255.255.255 80\n ::/0 80\n}\n" * 100,
    "backslashes": b"notify /x " + b"\\" * 60_000 + b"\n",
    "commands": b"vrrp_instance V {\n" + b'notify "a \'b \\" c\n' * 30_000 + b"}\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_answered_within_bounds(name: str, tmp_path: Path) -> None:
    """In a process of its own, with its memory limited; CPU seconds, so that a busy machine does not matter."""
    file = tmp_path / "keepalived.conf"
    file.write_bytes(BAD[name])
    bound = MEBIBYTES << 20
    program = (
        "import resource, sys, time\n"
        "from lbd.confparser import load, render\n"
        "from lbd.confparser.schema import ROOT\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({bound} + (64 << 20), {bound} + (64 << 20)))\n"
        "begun = time.process_time()\n"
        "loaded = load(sys.argv[1], config_id='host', lint=True)\n"
        "render(loaded.diagnostics)\n"
        # not ru_maxrss, which begins with what the parent used
        "used = next(int(line.split()[1]) >> 10 for line in open('/proc/self/status') if line[:5] == 'VmHWM')\n"
        "print(time.process_time() - begun, used, loaded.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT_DIRECTORY,
        env={**os.environ, "PYTHONPATH": str(ROOT_DIRECTORY)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, mebibytes, exit_code = done.stdout.split()
    assert float(seconds) < SECONDS * SLOWER
    assert int(mebibytes) <= MEBIBYTES
    assert int(exit_code) in (0, 2, 4, 5, 6)


def _slowness() -> float:
    """How much slower than the machine the bound was set on this one is now: never a reason to be strict."""
    begun = time.process_time()
    sum(n * n for n in range(1_000_000))
    return max(3.0, 3.0 * (time.process_time() - begun) / 0.08)


SLOWER = _slowness()


def test_every_path_of_the_table_has_one_row() -> None:
    paths = [one.path for one in entries()]
    assert len(paths) == len(set(paths))
