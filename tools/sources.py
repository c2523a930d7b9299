# SPDX-License-Identifier: Apache-2.0
"""Prints the Python files of the package, one a line: what an installation contains besides the extension."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    for path in sorted((ROOT / "lbd").rglob("*")):
        if path.suffix == ".py" or path.name == "py.typed":
            print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main()
