# SPDX-License-Identifier: Apache-2.0
"""A command of the configuration: what is run, and as whom. There is no shell between the two."""

from __future__ import annotations

import msgspec


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """``argv[0]`` is an absolute path, or a name that is looked for in PATH. No argv is no script."""

    argv: tuple[str, ...]
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """``set_supplementary_groups``: further groups of the user."""
    secure: bool = False
    """``enable_script_security``: refused if others than root could change it; otherwise that is a warning."""

    def __str__(self) -> str:
        return " ".join(self.argv)
