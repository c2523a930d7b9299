# SPDX-License-Identifier: Apache-2.0
"""keepalived's exit codes, and the error that carries one together with the sentence for the user."""

from __future__ import annotations

OK = 0
FATAL = 1
CONFIG = 2
PERMISSION = 4
NO_CONFIG = 6
SOFTWARE = 70
"""EX_SOFTWARE of sysexits.h: our bug. A child that ends so is started again."""

PERMANENT = {FATAL: "FATAL", CONFIG: "CONFIG", PERMISSION: "MISSING PERMISSION", NO_CONFIG: "NO CONFIG"}
"""A child that ends with one of these would end so again: the supervisor stops everything."""

AT_START = {4: NO_CONFIG, 5: CONFIG}
"""What a configuration test ends with, and what a start with the same file does: a test has classes of its own."""


class StartError(Exception):
    """lbd cannot run as asked. The text is one sentence that says what to do; code is the exit code."""

    def __init__(self, sentence: str, code: int = FATAL) -> None:
        super().__init__(sentence)
        self.code = code
