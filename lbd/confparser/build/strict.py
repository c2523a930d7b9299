# SPDX-License-Identifier: Apache-2.0
"""strict_mode: what the RFCs do not know is put back, and said (keepalived.conf(5), vrrp_strict)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import Authentication, VrrpInstance, VrrpState

_OWNER = 255
_DOWN_TIMER_ADVERTS = 3


class Strict:
    """One instance under strict_mode; ``item`` is its block."""

    def __init__(self, instance: VrrpInstance, item: Item, context: Context) -> None:
        self._instance, self._item, self._report = instance, item, context.report
        self._changes: dict[str, Any] = {}

    def applied(self) -> VrrpInstance:
        instance = self._instance
        self._state()
        if instance.auth_type is not Authentication.NONE:
            self._put_back("authentication", auth_type=Authentication.NONE, auth_pass=b"")
        if instance.is_ipv6 and instance.virtual_ipaddress:
            if not instance.virtual_ipaddress[0].address.startswith("fe80:"):
                self._say("the first address must be link-local", "virtual_ipaddress")
        if instance.use_vmac is not None and instance.use_vmac.mac is not None:
            self._put_back("use_vmac", use_vmac=replace(instance.use_vmac, mac=None))
        if instance.preempt_delay:
            self._put_back("preempt_delay", preempt_delay=0.0)
        if instance.down_timer_adverts != _DOWN_TIMER_ADVERTS:
            self._put_back("down_timer_adverts", down_timer_adverts=_DOWN_TIMER_ADVERTS)
        if instance.vmac_xmit_base:
            self._put_back("vmac_xmit_base", vmac_xmit_base=False)
        self._accept()
        self._wants("garp_lower_prio_repeat", 0)
        self._wants("garp_lower_prio_delay", 0.0)
        self._wants("lower_prio_no_advert", True)
        self._wants("higher_prio_send_advert", False)
        return replace(instance, **self._changes)

    def _say(self, what: str, name: str) -> None:
        item = self._item.last(name) or self._item
        self._report.add("LB0321", f"({self._instance.name}) strict_mode: {what}", item.node.place())

    def _put_back(self, name: str, **changes: Any) -> None:
        self._say(f"{name} does not go with it: put back", name)
        self._changes |= changes

    def _wants(self, name: str, value: Any) -> None:
        """What is not said of the instance itself follows without a word."""
        said = self._item.last(name)
        if said is not None and said.value != value:
            self._say(f"{name} does not go with it: put back", name)
        self._changes[name] = value

    def _state(self) -> None:
        owner = self._instance.priority == _OWNER
        if (self._instance.state is VrrpState.MASTER) != owner and self._item.last("state") is not None:
            wanted = VrrpState.MASTER if owner else VrrpState.BACKUP
            self._say(f"state MASTER and priority {_OWNER} go together: {wanted.value} is used", "state")
            self._changes["state"] = wanted

    def _accept(self) -> None:
        """Not in the RFC for version 2 (RFC 3768 section 6.4.3), off by default in version 3."""
        owner = self._instance.priority == _OWNER
        said = self._item.last("accept", "no_accept")
        accept = owner or (said is not None and said.name == "accept")
        if accept and not owner and self._instance.version == 2:
            self._say("accept does not go with version 2: put back", "accept")
            accept = False
        self._changes["accept"] = accept
