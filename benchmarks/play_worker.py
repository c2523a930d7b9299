# SPDX-License-Identifier: Apache-2.0
"""lbd's side of the ports (``owned.py``) with another build of the extension in the place of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def play(extension: str, capture: str, flows: str) -> None:
    """Nothing may have imported the extension before."""
    spec = importlib.util.spec_from_file_location("lbd.fastpath._dp", extension)
    if spec is None or spec.loader is None:
        raise ImportError(extension)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lbd.fastpath._dp"] = module
    spec.loader.exec_module(module)

    import lbd.fastpath
    from benchmarks import owned

    vars(lbd.fastpath)["_dp"] = module
    owned.serve(Path(capture), int(flows), "fnat", 4)


if __name__ == "__main__":
    play(*sys.argv[1:])
