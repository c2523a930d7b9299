# SPDX-License-Identifier: Apache-2.0
"""``genhash``: the MD5 that ``digest`` of HTTP_GET and SSL_GET expects, asked of a server as a check asks.

keepalived's options, output and exit codes (genhash(1)): 1 for a wrong command line, 0 for everything else.
"""

from __future__ import annotations

import asyncio
import getopt
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from lbd.healthcheck.connect import Stage, attempt, connected
from lbd.healthcheck.http import PlainStream, Stream, ask
from lbd.healthcheck.https import sni
from lbd.healthcheck.probe import OK, Failure, Outcome
from lbd.healthcheck.response import Response
from lbd.healthcheck.tls import TlsStream
from lbd.model.check import HttpUrl, SslGet

_FOR_EVER = 4294967.0
"""keepalived's timeout where none is given, in seconds."""
_LONG = {
    "help": "h",
    "verbose": "v",
    "use-ssl": "S",
    "use-sni": "I",
    "server=": "s:",
    "use-virtualhost=": "V:",
    "port=": "p:",
    "url=": "u:",
    "fwmark=": "m:",
    "protocol=": "P:",
    "timeout=": "t:",
}
_USAGE = """Usage: {0} COMMAND [OPTIONS]
Commands:
   -s server-address -p port -u url
   -S -s server-address -p port -u url
   -h

Options, short or long:
   -S  --use-ssl          ask over TLS
   -I  --use-sni          name the virtualhost (-V) in the TLS handshake
   -s  --server           address of the server
   -p  --port             its port
   -u  --url              path to ask for
   -V  --use-virtualhost  Host: of the request
   -v  --verbose          show the answer, too
   -h  --help             this list
   -m  --fwmark           mark of the packets
   -P  --protocol         version of HTTP: 1.0, 1.0c (with Connection: close) or 1.1
   -t  --timeout          seconds
"""
_WORDS: dict[Failure | None, str] = {
    Failure.TIMED_OUT: "Timeout connecting",
    Failure.SILENT: "Timeout WEB read",
    Failure.TLS: "SSL handshake/communication error connecting to",
    Failure.RESET: "Read error with",
}


class UsageError(Exception):
    """The text says what is wrong; empty: the list of options says all."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    check: SslGet
    tls: bool
    verbose: bool


def parse(words: Sequence[str]) -> Order:
    """Raises UsageError."""
    try:
        options, rest = getopt.gnu_getopt(list(words), "".join(_LONG.values()), list(_LONG))
    except getopt.GetoptError as error:
        name = f"-{error.opt}" if len(error.opt) == 1 else f"--{error.opt}"
        what = "Missing parameter for option" if "requires" in error.msg else "Unknown option"
        raise UsageError(f"{what} {name}") from None
    if rest:
        raise UsageError(f"Unexpected argument(s): {' '.join(rest)}")
    short = {f"--{long.rstrip('=')}": f"-{letter[0]}" for long, letter in _LONG.items()}
    given = {short.get(name, name): value for name, value in options}
    if "-h" in given or not {"-s", "-p", "-u"} <= given.keys():
        raise UsageError
    return Order(check=_check(given), tls="-S" in given, verbose="-v" in given)


def _check(given: dict[str, str]) -> SslGet:
    try:
        server = str(ip_address(given["-s"]))
    except ValueError:
        raise UsageError(f"server should be an IP, not {given['-s']}") from None
    protocol = {"1.0": "1.0", "1.0c": "1.0C", "1.0C": "1.0C", "1.1": "1.1"}.get(given.get("-P", "1.0"))
    if protocol is None:
        raise UsageError(f"invalid HTTP protocol version '{given['-P']}'")
    return SslGet(
        connect_ip=server,
        connect_port=_number(given["-p"], "port number", 1, 65535),
        connect_timeout=_number(given["-t"], "timeout", 0, 4294967295) if "-t" in given else _FOR_EVER,
        fwmark=_number(given.get("-m", "0"), "fwmark", 0, 4294967295),
        urls=(HttpUrl(path=given["-u"], digest=""),),
        virtualhost=given.get("-V"),
        http_protocol=protocol,
        enable_sni="-I" in given,
        sni_virtualhost=given.get("-V"),
    )


def _number(text: str, what: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UsageError(f"invalid {what} '{text}'")
    return int(text)


class Shown:
    """What -v shows of an answer, as it comes."""

    def __init__(self) -> None:
        self._head: bytes | None = b""

    def hear(self, data: bytes) -> None:
        if self._head is None:
            print(dump(data))
            return
        self._head += data
        head, end, body = self._head.partition(b"\r\n\r\n")
        if end:
            self._head = None
            print(_title("   HTTP Header Buffer   "), dump(head + end), sep="\n")
            print(_title("HTTP Header Ascii Buffer"), (head + end).decode("latin-1"), sep="\n")
            if body:
                print(_title("       HTML Buffer       "), dump(body), sep="\n")


def dump(data: bytes) -> str:
    """Sixteen bytes a line: offset, hexadecimal, and the letters."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        octets = [f"{byte:02x} " for byte in row] + ["   "] * (16 - len(row))
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:04d}  {''.join(octets[:8])}- {''.join(octets[8:])}  {letters:16}")
    return "\n".join(lines)


def _title(words: str) -> str:
    return f"-----------------------[ {words} ]-----------------------"


async def fetch(order: Order, response: Response, shown: Shown | None) -> Outcome:
    check, url = order.check, order.check.urls[0]

    async def talk(stage: Stage) -> Outcome:
        with await connected(check) as sock:
            stream: Stream = PlainStream(sock)
            if order.tls:
                stream = tls = TlsStream(sock, None, sni(check, url))
                await tls.handshake()
            heard = shown.hear if shown else lambda data: None
            await ask(stream, check, url, response, stage, heard)
        return OK

    return await attempt(check, talk)


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if len(words) < 2:
            raise UsageError
        order = parse(words)
    except UsageError as error:
        print(*[str(error)] if str(error) else [], _USAGE.format(sys.argv[0]), sep="\n", file=sys.stderr)
        return 1
    began, response = time.monotonic(), Response(digest=True)
    try:
        outcome = asyncio.run(fetch(order, response, Shown() if order.verbose else None))
    except KeyboardInterrupt:
        return 0
    if outcome.failure in (Failure.NO_DATA, Failure.GARBAGE):
        print("no data received from remote webserver", file=sys.stderr)
    elif outcome.failure:
        print(_WORDS.get(outcome.failure, "Connection failed"))
    else:
        _show(response.digest, order, time.monotonic() - began)
    return 0


def _show(digest: str, order: Order, took: float) -> None:
    if order.verbose:
        print(f"\n{_title('   HTML hash resulting   ')}\n{dump(bytes.fromhex(digest))}")
        print(_title("HTML hash final resulting"))
    print(digest)
    if order.verbose:
        url = order.check.urls[0].path
        print(f"\nGlobal response time for [{url}] = {took * 1_000_000:.0f} usecs")


if __name__ == "__main__":
    sys.exit(main())
