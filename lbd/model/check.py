# SPDX-License-Identifier: Apache-2.0
"""Health checks of a real server, as keepalived.conf(5) names them.

``None`` in an option that every check has means "inherit": checker > real server > virtual server > keepalived's
default. ``confparser`` resolves the inheritance, so in a built Config every check carries its final numbers.
"""

from __future__ import annotations

import msgspec

from lbd.model.net import Address


class _Check(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    connect_ip: Address
    connect_port: int
    bindto: Address | None = None
    bind_port: int = 0
    bind_if: str | None = None
    fwmark: int = 0
    connect_timeout: float = 5.0
    retry: int = 1
    delay_before_retry: float = 1.0
    delay_loop: float = 60.0
    warmup: float = 60.0
    alpha: bool = False
    log_all_failures: bool = False


class TcpCheck(_Check, frozen=True, kw_only=True, tag="TCP_CHECK"):
    """TCP_CHECK: the connection is established, and closed again without a byte."""


class HttpUrl(msgspec.Struct, frozen=True, kw_only=True):
    """One ``url`` block. status_codes are inclusive ranges; empty means 200-299."""

    path: str = "/"
    status_codes: tuple[tuple[int, int], ...] = ()
    digest: str | None = None
    """MD5 of the body's bytes, lower-case hex."""
    virtualhost: str | None = None


class HttpGet(_Check, frozen=True, kw_only=True, tag="HTTP_GET"):
    """HTTP_GET: the urls one after another, all must pass. Default delay_before_retry is 3 s."""

    urls: tuple[HttpUrl, ...]
    virtualhost: str | None = None
    """Of the checker, else of the real server, else of the virtual server (an url's own goes before)."""
    http_protocol: str = "1.0"
    """``1.0``, ``1.0C`` or ``1.1``."""


Check = TcpCheck | HttpGet
