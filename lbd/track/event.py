# SPDX-License-Identifier: Apache-2.0
"""What a tracker asks for and tells: frozen values, compared by value in tests."""

from __future__ import annotations

import msgspec

from lbd.model.track import VrrpScript


class RunScript(msgspec.Struct, frozen=True):
    """Run it, and give its result to ``receive``."""

    conf: VrrpScript


class Changed(msgspec.Struct, frozen=True):
    """Up or down, by the tracker's own measure."""

    up: bool


class Said(msgspec.Struct, frozen=True):
    """A line for the log, in keepalived's words."""

    text: str


Event = RunScript | Changed | Said
