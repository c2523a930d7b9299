# SPDX-License-Identifier: Apache-2.0
"""Every code has a story, its bad example gives exactly this code and its good one gives none."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from lbd.confparser import CODES, Loaded, load
from lbd.confparser.codes import RETIRED
from lbd.confparser.explain import STORIES, Example, explain

NOT_YET = {"LB0115", "LB0116", "LB0416"}
"""What says only how far this version has come."""


def loaded(example: Example, directory: Path, *, lint: bool = True) -> Loaded:
    for name, text in example.files.items():
        (directory / name).write_text(text)
        (directory / name).chmod(
            0o755 if name == example.program else 0o600 if name == example.private else 0o644
        )
    main = directory / "keepalived.conf"
    if example.text is not None:
        main.write_bytes(example.text.encode() if isinstance(example.text, str) else example.text)
    networks = {
        name: [ipaddress.ip_network(one) for one in known] for name, known in example.networks.items()
    }
    return load(
        str(main),
        config_id="host",
        interfaces=example.interfaces,
        resolve={"localhost": "127.0.0.1"}.get,
        lint=lint,
        networks=networks,
    )


def codes(result: Loaded) -> set[str]:
    return {found.code for found in result.diagnostics}


def test_every_code_has_a_story_and_every_story_a_code() -> None:
    assert set(STORIES) == set(CODES)
    assert not set(RETIRED) & set(CODES)


@pytest.mark.parametrize("code", STORIES)
def test_the_bad_example_gives_exactly_this(code: str, tmp_path: Path) -> None:
    result = loaded(STORIES[code].bad, tmp_path, lint=CODES[code].lint)
    expected = {code, "LB0107"} if code == "LB0011" else {code}
    assert codes(result) - (NOT_YET - {code}) == expected, [d.short() for d in result.diagnostics]
    if code not in ("LB0011", "LB0115"):
        assert sum(found.code == code for found in result.diagnostics) == 1
    assert result.exit_code == max(CODES[one].exit_code for one in expected)
    assert (result.config is None) == CODES[code].fatal


@pytest.mark.parametrize("code", STORIES)
def test_the_good_example_is_clean(code: str, tmp_path: Path) -> None:
    result = loaded(STORIES[code].good, tmp_path)
    assert codes(result) - NOT_YET == set(), [d.short() for d in result.diagnostics]
    assert result.exit_code == 0


@pytest.mark.parametrize("code", STORIES)
def test_the_story_is_told_in_text(code: str) -> None:
    text = explain(code)
    assert text.startswith(f"{code}: {CODES[code].title}")
    assert "\nBad:\n" in text
    assert "\nGood:\n" in text
    assert max(map(len, text.splitlines()[1:])) <= 110
    assert all(character.isprintable() or character == "\n" for character in text)
    assert STORIES[code].text.endswith((".", "…", ")"))
