# SPDX-License-Identifier: Apache-2.0
"""Rows: the language itself, which is read before any keyword is looked at."""

from __future__ import annotations

from lbd.confparser import values
from lbd.confparser.schema.row import PARSER, Keyword, words

_PATTERN = "a file name or glob(3) pattern with {a,b}"


def _row(name: str, expected: str, default: str, meaning: str, **more: object) -> Keyword:
    return Keyword(name, values.rest(expected, optional=True), default, meaning, fields=(PARSER,), **more)  # type: ignore[arg-type]


LANGUAGE = words(
    _row("# ! comment", "text to the end of the line", "", "a comment, outside double quotes; \\# and \\! are literal"),
    _row("include", _PATTERN, "", "read other files here; none is no error"),
    _row("includer", _PATTERN, "", "include; each file must be readable"),
    _row("includem", _PATTERN, "", "include; a name without wildcards must exist"),
    _row("includew", _PATTERN, "", "include; a wildcard must match something"),
    _row("includeb", _PATTERN, "", "include; each alternative in braces must match"),
    _row("includea", _PATTERN, "", "include; all of these together"),
    _row("@NAME", "@ID and a line", "", "the line counts if ID is the configuration id (-i); @lbd always does here"),
    _row("@^NAME", "@^ID and a line", "", "the line counts if ID is not the configuration id"),
    _row("$NAME=", "a value, over several lines with \\", "", "gives a name to text, which may be whole blocks"),
    _row("$NAME / ${NAME}", "a name that was given", "left as it stands", "the text of that name"),
    _row("${_PWD}", "nothing", "", "the directory of the file that is read"),
    _row("${_INSTANCE}", "nothing", "", "the configuration id"),
    _row("${_RANDOM}", "[LOW [HIGH]]", "0–32767", "a random number, from random_seed"),
    _row("${_ENV}", "a variable", "", "a variable of the environment", since="2.4.0"),
    _row("${_HASH}", "nothing", "#", "begins a comment"),
    _row("${_BANG}", "nothing", "!", "begins a comment"),
    _row("~SEQ", "(NAME[, FIRST[, STEP]], LAST) and a line", "", "repeats the line for each number"),
    _row("~SEQx", "(NAME[, FIRST[, STEP]], LAST) and a line", "", "repeats the line for each number, hexadecimal"),
    _row("~LST", "(NAME, VALUE, …) and a line", "", "repeats the line for each value or tuple of values"),
)  # fmt: skip
"""By the names of the reference page; the reader carries them out."""
