# SPDX-License-Identifier: Apache-2.0
"""Checks with their numbers resolved: checker > real server > virtual server > keepalived's default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbd.confparser.build import http
from lbd.confparser.build.commands import Commands
from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.octets import Octets
from lbd.confparser.schema import Status
from lbd.confparser.tracked import Weight
from lbd.model import (
    BfdCheck,
    BfdInstance,
    Check,
    DnsCheck,
    FileCheck,
    MiscCheck,
    PingCheck,
    SmtpCheck,
    Ssl,
    TcpCheck,
    UdpCheck,
)

_DELAY_LOOP = 60.0
_HTTP_DELAY_BEFORE_RETRY = 3.0


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a virtual server and a real server hand down; None is "not said"."""

    delay_loop: float | None = None
    retry: int | None = None
    delay_before_retry: float | None = None
    warmup: float | None = None
    connect_timeout: float | None = None
    virtualhost: str | None = None
    sni_virtualhost: str | None = None
    """The virtual server's; keepalived passes over the real server's for SNI."""
    alpha: bool = False
    log_all_failures: bool = False

    def under(self, item: Item) -> Inherited:
        """With what ``item`` says itself in front."""
        said: dict[str, Any] = {}
        for inner in item.items or ():
            if inner.name in _NAMES:
                said[inner.name] = inner.value
        if item.name == "virtual_server":
            said["sni_virtualhost"] = said.get("virtualhost")
        if not said:
            return self
        return Inherited(**{name: said.get(name, getattr(self, name)) for name in _NAMES})


_NAMES = frozenset(Inherited.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A track_file that FILE_CHECK may name, with its own weight."""

    path: str
    weight: int
    reverse: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What checks refer to."""

    commands: Commands
    files: Mapping[str, TrackedFile] = field(default_factory=dict)
    bfds: Mapping[str, BfdInstance] = field(default_factory=dict)
    ssl: Ssl | None = None


class Checks:
    """The checks of one real server."""

    def __init__(self, address: str, port: int, above: Inherited, known: Known, context: Context) -> None:
        self._address, self._port, self._above = address, port, above
        self._known, self._context = known, context

    def build(self, items: Sequence[Item]) -> tuple[Check, ...]:
        """In the order of the file. What cannot be checked is left out, with a message: its server counts as up."""
        carried_out = (item for item in items if item.row is not None and item.row.status is Status.WORKS)
        return tuple(check for item in carried_out for check in self._of(item))

    def _of(self, item: Item) -> Iterator[Check]:
        match item.name:
            case "TCP_CHECK":
                yield TcpCheck(**self._connected(item))
            case "HTTP_GET" | "SSL_GET":
                common = self._connected(item, delay_before_retry=_HTTP_DELAY_BEFORE_RETRY)
                yield from http.checks(item, common, self._above, self._known.ssl, self._context)
            case "UDP_CHECK":
                yield self._udp(item)
            case "SMTP_CHECK":
                yield from self._smtp(item)
            case "DNS_CHECK":
                yield self._dns(item)
            case "PING_CHECK":
                yield PingCheck(**self._connected(item))
            case "MISC_CHECK":
                yield from self._misc(item)
            case "FILE_CHECK":
                yield from self._file(item)
            case "BFD_CHECK":
                yield from self._bfd(item)

    def _scheduled(self, item: Item, retry: int, delay_before_retry: float | None) -> dict[str, Any]:
        """``delay_before_retry`` None is delay_loop."""
        said = {inner.name: inner.value for inner in item.items or ()}
        if "nb_get_retry" in said:
            said.setdefault("retry", said["nb_get_retry"])

        def resolved(name: str, default: Any) -> Any:
            value = said.get(name)
            if value is None:
                value = getattr(self._above, name)
            return default if value is None else value

        delay_loop = resolved("delay_loop", _DELAY_LOOP)
        between = delay_loop if delay_before_retry is None else delay_before_retry
        return {
            "retry": resolved("retry", retry),
            "delay_before_retry": resolved("delay_before_retry", between),
            "delay_loop": delay_loop,
            "warmup": resolved("warmup", delay_loop),
            "alpha": resolved("alpha", False),
            "log_all_failures": resolved("log_all_failures", False),
            **{name: said[name] for name in ("rise", "fall") if name in said},
        }

    def _connected(self, item: Item, retry: int = 1, delay_before_retry: float | None = 1.0) -> dict[str, Any]:
        said = {inner.name: inner.value for inner in item.items or ()}
        timeout = said.get("connect_timeout")
        if timeout is None:
            timeout = self._above.connect_timeout
        return {
            "connect_ip": said.get("connect_ip", self._address),
            "connect_port": said.get("connect_port", self._port),
            "bindto": said.get("bindto"),
            "bind_port": said.get("bind_port", 0),
            "bind_if": said.get("bind_if"),
            "fwmark": said.get("fwmark", 0),
            "connect_timeout": 5.0 if timeout is None else timeout,
            **self._scheduled(item, retry, delay_before_retry),
        }

    def _udp(self, item: Item) -> UdpCheck:
        payload: Octets = item.get("payload", Octets(b""))
        reply = item.last("require_reply")
        wanted: Octets = Octets(b"") if reply is None else reply.value
        shortest, longest = item.get("min_reply_length", 0), item.get("max_reply_length", 255)
        if shortest > longest:
            message = f"min_reply_length {shortest} is above max_reply_length {longest}: it always fails"
            self._context.report.add("LB0505", message, item.node.place())
        return UdpCheck(
            payload=payload.data,
            require_reply=reply is not None,
            reply=wanted.data,
            reply_mask=wanted.mask,
            min_reply_length=shortest,
            max_reply_length=longest,
            **self._connected(item),
        )

    def _smtp(self, item: Item) -> Iterator[SmtpCheck]:
        """A ``host`` block is a connection of its own; the check's own is one too if it says where."""
        more = {"helo_name": item.get("helo_name")} if item.last("helo_name") is not None else {}
        hosts = list(item.all("host"))
        if not hosts or item.last("connect_ip", "connect_port", "bindto", "bind_port", "bind_if", "fwmark"):
            yield SmtpCheck(**self._connected(item), **more)
        outer = Checks(self._address, self._port, self._above.under(item), self._known, self._context)
        for host in hosts:
            yield SmtpCheck(**outer._connected(host), **more)

    def _dns(self, item: Item) -> DnsCheck:
        common = self._connected(item, retry=3, delay_before_retry=None)
        return DnsCheck(type=item.get("type", "SOA"), name=item.get("name", "."), **common)

    def _misc(self, item: Item) -> Iterator[MiscCheck]:
        owner = None
        if (user := item.last("user")) is not None:
            owner = self._known.commands.owner_of(user.value, user.node.place(1))
            if owner is None:
                return
        script = self._known.commands.script(item.last("misc_path"), owner)
        if script is None:
            return  # said by the row
        yield MiscCheck(
            script=script,
            misc_timeout=item.get("misc_timeout", 0.0),
            misc_dynamic=item.last("misc_dynamic") is not None,
            connect_ip=self._address,
            connect_port=self._port,
            **self._scheduled(item, 0, 1.0),
        )

    def _file(self, item: Item) -> Iterator[FileCheck]:
        named = item.last("track_file")
        if named is None:
            return
        file = self._known.files.get(named.value)
        if file is None:
            message = f"FILE_CHECK: there is no track_file '{named.value}' before this: left out"
            self._context.report.add("LB0315", message, named.node.place(1))
            return
        weight: Weight = item.get("weight", Weight(file.weight, file.reverse))
        yield FileCheck(
            track_file=named.value,
            path=file.path,
            weight=weight.weight,
            reverse=weight.reverse,
            alpha=self._above.alpha,
        )

    def _bfd(self, item: Item) -> Iterator[BfdCheck]:
        named = item.last("name")
        if named is None:
            return
        if named.value not in self._known.bfds:
            message = f"BFD_CHECK: there is no bfd_instance '{named.value}': left out"
            self._context.report.add("LB0315", message, named.node.place(1))
            return
        yield BfdCheck(name=named.value, alpha=item.get("alpha", False))
