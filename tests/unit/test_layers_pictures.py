# SPDX-License-Identifier: Apache-2.0
"""The pages show the code as it is: what tools/pictures.py draws is what stands there, and what they link to exists."""

import re
from pathlib import Path

import pytest

from tools import pictures

ROOT = Path(__file__).resolve().parents[2]


def test_the_way_of_a_packet_is_read_from_the_worker() -> None:
    stages = re.findall(r"^   (\w+) +\w", pictures.way(), re.MULTILINE)
    assert stages[1:3] == ["parse", "lookup"]


@pytest.mark.parametrize("page", pictures.PAGES)
def test_no_picture_has_to_be_redrawn(page: str) -> None:
    text = (ROOT / page).read_text()
    assert "<!-- picture: way -->" in text
    assert pictures.drawn(text) == text, "run: .venv/bin/python tools/pictures.py"


@pytest.mark.parametrize("page", pictures.PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
