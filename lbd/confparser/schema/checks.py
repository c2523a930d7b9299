# SPDX-License-Identifier: Apache-2.0
"""Rows: the checks of a real_server."""

from __future__ import annotations

from lbd.confparser import addresses, octets, tracked, values
from lbd.confparser.quoting import Quoting
from lbd.confparser.schema.row import (
    NOTHING,
    Keyword,
    Missing,
    block,
    inert,
    of,
    works,
    works_block,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_PATTERN = values.text("a pattern", quoting=Quoting.ESCAPED)
_UINT = values.number(0, 4294967295)


REGEX_OPTIONS = (
    "allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall", "dupnames", "extended",
    "firstline", "match_unset_backref", "multiline", "never_ucp", "never_utf", "no_auto_capture", "no_auto_possess",
    "no_dotstar_anchor", "no_start_optimize", "ucp", "ungreedy", "utf", "never_backslash_c", "alt_circumflex",
    "alt_verbnames", "use_offset_limit",
)  # fmt: skip
"""PCRE2's, as keepalived.conf(5) spells them."""


def _names(known: tuple[str, ...]) -> values.Value:
    """Any of them; another word is said and passed over."""
    expected = "names of PCRE2 options, such as caseless"
    one = values.word(values.convert_choice(known, False), expected, soft=True)
    return values.Value(one[1, ...], expected, make=tuple)


def _two_numbers(expected: str) -> values.Value:
    number = values.word(values.convert_int(0, 4294967295), expected)
    return values.Value(number + number, expected, make=tuple)


def _connection(retry: str, delay: str) -> list[Keyword]:
    """What every check has that opens a socket."""
    return [
        works("connect_ip", addresses.address(), "the server's", "address to connect to"),
        works("connect_port", addresses.port(), "the server's", "port to connect to"),
        works("bindto", addresses.address(), "any", "source address"),
        works("bind_port", addresses.port(), "any", "source port"),
        works("bind_if", values.INTERFACE, "any", "interface to leave by"),
        works(
            "connect_timeout", values.seconds(0.000001), "of the server, else 5", "seconds for a connection"
        ),
        works("fwmark", _UINT, "0", "mark of the packets (SO_MARK), for routing rules"),
        *_schedule(retry, delay),
    ]


def _schedule(retry: str, delay: str) -> list[Keyword]:
    of_server = "of the server, else"
    return [
        works("retry", _UINT, f"{of_server} {retry}", "tries after the first failure"),
        works("delay_before_retry", values.seconds(high=None), f"{of_server} {delay}", "seconds between tries"),
        works("warmup", values.seconds(high=None), f"{of_server} delay_loop",
              "the first check comes within these seconds"),
        works("delay_loop", values.seconds(0.000001, None), f"{of_server} 60", "seconds between checks"),
        works_bool("alpha", "of the server", "down until the first success"),
        works_bool("log_all_failures", "checker_log_all_failures", "log every failing try"),
        works("rise", values.number(1), "1", "successes in a row until a check that is down is up", source="lbd"),
        works("fall", values.number(1), "1", "failures in a row until a check that is up is down", source="lbd"),
    ]  # fmt: skip


_URL = [
    works("path", values.text("a path"), "", "what is asked for; required"),
    works("digest", addresses.digest(), "none", "MD5 of the body, as genhash prints it"),
    works("status_code", addresses.status_codes(), "200-299", "codes that are a success", missing=_REPORTED,
          fields=("HttpUrl.status_codes",)),
    works("virtualhost", values.text("a host name"), "of the check", "Host: of the request", missing=_REPORTED),
    works("regex", _PATTERN, "none", "pattern that the body must have (PCRE2)",
          missing=_REPORTED, fields=("HttpUrl.regex", "Regex.pattern")),
    works_flag("regex_no_match", "the body must not have the pattern", fields=("Regex.no_match",)),
    works("regex_options", _names(REGEX_OPTIONS), "none", "options of PCRE2 for the pattern", missing=_REPORTED,
          passed_over=True, fields=("Regex.options",)),
    works("regex_min_offset", _UINT, "0", "first octet at which a match may begin", missing=_REPORTED,
          passed_over=True, fields=("Regex.min_offset",)),
    works("regex_max_offset", _UINT, "none", "first octet at which it may not any more", missing=_REPORTED,
          passed_over=True, fields=("Regex.max_offset",)),
    inert("regex_stack", _two_numbers("START MAX"), "of PCRE2", "octets of stack for its compiler",
          "lbd gives it none of its own: memory is bounded otherwise", missing=_REPORTED, passed_over=True,
          fields=("Regex.stack",)),
]  # fmt: skip
_CLOSE = works_bool("tls_compliant", "off", "end TLS with close_notify", since="2.2.8")
_SNI = ("enable_sni", values.boolean(), "off", "send the host name in TLS")
_SNI_NAME = ("sni_name", values.text("a host name", optional=True), "virtualhost", "name to send in TLS")
_ONLY_TLS = "HTTP_GET has no TLS: SSL_GET"


def _http(url: list[Keyword]) -> list[Keyword]:
    return [
        *_connection("1", "3"),
        works("nb_get_retry", _UINT, "1", "retry", deprecated="retry", fields=("HttpGet.retry",)),
        works("virtualhost", values.text("a host name"), "of the server", "Host: of the requests", missing=_REPORTED),
        works("http_protocol", values.choice("1.0", "1.0C", "1.0c", "1.1"), "1.0",
              "version of the requests; 1.0C and 1.1 say Connection: close", missing=_REPORTED),
        works_bool("fast_recovery", "off", "while it is down, the urls after one that passed follow at once"),
        works_block("url", NOTHING, block(of("HttpUrl", url)), "one request; at least one is needed",
                    fields=("HttpGet.urls",)),
    ]  # fmt: skip


TCP_CHECK = block(of("TcpCheck", _connection("1", "1")))
HTTP_GET = block(
    of("HttpGet", [*_http(_URL), inert(*_SNI, _ONLY_TLS), inert(*_SNI_NAME, _ONLY_TLS, since="2.4")])
)
_SSL_GET = block(
    of("SslGet", [*_http([*_URL, _CLOSE]), works(*_SNI), works(*_SNI_NAME, since="2.4"), _CLOSE])
)
_SMALL = values.number(0, 65535)
_UDP = block(of("UdpCheck", [
    *_connection("1", "1"),
    works("payload", octets.octets(wildcards=False), "nothing", "what is sent", missing=_REPORTED),
    works("require_reply", octets.octets(wildcards=True), "off; bare any",
          "no answer is a failure, and it must begin like this",
          fields=("UdpCheck.require_reply", "UdpCheck.reply", "UdpCheck.reply_mask")),
    works("min_reply_length", _SMALL, "0", "shortest answer that is a success"),
    works("max_reply_length", _SMALL, "255", "longest answer that is a success"),
]))  # fmt: skip
_HOST = block(of("SmtpCheck", _connection("1", "1")))
_SMTP = block(of("SmtpCheck", [
    *_connection("1", "1"),
    works("helo_name", values.text("a name"), "smtpchecker.keepalived.org", "name in HELO", missing=_REPORTED),
    works_block("host", NOTHING, _HOST, "a connection of its own; old form", fields=("RealServer.checks",)),
]))  # fmt: skip
_DNS_TYPE = values.choice("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY", any_case=True)
_DNS = block(of("DnsCheck", [
    *_connection("3", "delay_loop"),
    works("type", _DNS_TYPE, "SOA", "record to ask for"),
    works("name", values.text("a name"), ". (the root)", "name to ask for"),
]))  # fmt: skip
_MISC = block(of("MiscCheck", [
    *_schedule("0", "1"),
    works("misc_path", values.SCRIPT, "", "the command; required", missing=_REPORTED, required=True,
          fields=("MiscCheck.script",)),
    works("misc_timeout", values.seconds(), "delay_loop", "seconds it may run"),
    works_flag("misc_dynamic", "exit codes from 2 up are its weight plus 2"),
    works("user", values.rest("USER [GROUP]"), "script_user", "who runs it", missing=_REPORTED,
          fields=("Script.uid", "Script.gid")),
]))  # fmt: skip
_PING = block(of("PingCheck", _connection("1", "1")))
_FILE = block(of("FileCheck", [
    works("track_file", values.text("a track_file"), "", "the file; required", required=True),
    works("weight", tracked.weight(-2147483647, 2147483647), "of the track_file",
          "factor of its value; 0: any value but 0 is down", missing=_REPORTED,
          fields=("FileCheck.weight", "FileCheck.reverse")),
]))  # fmt: skip
_BFD = block(of("BfdCheck", [
    works("name", values.text("a bfd_instance"), "", "the session; required", missing=_REPORTED, required=True),
    works_bool("alpha", "off", "down until the session is up"),
]))  # fmt: skip

_FIELD = ("RealServer.checks",)


CHECKS = [
    works_block("TCP_CHECK", NOTHING, TCP_CHECK, "the connection is established", fields=_FIELD),
    works_block("HTTP_GET", NOTHING, HTTP_GET, "the answers to requests are as expected", fields=_FIELD),
    works_block("SSL_GET", NOTHING, _SSL_GET, "HTTP_GET over TLS", fields=_FIELD),
    works_block("UDP_CHECK", NOTHING, _UDP, "the port is not refused, or answers", fields=_FIELD),
    works_block("SMTP_CHECK", NOTHING, _SMTP, "a mail server greets", fields=_FIELD),
    works_block("DNS_CHECK", NOTHING, _DNS, "a name server answers", fields=_FIELD),
    works_block("MISC_CHECK", NOTHING, _MISC, "a script says so", fields=_FIELD),
    works_block("PING_CHECK", NOTHING, _PING, "the address answers ICMP echo", fields=_FIELD),
    works_block("FILE_CHECK", NOTHING, _FILE, "the number in a file says so", fields=_FIELD),
    works_block("BFD_CHECK", NOTHING, _BFD, "a BFD session is up", fields=_FIELD),
]
