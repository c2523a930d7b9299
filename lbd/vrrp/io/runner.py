# SPDX-License-Identifier: Apache-2.0
"""Drives all instances: adverts in, actions out, and exactly one timer.

Adverts leave at once. Whatever takes time (addresses, announcements, scripts) follows in ``works.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from lbd.model import Config, VirtualAddress, VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.model.status import VrrpStatus
from lbd.vrrp.action import Log, Notify, SendAdvert
from lbd.vrrp.advert import Datagram, RefusedError
from lbd.vrrp.instance import Instance
from lbd.vrrp.io.garp import Announcer
from lbd.vrrp.io.ports import Deaf, Kernel, LinkState, Listener
from lbd.vrrp.io.wires import Wires, buffer_size, group
from lbd.vrrp.io.works import Works
from lbd.vrrp.routers import Actions, Routers
from lbd.vrrp.snapshot import InstanceState
from lbd.vrrp.timers import master_down_interval

log = logging.getLogger("lbd.vrrp")

QUIET = 1.0
"""Seconds between two lines of one reason that others can make us say."""
RESERVE = 4096
"""Numbers of authenticated adverts that a standby skips: so many may have been sent since it was fed."""


class Runner:
    def __init__(
        self,
        kernel: Kernel,
        *,
        listener: Listener | None = None,
        on_state: Callable[[InstanceState], None] | None = None,
    ) -> None:
        """on_state: told of every instance whose state another process would need to go on with it."""
        self._kernel = kernel
        self._routers = Routers()
        self._announcer = Announcer()
        self._wires = Wires(self._heard, self._heard_of_nobody)
        self._says_unknown = False
        self._buffers = ("", 3)
        """vrrp_rx_bufs_policy and vrrp_rx_bufs_multiplier."""
        self._works = Works(kernel, self._announcer, listener or Deaf())
        self._on_state = on_state
        self.on_new: Callable[[list[str]], None] = lambda names: None
        """Called with the instances that are about to be started, to say what their trackers say."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float | None = None
        self._sent: Counter[str] = Counter()
        self._zero_sent: Counter[str] = Counter()
        self._leases: dict[str, float] = {}
        self._said: dict[tuple[str, str], float] = {}

    # --- from outside

    def start(
        self, config: Config, *, adopt: bool = False, states: Iterable[InstanceState] = (), hold: bool = True
    ) -> None:
        """states: of a process that died, to go on with (hold) or to give up what they held.

        adopt: there are none, so whoever has all its addresses is MASTER.
        """
        self._works.start()
        self._take(config)
        states = tuple(states)
        if not states and not adopt:
            delay, boot = config.global_defs.vrrp_startup_delay, config.global_defs.vrrp_delay_after_boot
            self._routers.begins = max(self._now() + delay, boot)  # the monotonic clock begins at boot
        _, new = self._routers.configure(config, self._now())
        known = {s.name: s for s in states if s.name in self._routers.instances}
        for name, state in known.items():
            self._look_at_source(self._routers.instances[name])
            self._apply(self._routers.restore(state, self._now(), hold=hold))
        self._begin([name for name in new if name not in known], adopt=adopt)

    def configure(self, config: Config) -> None:
        """Another configuration: what is equal goes on as it was."""
        self._take(config)
        actions, new = self._routers.configure(config, self._now())
        self._apply(actions)
        self._wires.keep(self._routers.instances)
        self._begin(new)

    def _take(self, config: Config) -> None:
        defs = config.global_defs
        self._announcer.pace(config)
        self._says_unknown = defs.log_unknown_vrids
        self._buffers = (defs.vrrp_rx_bufs_policy, defs.vrrp_rx_bufs_multiplier)

    def _begin(self, new: list[str], *, adopt: bool = False) -> None:
        now = self._now()
        self.network_changed()
        self.on_new(new)
        for name in new:
            instance = self._routers.instances[name]
            if instance.state is not VrrpState.INIT:
                continue
            there = all(self._kernel.present(v) for v in self._kernel.placed(instance.conf))
            resumed = adopt and there and not instance.standing.faults
            self._apply(self._routers.resume(name, now) if resumed else self._routers.start(name, now))
        self._arm()

    async def stop(self) -> None:
        """Priority 0 is sent and the addresses are gone when this returns."""
        self._apply(self._routers.stop(self._now()))
        if self._timer is not None:
            self._timer.cancel()
        await self._works.finish()
        self._wires.close_all()
        self._announcer.close()

    def network_changed(self) -> None:
        """Links or addresses of the kernel have changed."""
        now = self._now()
        for instance in list(self._routers.instances.values()):
            self._look_at_link(instance)
        self._wires.listen(self._listening())
        for instance in list(self._routers.instances.values()):
            if instance.state is VrrpState.MASTER and self._works.lost_address(instance):
                self._works.forget_seen(instance.conf.name)
                self._apply(self._routers.address_lost(instance.conf.name, now))
        self._arm()

    def lost(self, names: Collection[str], what: str) -> None:
        """Somebody else removed a route or rule of a master: as with an address, it gives up and contends again."""
        for name in self._known(names):
            self._apply(self._routers.address_lost(name, self._now(), what))
        self._arm()

    # --- what trackers say: the source in words is the key (``script chk``), what it says last counts

    def fault(self, names: Collection[str], source: str) -> None:
        """One more reason for these instances not to take part."""
        for name in self._known(names):
            self._apply(self._routers.fault(name, source, self._now()))
        self._feed(self._known(names))
        self._arm()

    def recover(self, names: Collection[str], source: str) -> None:
        """It is none any more, or never was: an instance that waited for this source need not wait any longer."""
        for name in self._known(names):
            self._apply(self._routers.recover(name, source, self._now()))
        self._feed(self._known(names))
        self._arm()

    def weigh(self, names: Collection[str], source: str, weight: int) -> None:
        """What this source adds to their priority from now on."""
        for name in self._known(names):
            self._apply(self._routers.weigh(name, source, weight, self._now()))
        self._feed(self._known(names))
        self._arm()

    def wait_for(self, names: Collection[str], source: str) -> None:
        """Before they are started: these take no part until the source has said something."""
        for name in self._known(names):
            self._routers.wait_for(name, source)

    def _known(self, names: Collection[str]) -> list[str]:
        return [name for name in names if name in self._routers.instances]

    def status(self) -> tuple[VrrpStatus, ...]:
        return tuple(self._status(i) for i in self._routers.instances.values())

    def group_states(self) -> dict[str, str]:
        return {name: group.state.value for name, group in self._routers.groups.items()}

    def states(self) -> list[InstanceState]:
        """All that another process would need to go on."""
        return [self._snapshot(name) for name in self._routers.instances]

    # --- links

    def _look_at_source(self, instance: Instance) -> LinkState | None:
        """Its address and socket, where its interface has one; the link."""
        conf = instance.conf
        link = self._kernel.way(conf)
        source = _source(conf, link)
        if link is not None and source is not None:
            instance.source = source
            if self._wires.open(conf, link.name, link.ifindex, source):
                self._announcer.forget(link.name)
        return link

    def _look_at_link(self, instance: Instance) -> None:
        """Faults of an instance, by the state of its interface."""
        conf, now = instance.conf, self._now()
        link = self._look_at_source(instance)
        causes = {*_causes(conf, link), *self._source_cause(conf)}
        about_link = {c for c in instance.standing.faults if c.startswith("interface ")}
        for cause in causes - about_link:
            self._apply(self._routers.fault(conf.name, cause, now))
        for cause in about_link - causes:
            self._apply(self._routers.recover(conf.name, cause, now))

    def _source_cause(self, conf: VrrpInstance) -> Iterator[str]:
        """track_src_ip: the address that adverts are to come from has to be there."""
        source = conf.unicast_src_ip or conf.mcast_src_ip
        if conf.track_src_ip and source is not None:
            there = VirtualAddress(address=source, prefix=0, dev=conf.interface)
            if not self._kernel.present(there):
                yield f"interface {conf.interface} has not the address {source}"

    def _listening(self) -> Iterator[tuple[VrrpInstance, str, int, Address, int]]:
        for instance in self._routers.instances.values():
            conf = instance.conf
            link = self._kernel.link(conf.interface)
            if link is not None:
                buffer = buffer_size(conf, *self._buffers, link.mtu)
                yield conf, conf.interface, link.ifindex, instance.source, buffer

    # --- adverts

    def _heard(self, name: str, got: Datagram) -> None:
        try:
            actions = self._routers.receive(name, got, self._now())
        except RefusedError as error:
            text = f"({name}) advert from {got.source} refused: {error}"
            self._say(name, Log(text, warning=True, limit=error.reason.value))
            return
        self._apply(actions)
        if self._routers.instances[name].conf.auth_hmac is not None:
            self._feed([name])  # the mark that this advert has moved
        self._arm()

    def _heard_of_nobody(self, interface: str, got: Datagram) -> None:
        """log_unknown_vrids."""
        if self._says_unknown:
            vrid = got.virtual_router_id
            text = f"{interface}: advert from {got.source} for an unknown VRID {vrid}"
            self._say(interface, Log(text, limit=f"VRID {vrid}"))

    def _say(self, name: str, said: Log) -> None:
        now = self._now()
        if said.limit:
            if now - self._said.get((name, said.limit), -QUIET) < QUIET:
                return
            self._said[name, said.limit] = now
        log.log(logging.WARNING if said.warning else logging.INFO, "%s", said.text)

    # --- actions

    def _apply(self, actions: Actions) -> None:
        changed: set[str] = set()
        for instance, action in actions:
            match action:
                case SendAdvert(priority):
                    self._send(instance, priority)
                case Log():
                    self._say(instance.conf.name, action)
                case _:
                    self._works.put(instance, action)
            if isinstance(action, Notify):
                changed.add(instance.conf.name)
        self._feed(changed & self._routers.instances.keys())

    def _send(self, instance: Instance, priority: int) -> None:
        name = instance.conf.name
        sent = self._wires.send(instance.conf, priority, instance.security)
        self._sent[name] += sent
        self._zero_sent[name] += sent if priority == 0 else 0
        if sent and priority:
            conf = instance.conf
            seconds = master_down_interval(conf, instance.priority, conf.advert_int)
            self._leases[name] = seconds if self._kernel.lease(conf, seconds) else 0.0
        numbered = instance.security.ah.sequence or instance.security.trailer.sent
        if numbered and self._sent[name] % (RESERVE // 2) < sent:
            self._feed({name} & self._routers.instances.keys())

    def _feed(self, names: Iterable[str]) -> None:
        if self._on_state is not None:
            for name in names:
                self._on_state(self._snapshot(name))

    def _snapshot(self, name: str) -> InstanceState:
        return self._routers.snapshot(name, RESERVE)

    # --- time

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _arm(self) -> None:
        deadline = self._routers.next_deadline()
        if deadline == self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed = None, deadline
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = self._armed = None
        # asyncio may be early by its clock's resolution
        now = max(self._now(), self._routers.next_deadline() or 0.0)
        self._apply(self._routers.tick(now))
        self._arm()

    def _status(self, instance: Instance) -> VrrpStatus:
        conf, deadline = instance.conf, instance.next_deadline()
        return VrrpStatus(
            name=conf.name,
            interface=conf.interface,
            virtual_router_id=conf.virtual_router_id,
            state=instance.state.value,
            priority=conf.priority,
            effective_priority=instance.priority,
            virtual_addresses=tuple(v.address for v in conf.virtual_addresses),
            since=self._now() - instance.since,
            adverts_sent=self._sent[conf.name],
            adverts_received=self._routers.adverts_received[conf.name],
            became_master=instance.became_master,
            released_master=instance.released_master,
            zero_received=self._routers.zero_received[conf.name],
            zero_sent=self._zero_sent[conf.name],
            errors={r.value: n for r, n in self._routers.refusals[conf.name].items()},
            reason=instance.standing.reason,
            source=instance.source,
            group=group(conf),
            faults=len(instance.standing.faults),
            awaited=len(instance.standing.awaited),
            timeout=None if deadline is None else deadline - self._now(),
            master_down=instance.master_down_interval(),
            master_adver_int=instance.master_adver_int,
            lease=self._leases.get(conf.name, 0.0) if instance.state is VrrpState.MASTER else 0.0,
        )


def _causes(conf: VrrpInstance, link: LinkState | None) -> Iterator[str]:
    if link is None:
        yield f"interface {conf.interface} is not there"
    elif not link.up and not conf.dont_track_primary:
        yield f"interface {conf.interface} is down"
    elif _source(conf, link) is None:
        yield f"interface {conf.interface} has no address to send from"


def _source(conf: VrrpInstance, link: LinkState | None) -> Address | None:
    if link is None:
        return None
    return conf.unicast_src_ip or conf.mcast_src_ip or (link.ipv6 if conf.is_ipv6 else link.ipv4)
