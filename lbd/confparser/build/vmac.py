# SPDX-License-Identifier: Apache-2.0
"""use_vmac, use_ipvlan and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import Vmac, VrrpInstance


def words(instance: Item, vrid: int, context: Context) -> dict[str, Any]:
    """The fields of an instance that are about its interface of its own."""
    own, ipvlan = instance.last("use_vmac"), instance.last("use_ipvlan")
    found: dict[str, Any] = {}
    if own is not None:
        found["use_vmac"] = _with_vrid(own.value or Vmac(), vrid)
    elif ipvlan is not None:
        found["use_ipvlan"] = ipvlan.value
    base = instance.last("vmac_xmit_base")
    if base is not None and not found:
        message = f"({instance.value}) vmac_xmit_base is only valid with use_vmac: ignored"
        context.report.add("LB0318", message, base.node.place())
    return found | {"vmac_xmit_base": base is not None and bool(found)}


def _with_vrid(vmac: Vmac, vrid: int) -> Vmac:
    """A MAC of five octets ends with the virtual router's number."""
    if vmac.mac is None or len(vmac.mac) == 6:
        return vmac
    return replace(vmac, mac=vmac.mac + bytes([vrid]))


def of_one_each(
    instances: Iterable[VrrpInstance], items: Sequence[Item], context: Context
) -> tuple[VrrpInstance, ...]:
    """No two instances name the same interface of their own: the second goes by the usual name."""
    taken: dict[str, str] = {}
    found: list[VrrpInstance] = []
    for instance in instances:
        own = instance.use_vmac or instance.use_ipvlan
        if own is not None and own.name is not None:
            if own.name in taken:
                block = next(item for item in items if item.value == instance.name)
                message = f"({instance.name}) {own.name} is the interface of {taken[own.name]}: the name is ignored"
                keyword = block.last("use_vmac", "use_ipvlan") or block
                context.report.add("LB0322", message, keyword.node.place())
                instance = _unnamed(instance)
            else:
                taken[own.name] = instance.name
        found.append(instance)
    return tuple(found)


def _unnamed(instance: VrrpInstance) -> VrrpInstance:
    if instance.use_vmac is not None:
        return replace(instance, use_vmac=replace(instance.use_vmac, name=None))
    assert instance.use_ipvlan is not None
    return replace(instance, use_ipvlan=replace(instance.use_ipvlan, name=None))
