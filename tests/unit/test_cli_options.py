# SPDX-License-Identifier: Apache-2.0
"""The command line: every option of keepalived 2.2.7, read as getopt_long reads it, mistakes in a sentence."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lbd.cli import lbctl
from lbd.cli import lbd as command
from lbd.cli.options import parser

MANUAL_ONLY = {"-g", "--log-file", "--flush-log-file", "--no-mem-check", "--perf", "--debug"}
"""In keepalived(8), not in the --help of Debian's build."""

HELP = """
  -f, --use-file=FILE
  -P, --vrrp
  -C, --check
  -B, --no_bfd
      --all
  -l, --log-console
  -D, --log-detail
  -S, --log-facility=([0-7]|local[0-7]|user|daemon)
  -G, --no-syslog
  -u, --umask=MASK
  -X, --release-vips
  -V, --dont-release-vrrp
  -I, --dont-release-ipvs
  -R, --dont-respawn
  -n, --dont-fork
  -d, --dump-conf
  -p, --pid=FILE
  -r, --vrrp_pid=FILE
  -T, --genhash
  -c, --checkers_pid=FILE
  -a, --address-monitoring
  -b, --bfd_pid=FILE
  -x, --snmp
  -A, --snmp-agent-socket=FILE
  -s, --namespace=NAME
  -m, --core-dump
  -M, --core-dump-pattern=PATN
  -e, --all-config
  -i, --config-id id
      --signum=SIGFUNC
  -t, --config-test[=LOG_FILE]
  -v, --version
  -h, --help
"""
"""The options of keepalived 2.2.7, as its --help lists them."""


def names(text: str) -> set[str]:
    lines = [line for line in text.splitlines() if re.match(r"\s+(-\w, )?--?\w", line)]
    return {
        name
        for line in lines
        for name in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", line.split("   ")[0] + line[:38])
    }


def test_every_option_of_keepalived_is_accepted() -> None:
    ours = set(parser()._option_string_actions)
    assert names(HELP) | MANUAL_ONLY <= ours


@pytest.mark.skipif(not Path("/usr/sbin/keepalived").exists(), reason="no keepalived here to compare with")
def test_the_installed_keepalived_has_no_other_options() -> None:
    answer = subprocess.run(["/usr/sbin/keepalived", "--help"], capture_output=True, text=True, check=False)
    theirs = {
        name
        for line in (answer.stdout + answer.stderr).splitlines()
        if (head := re.match(r"\s+(?:(-\w), |    )(--[\w-]+)", line))
        for name in head.groups()
        if name
    }
    assert len(theirs) > 50
    assert theirs <= set(parser()._option_string_actions)


def test_help_says_what_has_no_effect_yet() -> None:
    text = " ".join(parser().format_help().split())
    for option in ("--snmp", "--address-monitoring", "--genhash"):
        entry = text[text.index(f"{option} ") :][:200]
        assert "no effect yet" in entry, option


@pytest.mark.parametrize(
    ("words", "test", "rest"),
    [
        (["-t"], "", None),
        (["-t", "-f", "x.conf"], "", "x.conf"),
        (["-tout.log"], "out.log", None),
        (["--config-test"], "", None),
        (["--config-test=out.log", "-f", "x"], "out.log", "x"),
        (["--config-t", "-f", "x"], "", "x"),
        (["-nlt", "-f", "x"], "", "x"),
        (["-n", "-l"], None, None),
        (["--use-f", "x"], None, "x"),
        (["-fx.conf"], None, "x.conf"),
        (["-m", "--core-dump", "--check"], None, None),
    ],
)
def test_words_are_read_as_getopt_long_reads_them(
    words: list[str], test: str | None, rest: str | None
) -> None:
    chosen = parser().parse_args(words)
    assert chosen.config_test == test
    assert chosen.use_file == rest


def test_a_file_after_t_is_never_taken_for_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """keepalived's -t has an optional value: ``-t keepalived.conf`` must not append its messages to that file."""
    with pytest.raises(SystemExit) as stop:
        parser().parse_args(["-t", "keepalived.conf"])
    assert stop.value.code == 1
    assert "keepalived.conf" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["-Z"], ["--zork"], ["-S", "9"], ["-u", "999"], ["-f"], ["--use-file="], ["-p", ""], ["word"]]
)
def test_mistakes_end_with_1_and_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(words)
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("lbd: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "number"),
    [("STOP", 15), ("RELOAD", 1), ("DATA", 10), ("STATS", 12), ("STATS_CLEAR", 63), ("JSON", 36)],
)
def test_signum_prints_keepalived_numbers(name: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([f"--signum={name}"]) == 0
    assert capsys.readouterr().out == f"{number}\n"


def test_an_unknown_signal_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--signum=TDATA"]) == 1
    assert "Unknown sigfunc TDATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "facility"), [([], 3), (["-S", "user"], 1), (["-S", "5"], 21), (["-Slocal0"], 16)]
)
def test_log_facilities(words: list[str], facility: int) -> None:
    assert command.options(parser().parse_args(words)).log.facility == facility


@pytest.mark.parametrize(
    ("words", "vrrp", "check"),
    [([], True, True), (["-P"], True, False), (["-C"], False, True), (["-P", "-C"], True, True)],
)
def test_what_runs(words: list[str], vrrp: bool, check: bool) -> None:
    options = command.options(parser().parse_args(words))
    assert (options.vrrp, options.check) == (vrrp, check)


def test_paths_are_absolute_and_keepalived_s() -> None:
    options = command.options(parser().parse_args(["-f", "a.conf", "-r", "v.pid"]))
    assert options.file == str(Path("a.conf").absolute())
    assert options.paths.main_pid == "/run/keepalived.pid"
    assert options.paths.vrrp_pid == str(Path("v.pid").absolute())
    assert options.paths.run_dir == "/run/lbd"


def test_a_namespace_has_places_of_its_own() -> None:
    options = command.options(parser().parse_args(["-s", "blue"]))
    assert options.paths.main_pid == "/run/keepalived/keepalived_blue/keepalived.pid"
    assert options.paths.run_dir == "/run/lbd-blue"


def test_a_namespace_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["-s", "lbd-never-made", "-n"]) == 1
    assert "ip netns add lbd-never-made" in capsys.readouterr().err


def test_lbctl_says_when_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lbctl.main(["--run-dir", str(tmp_path), "status"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path) in said
