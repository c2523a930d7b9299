# SPDX-License-Identifier: Apache-2.0
"""The values of the model that stand behind a block, for the keywords that the file does not say."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from lbd.confparser.check import Item
from lbd.confparser.schema import Keyword
from lbd.model import Config

_NAMED = {
    "vrrp_instance": "vrrp_instances",
    "vrrp_sync_group": "vrrp_sync_groups",
    "vrrp_script": "vrrp_scripts",
    "track_file": "track_files",
    "vrrp_track_file": "track_files",
    "vrrp_track_process": "track_processes",
    "bfd_instance": "bfd_instances",
}


class Values:
    """Structs by their name: what is known at one depth of the file."""

    def __init__(self, config: Config | None, structs: dict[str, msgspec.Struct] | None = None) -> None:
        self._config = config
        self._structs = structs or {}

    def inside(self, item: Item) -> Values:
        """What is known inside of a block."""
        found = self._of_block(item)
        if found is None:
            return self
        return Values(self._config, self._structs | {type(found).__name__: found})

    def of(self, row: Keyword) -> str:
        """The value of a keyword that is not in the file, or "" where the model has none to show."""
        for name in row.fields:
            struct, _, attribute = name.partition(".")
            owner = self._structs.get(struct)
            if owner is not None and hasattr(owner, attribute):
                return _written(getattr(owner, attribute))
        return ""

    def _of_block(self, item: Item) -> msgspec.Struct | None:
        if self._config is None:
            return None
        if item.name == "global_defs":
            return self._config.global_defs
        if item.name in _NAMED:
            return _first(getattr(self._config, _NAMED[item.name], ()), name=str(item.node.words[1]))
        if item.name == "virtual_server":
            return self._service(item)
        if item.name == "real_server":
            service = self._structs.get("VirtualServer")
            return _first(
                getattr(service, "real_servers", ()), address=str(getattr(item.value, "address", ""))
            )
        return None

    def _service(self, item: Item) -> msgspec.Struct | None:
        assert self._config is not None
        endpoint = getattr(item.value, "endpoint", None)
        if endpoint is None:
            return _first(self._config.virtual_servers, name=item.node.words[-1])
        for service in self._config.virtual_servers:
            for address in service.addresses:
                if (address.address, address.port) == (str(endpoint.address), endpoint.port or 0):
                    return service
        return None


def _first(structs: Any, **wanted: str) -> msgspec.Struct | None:
    for one in structs:
        if all(getattr(one, name, None) == value for name, value in wanted.items()):
            return one  # type: ignore[no-any-return]
    return None


def _written(value: object) -> str:
    """As keepalived.conf has it; "" for what is no single word."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value) if isinstance(value, (int, str)) else ""
