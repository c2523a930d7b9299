# SPDX-License-Identifier: Apache-2.0
"""Commands of the configuration → Script: whose they are, and under which rules they are run."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass

from lbd.confparser.check import Item
from lbd.confparser.diagnostics import Place, Report
from lbd.model import Script

SCRIPT_USER = "keepalived_script"
"""Runs scripts if there is such a user and no other is named."""


@dataclass(frozen=True, slots=True)
class Owner:
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def lookup(words: Sequence[str]) -> Owner:
    """``USER [GROUP]``. Raises LookupError with a sentence."""
    name, *more = words
    try:
        user = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise LookupError(f"there is no user '{name}'") from None
    group = user.pw_gid
    if more:
        try:
            group = grp.getgrnam(more[0]).gr_gid
        except (KeyError, ValueError):
            raise LookupError(f"there is no group '{more[0]}'") from None
    return Owner(user.pw_uid, group)


def default_owner() -> Owner:
    try:
        return lookup((SCRIPT_USER,))
    except LookupError:
        return Owner(os.geteuid(), os.getegid())


@dataclass(slots=True)
class Commands:
    """What global_defs says of all scripts."""

    report: Report
    owner: Owner
    secure: bool = False
    supplementary: bool = False
    """set_supplementary_groups."""

    def owner_of(self, words: Sequence[str], place: Place) -> Owner | None:
        """None if there is no such user or group, which is said."""
        try:
            return self._with_groups(lookup(words), words[0])
        except LookupError as error:
            self.report.add("LB0603", f"{error}: not run", place)
            return None

    def _with_groups(self, owner: Owner, name: str) -> Owner:
        if not self.supplementary:
            return owner
        return Owner(owner.uid, owner.gid, tuple(os.getgrouplist(name, owner.gid)))

    def script(self, item: Item | None, owner: Owner | None = None) -> Script | None:
        """None without a command."""
        if item is None or not item.value:
            return None
        chosen = owner or self.owner
        return Script(
            argv=tuple(item.value), uid=chosen.uid, gid=chosen.gid, groups=chosen.groups, secure=self.secure
        )

    def of(self, block: Item, name: str) -> Script | None:
        """What ``name`` says in a block. keepalived takes the first of several."""
        return self.script(next(block.all(name), None))
