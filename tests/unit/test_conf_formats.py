# SPDX-License-Identifier: Apache-2.0
"""Messages for programs: JSON and SARIF."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lbd.confparser import CODES, FORMS, load, render

TEXT = 'include inner.conf\nvrrp_instance V {\n\tpriorty 100\n\tinterface "eth0\n}\n'


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "inner.conf").write_text("frobnicate\n")
    file = tmp_path / "main café.conf"
    file.write_text(TEXT)
    return file


def test_json(main: Path) -> None:
    found = load(str(main)).diagnostics
    messages = json.loads(render(found, form="json"))["messages"]
    assert [(one["code"], one["line"]) for one in messages] == [(d.code, d.line) for d in found]
    typo = next(one for one in messages if one["suggestion"])
    assert typo == {
        "code": "LB0107",
        "severity": "error",
        "message": "unknown keyword 'priorty'",
        "file": str(main),
        "line": 3,
        "column": 2,
        "end_column": 9,
        "source_line": "\tpriorty 100",
        "expected": "",
        "suggestion": "priority",
        "included_from": [],
        "exit_code": 5,
    }
    inner = next(one for one in messages if one["file"].endswith("inner.conf"))
    assert inner["included_from"] == [f"{main}:1"]


def test_sarif(main: Path) -> None:
    found = load(str(main)).diagnostics
    log = json.loads(render(found, form="sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({d.code for d in found})
    for result, diagnostic in zip(run["results"], found, strict=True):
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"] == diagnostic.code
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].startswith("file:///")
        assert " " not in place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] == diagnostic.line
    (related,) = [one["relatedLocations"] for one in run["results"] if "relatedLocations" in one]
    assert related[0]["physicalLocation"]["region"]["startLine"] == 1


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_say(form: str) -> None:
    text = render([], form=form)
    assert text == "" if form in ("human", "short") else json.loads(text)


def test_a_missing_main_file_has_no_region(tmp_path: Path) -> None:
    found = load(str(tmp_path / "none.conf")).diagnostics
    place = json.loads(render(found, form="sarif"))["runs"][0]["results"][0]["locations"][0][
        "physicalLocation"
    ]
    assert set(place) == {"artifactLocation"}


def test_remarks_change_no_exit_code() -> None:
    assert all(kind.exit_code == 0 and not kind.fatal for kind in CODES.values() if kind.lint)
    assert sum(kind.lint for kind in CODES.values()) >= 40
