# SPDX-License-Identifier: Apache-2.0
"""Scripts as root runs them, by a real launcher: who may have written them, how they end, what hostile ones can do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lbd import safe_path
from lbd.daemon import launch
from lbd.model.script import Script
from lbd.notify import Ended, Outcome, Scripts

pytestmark = pytest.mark.root

NOBODY = 65534


@pytest_asyncio.fixture
async def scripts() -> AsyncIterator[Scripts]:
    scripts = launch.scripts()
    yield scripts
    await scripts.close()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str, name: str = "check.sh", mode: int = 0o755) -> Path:
        path = tmp_path / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    return make


def script(*argv: object, **more: Any) -> Script:
    return Script(argv=tuple(map(str, argv)), **more)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(5):
        while alive(pid):
            await asyncio.sleep(0.01)


# --- how they end


@pytest.mark.parametrize(
    "argv",
    [
        ("killall", "-0", Path("/proc/self/comm").read_text().strip()),
        ("killall", "-0", "nobody-is-called-so"),
        ("pidof", "-q", "nobody-is-called-so"),
        pytest.param(
            ("systemctl", "is-active", "--quiet", "nothing-of-this-name.service"),
            marks=pytest.mark.skipif(not shutil.which("systemctl"), reason="a machine without systemd"),
        ),
    ],
    ids=lambda argv: " ".join(argv[:2]),
)
async def test_the_checks_that_everybody_uses(scripts, argv):
    """They find their program by PATH and end as from a terminal."""
    process = await asyncio.create_subprocess_exec(*argv, stdout=-3, stderr=-3)
    outcome = await scripts.run(script(*argv), timeout=10)
    assert (outcome.ended, outcome.code) == (Ended.EXITED, await process.wait())


async def test_ends_are_told_apart(scripts, write):
    assert (await scripts.run(script(write("exit 3")), timeout=5)) == Outcome(Ended.EXITED, 3)
    killed = await scripts.run(script(write("kill -9 $$")), timeout=5)
    assert (killed.ended, str(killed)) == (Ended.SIGNALLED, "ended by SIGKILL")
    missing = await scripts.run(script("/nowhere/check.sh"), timeout=5)
    assert (missing.ended, str(missing)) == (Ended.NOT_RUN, "/nowhere/check.sh: No such file or directory")
    plain = await scripts.run(script(write("", name="plain", mode=0o644)), timeout=5)
    assert str(plain).endswith("Permission denied")


async def test_arguments_are_not_words_of_a_shell(scripts, write, tmp_path):
    path = write(f'printf "%s|" "$0" "$@" >{tmp_path}/said')
    outcome = await scripts.run(script(path, "a b", "$(reboot)", "*"), "; true", timeout=5)
    assert outcome.ok
    name, *arguments, _ = (tmp_path / "said").read_text().split("|")
    assert arguments == ["a b", "$(reboot)", "*", "; true"]
    assert os.path.basename(name) == "check.sh"


async def test_a_script_finds_its_own_directory_and_its_name_is_in_ps(scripts, write, tmp_path):
    write("exit 5", name="other.sh")
    path = write(f'cat /proc/$$/comm >{tmp_path}/comm; exec "$(dirname "$0")/other.sh"')
    outcome = await scripts.run(script(path), timeout=5)
    assert outcome.code == 5
    assert (tmp_path / "comm").read_text() == "check.sh\n"


async def test_user_groups_signals_streams_and_descriptors(scripts):
    with tempfile.TemporaryDirectory() as place:  # tmp_path is for root alone
        os.chmod(place, 0o777)
        text = "id -u; id -g; id -G; grep SigIgn /proc/self/status; ls -l /proc/$$/fd"
        inner = Path(place, "check.sh")
        inner.write_text(f"#!/bin/sh\nexec >{place}/said\n{text}\n")
        inner.chmod(0o755)
        outcome = await scripts.run(script(inner, uid=NOBODY, gid=NOBODY, groups=(4,)), timeout=5)
        said = Path(place, "said").read_text().splitlines()
    assert (outcome.ok, outcome.warning) == (True, "")
    assert said[:3] == [str(NOBODY), str(NOBODY), f"{NOBODY} 4"]
    ignored = int(said[3].split()[1], 16)
    # two numbers are the C library's own, and whoever started the tests may have left them ignored
    assert not any(ignored >> (number - 1) & 1 for number in signal.valid_signals())
    assert not any("socket:" in line or "pipe:" in line for line in said[4:])


# --- who may have written them


def test_every_element_counts_links_too(tmp_path):
    inside = tmp_path / "open"
    inside.mkdir()
    program = inside / "check.sh"
    program.write_text("#!/bin/sh\n")
    link = tmp_path / "link.sh"
    link.symlink_to("open/../open/check.sh")
    program.chmod(0o755)
    assert safe_path.judged("/bin/sh") is None
    assert safe_path.judged(str(link)) is None
    inside.chmod(0o777)
    assert (
        str(safe_path.judged(str(link))) == f"directory {inside} is writable by others than root (mode 0777)"
    )
    inside.chmod(0o1777)
    assert safe_path.judged(str(link)) is None, "a sticky directory, as /tmp is"
    program.chmod(0o757)
    assert str(safe_path.judged(str(link))) == f"{program} is writable by others than root (mode 0757)"
    program.chmod(0o755)
    os.lchown(link, NOBODY, NOBODY)
    assert str(safe_path.judged(str(link))) == f"{link} is owned by user {NOBODY} (mode 0777)"


def test_ways_that_lead_nowhere(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    for path, error in (
        (loop, OSError),
        (tmp_path, PermissionError),
        (tmp_path / "no", FileNotFoundError),
        ("/", OSError),
    ):
        with pytest.raises(error):
            safe_path.judged(str(path))
    with pytest.raises(FileNotFoundError):
        safe_path.judged("a-program-that-is-nowhere")


async def test_an_unsafe_script_is_run_with_a_warning_or_refused(scripts, write, caplog):
    path = write("exit 4", mode=0o777)
    outcome = await scripts.run(script(path), timeout=5)
    assert (outcome.code, outcome.warning) == (4, f"{path} is writable by others than root (mode 0777)")
    await scripts.run(script(path), timeout=5)
    assert [r.message for r in caplog.records] == [
        f"Unsafe permissions found for script `{path}`: {outcome.warning}"
    ]
    refused = await scripts.run(script(path, secure=True), timeout=5)
    assert refused == Outcome(Ended.NOT_RUN, reason=f"refused by script security: {outcome.warning}")
    caplog.clear()
    scripts.start(script(path, secure=True))
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert "refused by script security" in caplog.text


# --- hostile ones


async def test_one_that_hangs_is_ended_with_all_its_group(scripts, write, tmp_path):
    pids = tmp_path / "pids"
    path = write(
        f"trap '' TERM; sleep 1000 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; while :; do sleep 1000; done"
    )
    outcome = await scripts.run(script(path), timeout=0.5)
    assert (outcome.ended, str(outcome)) == (Ended.TIMED_OUT, "timed out after 0.5 s")
    for pid in pids.read_text().split():
        await gone(int(pid))


async def test_one_that_leaves_at_sigterm_takes_its_stubborn_child_along(scripts, write, tmp_path):
    pid = tmp_path / "pid"
    path = write(f"(trap '' TERM; sleep 1000) & echo $! >{pid}; wait")
    assert (await scripts.run(script(path), timeout=0.5)).ended is Ended.TIMED_OUT
    await gone(int(pid.read_text()))


async def test_one_that_prints_without_end_costs_nothing_here(scripts, write):
    outcome = await scripts.run(script(write("dd if=/dev/zero bs=1M count=4096 2>&1")), timeout=20)
    assert outcome.ok


async def test_one_that_vanishes(scripts, write):
    path = write("exit 0")
    assert (await scripts.run(script(path), timeout=5)).ok
    path.unlink()
    assert (await scripts.run(script(path), timeout=5)).ended is Ended.NOT_RUN


async def test_many_at_once_wait_for_their_turn_and_leave_no_zombie(scripts, write):
    path = write("exit 0")
    outcomes = await asyncio.gather(*(scripts.run(script(path), timeout=60) for _ in range(300)))
    assert all(outcome.ok for outcome in outcomes)
    zombies = [p for p in Path("/proc").glob("[0-9]*/stat") if _is_zombie_of(p, "check.sh")]
    assert zombies == []


def _is_zombie_of(stat: Path, comm: str) -> bool:
    try:
        text = stat.read_text()
    except OSError:
        return False
    return f"({comm}) Z" in text


# --- the launcher


async def test_what_was_started_goes_on_and_what_was_waited_for_ends(write, tmp_path):
    scripts = launch.scripts()
    waited, told = tmp_path / "waited", tmp_path / "told"
    task = asyncio.create_task(
        scripts.run(script(write(f"echo $$ >{waited}; exec sleep 1000")), timeout=None)
    )
    path = write(f"echo $$ >{told}.new; mv {told}.new {told}; exec sleep 1000", name="told.sh")
    async with asyncio.timeout(10):
        while not waited.exists() or not waited.read_text():
            await asyncio.sleep(0.01)
    scripts.start(script(path))
    await scripts.close()
    assert (await task).ended is Ended.NOT_RUN
    await gone(int(waited.read_text()))
    async with asyncio.timeout(10):
        while not told.exists():
            await asyncio.sleep(0.01)
    pid = int(told.read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


async def test_a_launcher_that_dies_is_replaced(scripts, write, monkeypatch):
    monkeypatch.setattr("lbd.notify.scripts.PAUSE", 0.05)
    began = time.monotonic()
    path = write("kill -9 $PPID; exec sleep 1000")
    assert (await scripts.run(script(path), timeout=60)).ended is Ended.NOT_RUN
    assert time.monotonic() - began < 30
    assert (await scripts.run(script(write("exit 0", name="next.sh")), timeout=10)).ok
