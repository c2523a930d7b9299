# SPDX-License-Identifier: Apache-2.0
"""TCP_CHECK and HTTP_GET with their numbers resolved: checker > real server > virtual server > default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import Check, HttpGet, HttpUrl, TcpCheck

_HTTP_DELAY_BEFORE_RETRY = 3.0
_DELAY_LOOP = 60.0


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a virtual server and a real server hand down; None is "not said"."""

    delay_loop: float | None = None
    retry: int | None = None
    delay_before_retry: float | None = None
    warmup: float | None = None
    connect_timeout: float | None = None
    virtualhost: str | None = None
    alpha: bool = False
    log_all_failures: bool = False

    def under(self, item: Item) -> Inherited:
        """With what ``item`` says itself in front."""
        said: dict[str, Any] = {}
        for inner in item.items or ():
            if inner.name in _NAMES:
                said[inner.name] = inner.value
        if not said:
            return self
        return Inherited(**{name: said.get(name, getattr(self, name)) for name in _NAMES})


_NAMES = frozenset(Inherited.__dataclass_fields__)


def build(items: Sequence[Item], address: str, port: int, above: Inherited, context: Context) -> tuple[Check, ...]:
    found: list[Check] = []
    for item in items:
        if item.name == "TCP_CHECK":
            found.append(TcpCheck(**_common(item, address, port, above, 1.0)))
        elif item.name == "HTTP_GET":
            check = _http(item, address, port, above, context)
            if check is not None:
                found.append(check)
    return tuple(found)


def _common(item: Item, address: str, port: int, above: Inherited, delay_before_retry: float) -> dict[str, Any]:
    said = {inner.name: inner.value for inner in item.items or ()}
    if "nb_get_retry" in said:
        said.setdefault("retry", said["nb_get_retry"])

    def resolved(name: str, default: Any) -> Any:
        value = said.get(name)
        if value is None:
            value = getattr(above, name)
        return default if value is None else value

    delay_loop = resolved("delay_loop", _DELAY_LOOP)
    return {
        "connect_ip": said.get("connect_ip", address),
        "connect_port": said.get("connect_port", port),
        "bindto": said.get("bindto"),
        "bind_port": said.get("bind_port", 0),
        "bind_if": said.get("bind_if"),
        "fwmark": said.get("fwmark", 0),
        "connect_timeout": resolved("connect_timeout", 5.0),
        "retry": resolved("retry", 1),
        "delay_before_retry": resolved("delay_before_retry", delay_before_retry),
        "delay_loop": delay_loop,
        "warmup": resolved("warmup", delay_loop),
        "alpha": resolved("alpha", False),
        "log_all_failures": resolved("log_all_failures", False),
    }


def _http(item: Item, address: str, port: int, above: Inherited, context: Context) -> HttpGet | None:
    urls = tuple(url for inner in item.all("url") if (url := _url(inner, context)) is not None)
    if not urls:
        # keepalived 2.2.7 ends with a segmentation fault here.
        message = "HTTP_GET has no url with a path: the check is left out"
        context.report.add("LB0501", message, item.node.place(), expected="url { path PATH }")
        return None
    version = item.get("http_protocol", "1.0")
    return HttpGet(
        urls=urls,
        virtualhost=item.get("virtualhost", above.virtualhost),
        http_protocol="1.0C" if version == "1.0c" else version,
        **_common(item, address, port, above, _HTTP_DELAY_BEFORE_RETRY),
    )


def _url(item: Item, context: Context) -> HttpUrl | None:
    path = item.get("path")
    if path is None:
        context.report.add("LB0502", "an url without path: ignored", item.node.place(), expected="path PATH")
        return None
    return HttpUrl(
        path=path,
        status_codes=item.get("status_code", ()),
        digest=item.get("digest"),
        virtualhost=item.get("virtualhost"),
    )
