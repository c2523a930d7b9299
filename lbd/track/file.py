# SPDX-License-Identifier: Apache-2.0
"""``track_file``: the number that a file begins with."""

from __future__ import annotations

import re

READ = 128
"""Bytes that are looked at."""
LIMIT = 2**31 - 1
_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,18})")


def value(data: bytes) -> int:
    """strtol(3): white space, a sign, digits. What is no number is 0, as a missing file is."""
    found = _NUMBER.match(data)
    return max(-LIMIT - 1, min(LIMIT, int(found[1]))) if found else 0
