# SPDX-License-Identifier: Apache-2.0
"""Draws what README.md and docs/ show of the code from the code itself, between ``<!-- picture: NAME -->`` and its end.

``python tools/pictures.py`` redraws; a test holds that nothing has to be redrawn.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/architecture.md")
PLACE = re.compile(r"(<!-- picture: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
DOC = re.compile(r'"""(.+?)(?:"""|\n\n)', re.DOTALL)


def first_words(path: Path) -> str:
    """The first paragraph of a file's docstring, on one line."""
    found = DOC.search(path.read_text())
    return " ".join(found[1].split()) if found else ""


def way() -> str:
    """The stages of a burst, in the order in which worker.pxd calls them."""
    fastpath = ROOT / "lbd/fastpath"
    body = (fastpath / "worker.pxd").read_text().partition("run_burst(")[2].partition("\n\n\n")[0]
    lines = ["   rx burst, of any port, up to 32 frames"]
    for stage in re.findall(r"^    st_(\w+)\(", body, re.MULTILINE):
        words = first_words(fastpath / f"stage/{stage}.pxd").removeprefix(f"{stage}: ")
        lines += ["      │", f"   {stage:<9} {words}"]
    return (
        "\n".join(["```", *lines, "      │", "   tx burst, of the port of each frame's next hop", "```"])
        + "\n"
    )


def rooms() -> str:
    """The packages of lbd from top to bottom, as import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = ["| package | what it is |", "|---|---|"]
    for layer in contracts[0]["layers"]:
        for name in re.findall(r"[\w.]+", layer):
            place = ROOT / name.replace(".", "/")
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            if file.exists():
                rows.append(f"| `{name}` | {first_words(file)} |")
    return "\n".join(rows) + "\n"


PICTURES = {"way": way, "rooms": rooms}


def drawn(text: str) -> str:
    return PLACE.sub(lambda found: found[1] + PICTURES[found[2]]() + found[3], text)


def main() -> None:
    for page in PAGES:
        path = ROOT / page
        path.write_text(drawn(path.read_text()))


if __name__ == "__main__":
    main()
