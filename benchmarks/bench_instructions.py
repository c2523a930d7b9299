# SPDX-License-Identifier: Apache-2.0
"""Instructions per packet of the pipeline (``instructions.py``), beside the committed figures."""

from benchmarks.instructions import committed, count
from benchmarks.rounds import show

if __name__ == "__main__":
    allowed = committed()
    for name, figure in count().items():
        show(f"instructions/{name}", "instructions/packet", [figure], [allowed.get(name, figure)])
