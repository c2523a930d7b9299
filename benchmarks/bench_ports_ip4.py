# SPDX-License-Identifier: Apache-2.0
"""Through owned ports, IPv4: see ``through_ports.py``."""

from benchmarks.through_ports import measure

if __name__ == "__main__":
    measure(4)
