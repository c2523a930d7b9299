# SPDX-License-Identifier: Apache-2.0
"""End to end between namespaces, offloads off, and dpdk-testpmd as a bare wire: see ``end_to_end.py``."""

from benchmarks.end_to_end import measure

if __name__ == "__main__":
    measure("plain", plain=True)
