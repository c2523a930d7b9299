# SPDX-License-Identifier: Apache-2.0
"""keepalived 2.2.7's options, and ours, as an argparse parser that reads a command line as getopt_long does.

The one difference between the two that matters: an optional value (``-t[FILE]``) never comes from the next word, so
``keepalived -t file.conf`` does not write its log into file.conf.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

NOT_YET = "(no effect yet)"
NO_EFFECT = "(without effect in lbd)"

FACILITIES = {
    "user": 1,
    "daemon": 3,
    **{f"local{n}": 16 + n for n in range(8)},
    **{str(n): 16 + n for n in range(8)},
}
"""syslog(3) facilities by keepalived's words."""

EPILOG = """\
lbd reads keepalived.conf and takes keepalived's options, signals and PID files, so it can stand in its place.
Options of its own: --run-dir, --interface, --exclude-interface, --workers, --spin, --strict, --message-format.

examples:
  lbd -t -f FILE        say what is wrong with a file, with line and column
  lbd -n -l -f FILE     run in the foreground, log to the terminal
  lbd -n -l -P -f FILE  VRRP alone: no dataplane
  kill -HUP $(cat /run/keepalived.pid)    read the file again
  lbctl status          what it does now
"""

Words = Sequence[str]


class Parser(argparse.ArgumentParser):
    """Ends with keepalived's exit code 1 and one sentence; knows optional values."""

    optional: tuple[str, ...] = ()
    """Long names of the options whose value is optional, set by ``parser()``."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"lbd: {message}; lbd --help lists the options\n")

    def parse_args(self, args: Words | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        words = sys.argv[1:] if args is None else args
        return super().parse_args([part for word in words for part in self._split(word)])

    def _split(self, word: str) -> list[str]:
        """``-nt`` as ``-n --config-test=``, so that argparse does not take the next word for the value."""
        if word.startswith("--"):
            name = word[2:]
            if any(full.startswith(name) for full in self.optional if name) and not self._exact_plain(name):
                return [word + "="]
            return [word]
        if word.startswith("-") and len(word) > 1 and word[-1] in "tM" and self._flags_only(word[1:-1]):
            bundle = [word[:-1]] if len(word) > 2 else []
            return [*bundle, "--config-test=" if word[-1] == "t" else "--core-dump-pattern="]
        return [word]

    def _exact_plain(self, name: str) -> bool:
        """True where the word is the whole name of another option: ``--core-dump``."""
        return name not in self.optional and f"--{name}" in self._option_string_actions

    def _flags_only(self, letters: str) -> bool:
        known = self._option_string_actions
        return all(f"-{c}" in known and known[f"-{c}"].nargs == 0 for c in letters)


def _value(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("its value is missing")
    return text


def _in(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number


def parser() -> Parser:
    result = Parser(
        prog="lbd",
        description="A load balancer and VRRP daemon that reads keepalived.conf.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    _what_runs(result)
    _logging(result)
    _stopping(result)
    _places(result)
    _accepted(result)
    _questions(result)
    result.optional = ("config-test", "core-dump-pattern", "perf", "debug")
    return result


def _flag(group: argparse.ArgumentParser, *names: str, help: str, dest: str | None = None) -> None:  # noqa: A002
    group.add_argument(*names, action="store_true", help=help, **({"dest": dest} if dest else {}))  # type: ignore[arg-type]


def _what_runs(p: Parser) -> None:
    p.add_argument(
        "-f",
        "--use-file",
        metavar="FILE",
        type=_value,
        help="the configuration file (default /etc/keepalived/keepalived.conf)",
    )
    _flag(p, "-P", "--vrrp", help="only run VRRP")
    _flag(p, "-C", "--check", help="only run health checks and the dataplane")
    _flag(p, "-B", "--no_bfd", help="set up no BFD session")
    _flag(p, "--all", help="run all child processes, even those without configuration")
    _flag(p, "-n", "--dont-fork", help="stay in the foreground")
    _flag(p, "-R", "--dont-respawn", help="do not start a child again that died: end instead")
    p.add_argument(
        "-i",
        "--config-id",
        metavar="ID",
        type=_value,
        help="lines that begin with @ID are read (default: the node's name)",
    )
    p.add_argument(
        "-s",
        "--namespace",
        metavar="NAME",
        type=_value,
        help="run in this network namespace (made with ip netns)",
    )
    p.add_argument("-u", "--umask", metavar="MASK", type=_umask, help="umask for the files that are made")


def _logging(p: Parser) -> None:
    _flag(p, "-l", "--log-console", help="log to the terminal")
    p.add_argument("-D", "--log-detail", action="count", default=0, help="log in detail; twice: more")
    p.add_argument(
        "-S",
        "--log-facility",
        metavar="[0-7]|local[0-7]|user|daemon",
        type=_facility,
        default=3,
        help="syslog facility (default daemon)",
    )
    _flag(p, "-G", "--no-syslog", help="do not log to syslog")
    p.add_argument(
        "-g",
        "--log-file",
        metavar="FILE",
        type=_value,
        help="log to FILE; children insert _vrrp, _healthcheckers before its last dot",
    )
    _flag(p, "--flush-log-file", help=f"flush FILE after each line {NO_EFFECT}: it always is")
    _flag(p, "-a", "--address-monitoring", help=f"log all address changes {NOT_YET}")


def _stopping(p: Parser) -> None:
    _flag(
        p,
        "-X",
        "--release-vips",
        help=f"drop addresses at once on a signal {NO_EFFECT}: they always go first",
    )
    _flag(p, "-V", "--dont-release-vrrp", help="leave VRRP's addresses in place on stop")
    _flag(p, "-I", "--dont-release-ipvs", help="leave the dataplane and its connections running on stop")


def _places(p: Parser) -> None:
    p.add_argument(
        "-p",
        "--pid",
        metavar="FILE",
        type=_value,
        help="PID file of the parent process (default /run/keepalived.pid)",
    )
    p.add_argument("-r", "--vrrp_pid", metavar="FILE", type=_value, help="PID file of the VRRP process")
    p.add_argument(
        "-c", "--checkers_pid", metavar="FILE", type=_value, help="PID file of the checking process"
    )
    p.add_argument(
        "-b",
        "--bfd_pid",
        metavar="FILE",
        type=_value,
        help="PID file of the BFD process (none is written: sessions are in the VRRP process; one there is respected)",
    )
    p.add_argument(
        "--run-dir",
        metavar="DIR",
        type=_value,
        help="directory of the control sockets (default /run/lbd, with -s /run/lbd-NAME)",
    )
    p.add_argument(
        "--interface",
        metavar="NAME",
        type=_value,
        action="append",
        default=[],
        help="only these interfaces carry balanced traffic; repeatable (default: every Ethernet interface that is up)",
    )
    p.add_argument(
        "--exclude-interface",
        metavar="NAME",
        type=_value,
        action="append",
        default=[],
        help="never this interface; repeatable",
    )
    p.add_argument(
        "--workers",
        metavar="N",
        type=_in(1, 16),
        default=1,
        help="threads of the dataplane that forward packets, 1 to 16 (default 1)",
    )
    p.add_argument(
        "--spin",
        metavar="MICROSECONDS",
        type=_in(0, 1_000_000),
        default=100,
        help="how long a worker spins without a packet before it sleeps (default 100)",
    )


def _accepted(p: Parser) -> None:
    _flag(p, "-d", "--dump-conf", help="log the configuration as it was understood")
    _flag(p, "-x", "--snmp", help=f"enable the SNMP subsystem {NOT_YET}")
    p.add_argument(
        "-A",
        "--snmp-agent-socket",
        metavar="FILE",
        type=_value,
        help=f"socket of the SNMP master agent {NOT_YET}",
    )
    _flag(p, "-m", "--core-dump", help="allow core dumps")
    p.add_argument(
        "-M",
        "--core-dump-pattern",
        metavar="PATN",
        nargs="?",
        help=f"allow core dumps; the pattern has no effect: set kernel.core_pattern yourself {NO_EFFECT}",
    )
    _flag(p, "-e", "--all-config", help="an include that matches nothing is an error")
    _flag(p, "--strict", help="refuse to start with any fault that a configuration test finds")
    _flag(p, "--no-mem-check", help=NO_EFFECT)
    _flag(p, "--ignore-sigint", help="end on SIGTERM alone, not on Ctrl-C")
    p.add_argument("--perf", metavar="MODE", nargs="?", help=NO_EFFECT)
    p.add_argument("--debug", metavar="OPTIONS", nargs="?", help=NO_EFFECT)


def _questions(p: Parser) -> None:
    p.add_argument(
        "-t",
        "--config-test",
        metavar="LOG_FILE",
        nargs="?",
        help="check the configuration and end; messages go to stderr, or are added to LOG_FILE",
    )
    p.add_argument(
        "--message-format",
        metavar="FORM",
        choices=["human", "short", "json", "sarif"],
        help="form of the messages of -t: human (default), short, json or sarif (these two to stdout)",
    )
    p.add_argument(
        "--signum",
        metavar="SIGFUNC",
        type=_value,
        help="print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON",
    )
    _flag(p, "-T", "--genhash", help=f"compute the digest of a page {NOT_YET}")
    _flag(p, "-v", "--version", help="print the version")
    p.add_argument("-h", "--help", action="help", help="this text")


def _facility(text: str) -> int:
    if text not in FACILITIES:
        raise argparse.ArgumentTypeError(f"Invalid log facility '{text}'")
    return FACILITIES[text]


def _umask(text: str) -> int:
    """strtol(3) with base 0, as keepalived: octal with a leading 0, hexadecimal with 0x."""
    try:
        mask = int(text, 8 if text.startswith("0") and text[:2].lower() != "0x" else 0)
    except ValueError:
        mask = -1
    if not 0 <= mask <= 0o777:
        raise argparse.ArgumentTypeError(f"Invalid --umask option {text}")
    return mask
