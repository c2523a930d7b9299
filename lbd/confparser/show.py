# SPDX-License-Identifier: Apache-2.0
"""The way back: what was understood as keepalived.conf or JSON, with defaults, and for each value where it came from.

What is shown means the same when it is read again. Secrets are shown only on request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lbd.confparser.check import Item
from lbd.confparser.effective import Values
from lbd.confparser.load import Loaded, load
from lbd.confparser.quoting import Quoting, first_word_end
from lbd.confparser.tree import Node

_SECRETS = {"auth_pass": 1, "key": 2, "password": 1}
"""The word that is one, by its keyword."""
_PLAIN = re.compile(r"[^\s{}\"#!]+\Z", re.ASCII)
_MASK = "********"


@dataclass(slots=True)
class Shown:
    """One line. ``origin`` is ``file:line``, or "" for a default, whose words may be a description."""

    words: list[str]
    text: str
    """As it stands in keepalived.conf."""
    origin: str
    secret: int = 0
    """The word that is a secret; 0 is none."""
    lines: list[Shown] | None = None
    defaults: list[Shown] = field(default_factory=list)


def effective(path: str, *, config_id: str | None = None) -> tuple[Loaded, list[Shown]]:
    """What ``load`` makes of a file, and its lines."""
    loaded = load(path, config_id=config_id)
    values = Values(loaded.config)
    return loaded, [_shown(item, values) for item in loaded.items]


def _shown(item: Item, values: Values) -> Shown:
    node = item.node
    words, text = _words(item)
    secret = _SECRETS.get(words[0], 0) if words else 0
    shown = Shown(words, text, f"{node.source.name}:{node.line}", secret if secret < len(words) else 0)
    if item.row is None or item.row.block is None:
        return shown
    inner = values.inside(item)
    if item.row.block.unchecked:
        shown.lines = [_unread(child) for child in node.children or ()]
    else:
        shown.lines = [_shown(one, inner) for one in item.items or ()]
    shown.defaults = _defaults(item, inner)
    return shown


def _words(item: Item) -> tuple[list[str], str]:
    node = item.node
    if item.row is None:
        several = isinstance(item.value, str) and item.value in node.words
        words = [item.value] if several else list(node.words)
        return words, " ".join(map(_quoted, words))
    if item.row.value.quoting is not Quoting.PLAIN:
        text = node.written().text
        return list(node.words), f"{node.words[0]} {text[first_word_end(text) :]}"
    return list(node.words), " ".join(map(_quoted, node.words))


def _unread(node: Node) -> Shown:
    text = " ".join(map(_quoted, node.words))
    lines = None if node.children is None else [_unread(child) for child in node.children]
    return Shown(list(node.words), text, f"{node.source.name}:{node.line}", lines=lines)


def _quoted(word: str) -> str:
    return word if _PLAIN.match(word) else f'"{word}"'


def _defaults(item: Item, values: Values) -> list[Shown]:
    """What counts for the keywords that are not there."""
    row = item.row
    if row is None or row.block is None:
        return []
    said = {one.name for one in item.items or ()}
    found = []
    for one in row.block.keywords.values():
        if one.name in said or one.block is not None or one.deprecated or one.meaning in row.block.keywords:
            continue
        value = values.of(one)
        if value or one.default:
            words = [one.name, value or one.default]
            found.append(Shown(words, " ".join(words), ""))
    return found


def as_conf(
    shown: Sequence[Shown], defaults: bool = True, *, origins: bool = True, secrets: bool = False
) -> str:
    """keepalived.conf: origins and defaults are comments."""
    out: list[str] = []

    def write(lines: Sequence[Shown], depth: int) -> None:
        indent = "    " * depth
        for one in lines:
            text = one.text
            if one.secret and not secrets:
                text = " ".join(_MASK if n == one.secret else _quoted(w) for n, w in enumerate(one.words))
            behind = f"  # {one.origin}" if origins else ""
            out.append(f"{indent}{text}{' {' if one.lines is not None else ''}{behind}")
            if one.lines is not None:
                write(one.lines, depth + 1)
                if defaults:
                    out.extend(f"{indent}    # {default.text} (default)" for default in one.defaults)
                out.append(f"{indent}}}")

    write(shown, 0)
    return "".join(line + "\n" for line in out)


def as_json(shown: Sequence[Shown], defaults: bool = True) -> str:
    """A list of objects with ``keyword``, ``words``, ``from`` and, of blocks, ``block``."""
    return (
        msgspec.json.format(msgspec.json.encode([_object(one, defaults) for one in shown]), indent=2).decode()
        + "\n"
    )


def _object(one: Shown, defaults: bool) -> dict[str, Any]:
    words = [_MASK if one.secret and n == one.secret else word for n, word in enumerate(one.words)]
    found: dict[str, Any] = {"keyword": words[0], "words": words[1:], "from": one.origin or "default"}
    if one.lines is not None:
        inner = [*one.lines, *(one.defaults if defaults else [])]
        found["block"] = [_object(line, defaults) for line in inner]
    return found
