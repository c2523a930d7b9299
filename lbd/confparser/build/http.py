# SPDX-License-Identifier: Apache-2.0
"""HTTP_GET and SSL_GET with their urls and patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import HttpGet, HttpUrl, Regex, Ssl, SslGet

if TYPE_CHECKING:
    from lbd.confparser.build.checks import Inherited

_OF_REGEX = ("regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset", "regex_stack")


def checks(
    item: Item, common: Mapping[str, Any], above: Inherited, ssl: Ssl | None, context: Context
) -> Iterator[HttpGet]:
    """One check, or none without a url."""
    urls = tuple(url for inner in item.all("url") if (url := _url(inner, context)) is not None)
    if not urls:
        # keepalived 2.2.7 ends with a segmentation fault here.
        message = f"{item.name} has no url with a path: the check is left out"
        context.report.add("LB0501", message, item.node.place(), expected="url { path PATH }")
        return
    version = item.get("http_protocol", "1.0")
    shared: dict[str, Any] = {
        "urls": urls,
        "virtualhost": item.get("virtualhost", above.virtualhost),
        "http_protocol": "1.0C" if version == "1.0c" else version,
        "fast_recovery": item.get("fast_recovery", False),
        **common,
    }
    if item.name == "HTTP_GET":
        yield HttpGet(**shared)
        return
    name = item.last("sni_name")
    yield SslGet(
        enable_sni=item.get("enable_sni", False) or name is not None,
        sni_name=name.value if name is not None else None,
        sni_virtualhost=item.get("virtualhost", above.sni_virtualhost),
        tls_compliant=item.get("tls_compliant", False),
        ssl=ssl,
        **shared,
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
        regex=_regex(item, context),
        virtualhost=item.get("virtualhost"),
        tls_compliant=item.get("tls_compliant"),
    )


def _regex(item: Item, context: Context) -> Regex | None:
    pattern = item.last("regex")
    if pattern is None:
        lonely = item.last(*_OF_REGEX)
        if lonely is not None:
            context.report.add("LB0506", f"{lonely.name} without regex: ignored", lonely.node.place())
        return None
    first, last = item.get("regex_min_offset", 0), item.get("regex_max_offset", 0)
    if last and first >= last:
        message = f"regex_min_offset {first} is not below regex_max_offset {last}: both are ignored"
        context.report.add("LB0506", message, (item.last("regex_max_offset") or item).node.place(1))
        first = last = 0
    stack = item.get("regex_stack")
    if stack is not None and stack[0] > stack[1]:
        message = f"regex_stack begins with {stack[0]}, above its limit {stack[1]}: ignored"
        context.report.add("LB0506", message, (item.last("regex_stack") or item).node.place(1))
        stack = None
    return Regex(
        pattern=pattern.value.encode("utf-8", "surrogateescape"),
        options=tuple(dict.fromkeys(item.get("regex_options", ()))),
        no_match=item.last("regex_no_match") is not None,
        min_offset=first,
        max_offset=last,
        stack=stack,
    )
