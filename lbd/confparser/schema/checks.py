# SPDX-License-Identifier: Apache-2.0
"""Rows: the checks of a real_server."""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.row import (
    NOTHING,
    Block,
    Keyword,
    Missing,
    Status,
    block,
    later,
    later_bool,
    later_flag,
    works,
    works_block,
    works_bool,
)

_REPORTED = Missing.REPORTED
_NOT_LOOKED_AT = "the body is compared by digest only"
_UINT = values.number(0, 4294967295)


def _connection(retry: str, delay: str) -> list[Keyword]:
    """What every check has that opens a socket."""
    return [
        works("connect_ip", addresses.address(), "the server's", "address to connect to"),
        works("connect_port", addresses.port(), "the server's", "port to connect to"),
        works("bindto", addresses.address(), "any", "source address"),
        works("bind_port", addresses.port(), "any", "source port"),
        works("bind_if", values.INTERFACE, "any", "interface to leave by"),
        works("connect_timeout", values.seconds(0.000001), "5", "seconds for a connection"),
        works("fwmark", _UINT, "0", "mark of the packets (SO_MARK)"),
        *_schedule(retry, delay),
    ]


def _schedule(retry: str, delay: str) -> list[Keyword]:
    return [
        works("retry", _UINT, retry, "tries after the first failure"),
        works("delay_before_retry", values.seconds(high=None), delay, "seconds between tries"),
        works(
            "warmup", values.seconds(high=None), "delay_loop", "the first check comes within these seconds"
        ),
        works("delay_loop", values.seconds(0.000001, None), "60", "seconds between checks"),
        works_bool("alpha", "of the server", "down until the first success"),
        works_bool("log_all_failures", "off", "log every failing try"),
    ]


_URL = block(
    [
        works("path", values.text("a path"), "", "what is asked for; required"),
        works("digest", addresses.digest(), "none", "MD5 of the body"),
        works("status_code", addresses.status_codes(), "200-299", "codes that are a success", missing=_REPORTED),
        works("virtualhost", values.text("a host name"), "of the check", "Host: of the request", missing=_REPORTED),
        later("regex", values.text("a pattern"), "none", "pattern of the body", _NOT_LOOKED_AT, missing=_REPORTED),
        later_flag("regex_no_match", "the pattern must not be there", _NOT_LOOKED_AT),
        later("regex_options", values.rest("names"), "none", "options of the pattern", _NOT_LOOKED_AT,
              missing=_REPORTED),
        later("regex_min_offset", values.text("a number"), "0", "where the pattern may begin", _NOT_LOOKED_AT,
              missing=_REPORTED),
        later("regex_max_offset", values.text("a number"), "none", "where it ends", _NOT_LOOKED_AT,
              missing=_REPORTED),
        later("regex_stack", values.rest("START MAX"), "default", "stack of the pattern", _NOT_LOOKED_AT,
              missing=_REPORTED),
    ]
)  # fmt: skip

_HTTP = [
    *_connection("1", "3"),
    works("nb_get_retry", _UINT, "1", "retry", deprecated="retry"),
    works("virtualhost", values.text("a host name"), "of the server", "Host: of the requests", missing=_REPORTED),
    works("http_protocol", values.choice("1.0", "1.0C", "1.0c", "1.1"), "1.0", "version of the requests",
          missing=_REPORTED),
    later_bool("enable_sni", "off", "send the host name in TLS", "only SSL_GET would"),
    later("sni_name", values.text("a host name", optional=True), "virtualhost", "name for SNI",
          "only SSL_GET would", since="2.3"),
    later_bool("fast_recovery", "off", "check the urls at once while down", "they are checked one by one"),
    works_block("url", NOTHING, _URL, "one request; at least one is needed"),
]  # fmt: skip

TCP_CHECK = block(_connection("1", "1"))
HTTP_GET = block(_HTTP)
_SSL_GET = block(
    [*_HTTP, later_bool("tls_compliant", "off", "end TLS with close_notify", "it is not sent", since="2.3")]
)

_UNCHECKED = "the server is not checked by it"


def _missing(name: str, value: values.Value, meaning: str, **more: object) -> Keyword:
    """A row of a block that is left out as a whole, with one message at its head."""
    return works(name, value, "", meaning, status=Status.WORKS, **more)


_UDP = block(
    [
        *_connection("1", "1"),
        _missing("payload", values.rest("hexadecimal octets"), "what is sent", missing=_REPORTED),
        _missing("require_reply", values.rest("octets", optional=True), "no answer is a failure"),
        _missing("min_reply_length", values.number(0, 255), "shortest answer"),
        _missing("max_reply_length", values.number(0, 65535), "longest answer"),
    ]
)
_SMTP = block(
    [
        *_connection("1", "1"),
        _missing("helo_name", values.text("a name"), "name in HELO", missing=_REPORTED),
        works_block("host", NOTHING, block(_connection("1", "1")), "one connection"),
    ]
)
_DNS_TYPE = values.choice("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", any_case=True)
_DNS = block(
    [
        *_connection("3", "delay_loop"),
        _missing(
            "type",
            values.choice("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", any_case=True),
            "record to ask for",
        ),
        _missing("name", values.text("a name"), "name to ask for"),
    ]
)
_MISC = block(
    [
        *_schedule("0", "1"),
        _missing("misc_path", values.SCRIPT, "the script", missing=_REPORTED, required=True),
        _missing("misc_timeout", values.seconds(), "seconds it may run"),
        _missing("misc_dynamic", values.flag(), "its exit code is a weight"),
        _missing("user", values.rest("USER [GROUP]"), "run as", missing=_REPORTED),
    ]
)
_FILE = block(
    [
        _missing("track_file", values.text("a track_file"), "the file", required=True),
        _missing("weight", values.rest("WEIGHT [reverse]"), "factor of its value", missing=_REPORTED),
    ]
)
_BFD = block(
    [
        _missing("name", values.text("a bfd_instance"), "the session", missing=_REPORTED, required=True),
        _missing("alpha", values.boolean(), "down until the session is up"),
    ]
)


def _later_check(name: str, inner: Block, meaning: str) -> Keyword:
    return later(name, NOTHING, "", meaning, _UNCHECKED, block=inner)


CHECKS = [
    works_block("TCP_CHECK", NOTHING, TCP_CHECK, "the connection is established"),
    works_block("HTTP_GET", NOTHING, HTTP_GET, "the answers to requests are as expected"),
    _later_check("SSL_GET", _SSL_GET, "HTTP_GET over TLS"),
    _later_check("UDP_CHECK", _UDP, "the port is not refused, or answers"),
    _later_check("SMTP_CHECK", _SMTP, "a mail server greets"),
    _later_check("DNS_CHECK", _DNS, "a name server answers"),
    _later_check("MISC_CHECK", _MISC, "a script says so"),
    _later_check("PING_CHECK", block(_connection("1", "1")), "the address answers ICMP echo"),
    _later_check("FILE_CHECK", _FILE, "a file says so"),
    _later_check("BFD_CHECK", _BFD, "a BFD session is up"),
]
