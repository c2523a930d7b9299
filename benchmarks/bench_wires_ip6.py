# SPDX-License-Identifier: Apache-2.0
"""End to end between namespaces over IPv6, offloads at their defaults: see ``end_to_end.py``."""

from benchmarks.end_to_end import measure

if __name__ == "__main__":
    measure("ip6", plain=False, family=6)
