# SPDX-License-Identifier: Apache-2.0
"""Health checks of a real server, as keepalived.conf(5) names them.

``confparser`` resolves inheritance (checker > real server > virtual server > keepalived's default), so in a built
Config every check carries its final numbers. Checks compare by value: equal ones are carried out once.
"""

from __future__ import annotations

import msgspec

from lbd.model.net import Address
from lbd.model.script import Script


class TrackedCheck(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What even a check without turns of its own has (FILE_CHECK, BFD_CHECK)."""

    alpha: bool = False
    """Down until its first success."""


class ScheduledCheck(TrackedCheck, frozen=True, kw_only=True):
    """What every check has that is carried out in turns."""

    retry: int = 1
    delay_before_retry: float = 1.0
    delay_loop: float = 60.0
    warmup: float = 60.0
    log_all_failures: bool = False
    rise: int = 1
    """lbd's own: so many turns in a row must succeed before a check that is down is up."""
    fall: int = 1
    """lbd's own: so many turns in a row must fail (each with its retries) before a check that is up is down."""


class ConnectedCheck(ScheduledCheck, frozen=True, kw_only=True):
    """What every check has that opens a socket."""

    connect_ip: Address
    connect_port: int
    bindto: Address | None = None
    bind_port: int = 0
    bind_if: str | None = None
    fwmark: int = 0
    connect_timeout: float = 5.0


class TcpCheck(ConnectedCheck, frozen=True, kw_only=True, tag="TCP_CHECK"):
    """TCP_CHECK: the connection is established, and closed again without a byte."""


class Regex(msgspec.Struct, frozen=True, kw_only=True):
    """``regex`` of a url: PCRE2, looked for in the body's bytes."""

    pattern: bytes
    options: tuple[str, ...] = ()
    """Names as in keepalived.conf(5), ``caseless``."""
    no_match: bool = False
    """``regex_no_match``: the pattern must not be there."""
    min_offset: int = 0
    """First byte of the body at which a match may begin."""
    max_offset: int = 0
    """The first at which it may not any more; 0: anywhere."""
    stack: tuple[int, int] | None = None
    """``regex_stack``, bytes: start and most of the matcher's stack."""


class HttpUrl(msgspec.Struct, frozen=True, kw_only=True):
    """One ``url`` block. status_codes are inclusive ranges; empty means 200-299."""

    path: str = "/"
    status_codes: tuple[tuple[int, int], ...] = ()
    digest: str | None = None
    """MD5 of the body's bytes, lower-case hex."""
    regex: Regex | None = None
    virtualhost: str | None = None
    tls_compliant: bool | None = None
    """None: as the check says."""


class HttpGet(ConnectedCheck, frozen=True, kw_only=True, tag="HTTP_GET"):
    """HTTP_GET: the urls one after another, all must pass. Default delay_before_retry is 3 s."""

    urls: tuple[HttpUrl, ...]
    virtualhost: str | None = None
    """Of the checker, else of the real server, else of the virtual server (an url's own goes before)."""
    http_protocol: str = "1.0"
    """``1.0``, ``1.0C`` or ``1.1``."""
    fast_recovery: bool = False
    """While down, the urls after one that passed follow at once."""


class Ssl(msgspec.Struct, frozen=True, kw_only=True):
    """The ``SSL`` block: what a client shows to servers. Paths of PEM files."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    password: str | None = None
    """Of the key; never logged or shown."""

    def __repr__(self) -> str:
        return f"Ssl(ca={self.ca!r}, certificate={self.certificate!r}, key={self.key!r})"


class SslGet(HttpGet, frozen=True, kw_only=True, tag="SSL_GET"):
    """SSL_GET: HTTP_GET over TLS. Certificates of servers are not verified, as in keepalived."""

    enable_sni: bool = False
    sni_name: str | None = None
    """``sni_name NAME``: before every virtualhost."""
    sni_virtualhost: str | None = None
    """Of the checker, else of the virtual server (keepalived passes over the real server's); an url's goes before."""
    tls_compliant: bool = False
    """End TLS with close_notify."""
    ssl: Ssl | None = None


class SmtpCheck(ConnectedCheck, frozen=True, kw_only=True, tag="SMTP_CHECK"):
    """SMTP_CHECK: 220, HELO, 250, QUIT. Each ``host`` block is a check of its own, as keepalived has it; the block's
    own connection is one, too, if it says anything of it or there are no hosts."""

    helo_name: str = "smtpchecker.keepalived.org"


class DnsCheck(ConnectedCheck, frozen=True, kw_only=True, tag="DNS_CHECK"):
    """DNS_CHECK: an answer with rcode NOERROR, whatever it holds. Default retry is 3, delay_before_retry delay_loop."""

    type: str = "SOA"
    """Upper case."""
    name: str = "."


class UdpCheck(ConnectedCheck, frozen=True, kw_only=True, tag="UDP_CHECK"):
    """UDP_CHECK: no ICMP error comes back; with require_reply, the answer has to come."""

    payload: bytes = b""
    require_reply: bool = False
    reply: bytes = b""
    """What the answer must begin with, as far as both reach; empty: any answer will do."""
    reply_mask: bytes = b""
    """Bits of ``reply`` that do not matter (``x`` digits); as long as reply, or empty: all matter."""
    min_reply_length: int = 0
    max_reply_length: int = 255


class PingCheck(ConnectedCheck, frozen=True, kw_only=True, tag="PING_CHECK"):
    """PING_CHECK: ICMP echo. The port is of no use, and part of its name in the log."""


class MiscCheck(ScheduledCheck, frozen=True, kw_only=True, tag="MISC_CHECK"):
    """MISC_CHECK: a script says so by its exit code. Default retry is 0."""

    script: Script
    """``misc_path``, and ``user``."""
    misc_timeout: float = 0.0
    """0: delay_loop."""
    misc_dynamic: bool = False
    connect_ip: Address = ""
    """Of the real server: for the log only."""
    connect_port: int = 0


class FileCheck(TrackedCheck, frozen=True, kw_only=True, tag="FILE_CHECK"):
    """FILE_CHECK: the number in a track_file, times weight, is added to the server's; weight 0: not 0 is a failure."""

    track_file: str
    """The name of the ``track_file``."""
    path: str
    weight: int = 0
    """Of the check, else of the track_file."""
    reverse: bool = False


class BfdCheck(TrackedCheck, frozen=True, kw_only=True, tag="BFD_CHECK"):
    """BFD_CHECK: up while the session is."""

    name: str
    """Of the ``bfd_instance``."""


Check = (
    TcpCheck
    | HttpGet
    | SslGet
    | SmtpCheck
    | DnsCheck
    | UdpCheck
    | PingCheck
    | MiscCheck
    | FileCheck
    | BfdCheck
)
