# SPDX-License-Identifier: Apache-2.0
"""The section ``Global definitions`` of keepalived's dump files: what lbd keeps of global_defs.

Defaults that instances inherit are theirs by now, and stand there.
"""

from __future__ import annotations

from collections.abc import Iterator

from lbd.daemon import dump_words as words
from lbd.model import Config, Fifo, GlobalDefs, Telling


def lines(config: Config) -> list[str]:
    defs = config.global_defs
    return ["------< Global definitions >------", *_named(defs), *_telling(defs.telling), *_processes(defs)]


def _named(defs: GlobalDefs) -> Iterator[str]:
    if defs.instance:
        yield f" Instance name = {defs.instance}"
    yield f" Router ID = {defs.router_id}"
    yield f" Default interface = {defs.default_interface}"
    yield f" Disable local IGMP = {words.affirmation(defs.disable_local_igmp)}"
    if defs.lvs_timeout_tcp or defs.lvs_timeout_tcpfin or defs.lvs_timeout_udp:
        yield f" LVS TCP timeout = {defs.lvs_timeout_tcp}"
        yield f" LVS TCP FIN timeout = {defs.lvs_timeout_tcpfin}"
        yield f" LVS UDP timeout = {defs.lvs_timeout_udp}"
    yield f" Gratuitous ARP interval = {defs.vrrp_garp_interval:.6f}"
    yield f" Gratuitous NA interval = {defs.vrrp_gna_interval:.6f}"
    if defs.vrrp_startup_delay:
        yield f" VRRP startup delay = {defs.vrrp_startup_delay:.6f}"
    yield f" nftables {'with' if defs.nftables_counters else 'without'} counters"


def _telling(telling: Telling) -> Iterator[str]:
    if telling.mail is not None:
        yield f" Smtp server = {telling.mail.smtp_server}"
        yield f" Smtp server port = {telling.mail.port}"
        yield f" Smtp HELO name = {telling.mail.helo_name}"
        yield f" Smtp server connection timeout = {telling.mail.connect_timeout:g}"
        yield f" Email notification from = {telling.mail.sender}"
        yield " Email notification = " + ", ".join(telling.mail.recipients)
    yield from _fifo("Global", telling.notify_fifo)
    yield from _fifo("VRRP", telling.vrrp_notify_fifo)
    yield from _fifo("LVS", telling.lvs_notify_fifo)
    yield f" FIFO write vrrp states on reload = {words.truth(telling.fifo_write_vrrp_states_on_reload)}"


def _fifo(whose: str, fifo: Fifo | None) -> Iterator[str]:
    if fifo is None:
        return
    yield f" {whose} notify fifo = {fifo.path}, uid:gid {fifo.uid}:{fifo.gid}"
    if fifo.script is not None:
        yield f" {whose} notify fifo script = {words.command(fifo.script)}, uid:gid {fifo.script.uid}:{fifo.script.gid}"


def _processes(defs: GlobalDefs) -> Iterator[str]:
    yield f" VRRP process priority = {defs.vrrp_priority}"
    yield f" VRRP don't swap = {words.truth(defs.vrrp_no_swap)}"
    yield f" VRRP realtime priority = {defs.vrrp_rt_priority}"
    yield f" VRRP realtime limit = {defs.vrrp_rlimit_rttime}"
    if defs.vrrp_rx_bufs_policy:
        yield f" rx_bufs_policy = {defs.vrrp_rx_bufs_policy}"
    yield f" rx_bufs_multiples = {defs.vrrp_rx_bufs_multiplier}"
