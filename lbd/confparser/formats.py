# SPDX-License-Identifier: Apache-2.0
"""Messages as text: for people, for editors (a line each, as compilers write), as JSON and as SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lbd.confparser.codes import CODES, Severity
from lbd.confparser.diagnostics import Diagnostic

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic], *, form: str = "human", colour: bool = False) -> str:
    """``form`` is one of FORMS; only ``human`` knows colour. Without messages ``human`` and ``short`` are empty."""
    if form == "human":
        return "\n\n".join(found.human(colour) for found in diagnostics)
    return FORMS[form](diagnostics)


def _short(diagnostics: Sequence[Diagnostic]) -> str:
    return "\n".join(found.short() for found in diagnostics)


def _json(diagnostics: Sequence[Diagnostic]) -> str:
    return _encoded({"messages": [_message(found) for found in diagnostics]})


def _message(found: Diagnostic) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity.value,
        "message": found.message,
        "file": found.file,
        "line": found.line,
        "column": found.column,
        "end_column": found.end_column,
        "source_line": found.source_line,
        "expected": found.expected,
        "suggestion": found.suggestion,
        "included_from": list(found.include_chain),
        "exit_code": CODES[found.code].exit_code,
    }


def _sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """Columns are counted in UTF-16 units unless one says otherwise; here they are characters."""
    used = sorted({found.code for found in diagnostics})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "defaultConfiguration": {"level": _level(CODES[code].severity)},
        }
        for code in used
    ]
    run = {
        "tool": {"driver": {"name": "lbd", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, used.index(found.code)) for found in diagnostics],
    }
    return _encoded({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _level(severity: Severity) -> str:
    return {Severity.WARNING: "warning", Severity.REMARK: "note"}.get(severity, "error")


def _result(found: Diagnostic, rule: int) -> dict[str, Any]:
    hints = [f"expected {found.expected}"] if found.expected else []
    hints += [f"did you mean '{found.suggestion}'?"] if found.suggestion else []
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _level(found.severity),
        "message": {"text": "; ".join([found.message, *hints])},
        "locations": [{"physicalLocation": _location(found)}],
    }
    if found.include_chain:
        result["relatedLocations"] = [_included(step) for step in reversed(found.include_chain)]
    return result


def _location(found: Diagnostic) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(found.file)}}
    if found.line:
        place["region"] = {
            "startLine": found.line,
            "startColumn": found.column,
            "endColumn": found.end_column,
            "snippet": {"text": found.source_line},
        }
    return place


def _included(step: str) -> dict[str, Any]:
    file, _, line = step.rpartition(":")
    return {
        "message": {"text": "included from here"},
        "physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": int(line)}},
    }


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else path.as_posix()


def _encoded(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


FORMS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {
    "human": render,
    "short": _short,
    "json": _json,
    "sarif": _sarif,
}
