# SPDX-License-Identifier: Apache-2.0
"""Links this tree into its .venv for development: a path file, and a program for each line of [project.scripts].

It is what an editable install does, without a build each time and without a network.
"""

import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """#!{python}
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


def write(path: Path, text: str, mode: int) -> None:
    """Only where it differs, so that a second run touches nothing."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    path.chmod(mode)


def main() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    write(Path(sysconfig.get_path("purelib")) / "lbd-tree.pth", f"{ROOT}\n", 0o644)
    for name, target in scripts.items():
        module, function = target.split(":")
        text = PROGRAM.format(python=sys.executable, module=module, function=function)
        write(Path(sysconfig.get_path("scripts")) / name, text, 0o755)


if __name__ == "__main__":
    main()
