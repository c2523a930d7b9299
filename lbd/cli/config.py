# SPDX-License-Identifier: Apache-2.0
"""``lbctl config …``, ``lbctl fmt`` and ``lbctl explain``: a configuration and what is to be known of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from lbd.daemon.options import DEFAULT_FILE

Commands = Any
"""argparse's object for subcommands, which has no public name."""


def add(commands: Commands) -> None:
    """The subcommands; each sets ``run``, which returns the exit code."""
    _explain(commands)
    _fmt(commands)
    text = "check, lint and show a configuration, or a keyword of it"
    config = commands.add_parser("config", help=text, description=text)
    verbs = config.add_subparsers(dest="verb", metavar="VERB", required=True)
    _with_file(verbs, "check", "all that is wrong, and what is likely wrong: as lbd -t", _check)
    _with_file(verbs, "lint", "what is legal and likely wrong; ends with 1 if there is anything", _lint)
    show = _with_file(
        verbs, "show", "the configuration as it counts: expanded, with defaults and origins", _show
    )
    show.add_argument("--no-defaults", action="store_true", help="only what the file says")
    docs = verbs.add_parser("docs", help="what a keyword is for", description="what a keyword is for")
    docs.add_argument("keyword", metavar="KEYWORD", help="priority, or vrrp_instance/priority")
    docs.set_defaults(run=_docs)


def _with_file(
    verbs: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    one.add_argument("file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help=f"default {DEFAULT_FILE}")
    one.add_argument("-i", "--config-id", metavar="ID", help="lines that begin with @ID are read")
    forms = ["conf", "json"] if name == "show" else ["human", "short", "json", "sarif"]
    one.add_argument("-o", "--output", choices=forms, default=forms[0])
    one.set_defaults(run=run)
    return one


def _explain(commands: Commands) -> None:
    text = "the story of a message: what it means, and an example that has it and one that has not"
    one = commands.add_parser("explain", help=text, description=text)
    one.add_argument("code", nargs="?", metavar="CODE", help="such as LB0107; without it, all are listed")
    one.set_defaults(run=explain)


def _fmt(commands: Commands) -> None:
    text = "lay a configuration out anew: indentation, spaces, braces; comments stay"
    one = commands.add_parser("fmt", help=text, description=text)
    one.add_argument(
        "files", nargs="*", metavar="FILE", help="rewritten in place; without any, from stdin to stdout"
    )
    one.add_argument(
        "--check", action="store_true", help="change nothing; end with 1 where something would change"
    )
    one.set_defaults(run=fmt)


def explain(chosen: argparse.Namespace) -> int:
    from lbd.confparser.codes import CODES, RETIRED
    from lbd.confparser.explain import explain as story

    if chosen.code is None:
        for code, kind in CODES.items():
            print(f"{code}  {kind.title}")
        return 0
    code = chosen.code.upper()
    if code in RETIRED:
        print(f"{code}: {RETIRED[code]} (no version gives it any more)")
        return 0
    if code not in CODES:
        print(f"lbctl: there is no message {chosen.code}: lbctl explain lists them", file=sys.stderr)
        return 1
    print(story(code), end="")
    return 0


def fmt(chosen: argparse.Namespace) -> int:
    from lbd.confparser.fmt import UnformattableError, formatted

    changed = False
    for file in chosen.files or ["-"]:
        try:
            before = sys.stdin.read() if file == "-" else _read(file)
            after = formatted(before)
        except (OSError, UnicodeDecodeError, UnformattableError) as error:
            print(f"lbctl: {file}: {error}: left as it is", file=sys.stderr)
            return 1
        if chosen.check:
            if after != before:
                print(f"{file}: would be laid out anew", file=sys.stderr)
                changed = True
        elif file == "-":
            sys.stdout.write(after)
        elif after != before:
            _replace(file, after)
    return 1 if changed else 0


def _read(file: str) -> str:
    with open(file, encoding="utf-8", newline="") as opened:
        return opened.read()


def _replace(file: str, text: str) -> None:
    """All or nothing, with the permissions it had; a link stays a link."""
    target = os.path.realpath(file)
    status = os.stat(target)
    new = f"{target}.lbd-fmt"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "w", encoding="utf-8", newline="") as opened:
            os.fchmod(fd, status.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(fd, status.st_uid, status.st_gid)
            opened.write(text)
        os.replace(new, target)
    except BaseException:
        os.unlink(new)
        raise


def _check(chosen: argparse.Namespace) -> int:
    return _messages(chosen, only_lint=False)


def _lint(chosen: argparse.Namespace) -> int:
    return _messages(chosen, only_lint=True)


def _messages(chosen: argparse.Namespace, *, only_lint: bool) -> int:
    from lbd.confparser import CODES, colour_wanted, load, render
    from lbd.daemon.parse import interfaces, networks

    loaded = load(
        chosen.file, config_id=chosen.config_id, interfaces=interfaces(), lint=True, networks=networks()
    )
    found = [one for one in loaded.diagnostics if not only_lint or CODES[one.code].lint]
    text = render(found, form=chosen.output, colour=colour_wanted(sys.stdout.isatty()))
    if text:
        print(text)
    return int(bool(found)) if only_lint else loaded.exit_code


def _show(chosen: argparse.Namespace) -> int:
    from lbd.confparser import render
    from lbd.confparser.show import as_conf, as_json, effective

    loaded, shown = effective(chosen.file, config_id=chosen.config_id)
    if loaded.diagnostics:
        print(render(loaded.diagnostics, form="short"), file=sys.stderr)
    defaults = not chosen.no_defaults
    print(as_json(shown, defaults) if chosen.output == "json" else as_conf(shown, defaults), end="")
    return 0 if loaded.config is not None else loaded.exit_code


def _docs(chosen: argparse.Namespace) -> int:
    from lbd.confparser.docs import keyword

    text, found = keyword(chosen.keyword)
    print(text, file=sys.stdout if found else sys.stderr)
    return 0 if found else 1
