# SPDX-License-Identifier: Apache-2.0
"""The text of iptables-save(8) and ip6tables-save(8) as rules; options as in iptables-extensions(8)."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lbd.kernel.firewall.rule import (
    EVERY_MARK,
    WITH_PORTS,
    Accept,
    Action,
    Chain,
    Divert,
    Drop,
    Interfaces,
    Jump,
    Macs,
    MarkIs,
    Match,
    Return,
    Rule,
    SetMark,
    Table,
    Unknown,
)
from lbd.kernel.firewall.spans import (
    MOST_ADDRESS,
    MOST_PORT,
    MOST_PROTOCOL,
    Spans,
    addresses,
    complement,
    union,
)

Sets = Mapping[str, tuple[Match, ...]]
"""ipsets as matches for the direction ``src``; see ``ipset.py``."""

HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}
PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
"""NF_IP_PRI_*, linux/netfilter_ipv4.h; nat of INPUT is 100 and changes no destination."""
HARMLESS = frozenset(
    {"LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "NOTRACK", "CT", "CHECKSUM", "TCPMSS", "TTL", "HL", "DSCP"}
    | {
        "TOS",
        "SET",
        "CLASSIFY",
        "CONNSECMARK",
        "SECMARK",
        "LED",
        "IDLETIMER",
        "ECN",
        "RATEEST",
        "TCPOPTSTRIP",
    }
    | {"SNAT", "MASQUERADE", "NETMAP", "TEE"}
)
"""Targets that neither end a packet nor mark it."""
SYN = frozenset({"SYN"})


class _Never(Exception):  # noqa: N818  an answer, not an error
    """No first packet of a connection is meant."""


class _Draft:
    """A rule while its words are read."""

    def __init__(self, family: int, sets: Sets) -> None:
        self.family, self.sets = family, sets
        self.match = Match(family=family)
        self.others: list[tuple[Match, ...]] = []
        """Unions, one a condition: of sets, and of ``--ports``."""
        self.target: list[str] = []
        self.back = True

    def narrow(self, **more: Any) -> None:
        """Raises _Never."""
        both = self.match.both(Match(**more))
        if both is None:
            raise _Never
        self.match = both

    def parts(self) -> list[Match]:
        found = [self.match]
        for union_ in self.others:
            found = [both for one in found for two in union_ if (both := one.both(two)) is not None]
        return found


# --- values


def protocols(word: str) -> Spans | None:
    """A number, a name of /etc/protocols, or all."""
    if word in ("all", "0"):
        return None
    number = int(word) if word.isdecimal() else socket.getprotobyname(word)
    return ((number, number),)


def ports(word: str) -> Spans:
    """``80``, ``1024:65535``, ``:1023``, and lists of them."""
    found = []
    for piece in word.split(","):
        low, colon, high = piece.partition(":")
        first = int(low) if low else 0
        found.append((first, (int(high) if high else MOST_PORT) if colon else first))
    return union(found)


def _address(draft: _Draft, side: str, word: str, but: bool) -> None:
    spans = union(addresses(piece)[1] for piece in word.split(","))
    draft.narrow(**{side: complement(spans, MOST_ADDRESS[draft.family]) if but else spans})


def _ports(draft: _Draft, side: str, word: str, but: bool) -> None:
    spans = ports(word)
    draft.narrow(protocols=WITH_PORTS, **{side: complement(spans, MOST_PORT) if but else spans})


def _either_port(draft: _Draft, word: str, but: bool) -> None:
    spans = ports(word)
    if but:
        spans = complement(spans, MOST_PORT)
        draft.narrow(protocols=WITH_PORTS, sport=spans, dport=spans)
        return
    rest = complement(spans, MOST_PORT)
    draft.others.append(
        (Match(protocols=WITH_PORTS, sport=spans), Match(protocols=WITH_PORTS, sport=rest, dport=spans))
    )


def _protocol(draft: _Draft, word: str, but: bool) -> None:
    spans = protocols(word)
    if spans is not None:
        draft.narrow(protocols=complement(spans, MOST_PROTOCOL) if but else spans)
    elif but:
        raise _Never


def _interface(draft: _Draft, word: str, but: bool) -> None:
    pattern = word[:-1] + "*" if word.endswith("+") else word
    draft.narrow(interfaces=(Interfaces((pattern,), but),))


def _mac(draft: _Draft, word: str, but: bool) -> None:
    draft.narrow(macs=(Macs((bytes.fromhex(word.replace(":", "")),), but),))


def _numbers(word: str) -> tuple[int, int]:
    value, slash, mask = word.partition("/")
    return int(value, 0), int(mask, 0) if slash else EVERY_MARK


def _mark(draft: _Draft, word: str, but: bool) -> None:
    draft.narrow(marks=(MarkIs(*_numbers(word), but),))


def _connmark(_: _Draft, word: str, but: bool) -> None:
    """That of a connection that begins is 0."""
    value, mask = _numbers(word)
    if (value & mask == 0) == but:
        raise _Never


def _state(_: _Draft, word: str, but: bool) -> None:
    if ("NEW" in word.split(",")) == but:
        raise _Never


def _direction(_: _Draft, word: str, but: bool) -> None:
    if (word == "ORIGINAL") == but:
        raise _Never


def _flags(draft: _Draft, mask: str, set_: str, but: bool) -> None:
    asked = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"} if mask == "ALL" else set(mask.split(","))
    there = set() if set_ == "NONE" else set(set_.split(","))
    draft.narrow(protocols=((6, 6),))
    if ((asked & SYN) == there) == but:
        raise _Never


def _address_type(draft: _Draft, word: str, but: bool) -> None:
    if word == "LOCAL":
        draft.narrow(local=not but)
    elif word in ("UNICAST", "BROADCAST", "MULTICAST", "ANYCAST", "UNSPEC", "BLACKHOLE"):
        # an address that is balanced is local, and none of these is
        draft.narrow(**({} if but else {"local": False, "unknown": (f"--dst-type {word}",)}))
    else:
        draft.narrow(unknown=(f"--dst-type {word}",))


def _set(draft: _Draft, name: str, directions: str, but: bool) -> None:
    known = draft.sets.get(name)
    sides = directions.split(",")
    words = f"--match-set {name} {directions}"
    if known is None or (but and not _one_dimension(known)):
        draft.narrow(unknown=(f"! {words}" if but else words,))
        return
    turned = tuple(_turned(one, sides) for one in known if one.family in (0, draft.family))
    if not but:
        draft.others.append(turned)
        return
    for one in turned:
        for side in ("saddr", "daddr"):
            spans = getattr(one, side)
            if spans is not None:
                draft.narrow(**{side: complement(spans, MOST_ADDRESS[draft.family])})


def _one_dimension(known: tuple[Match, ...]) -> bool:
    return all(one.sport is None and one.saddr is not None for one in known)


def _turned(one: Match, sides: list[str]) -> Match:
    """As it is for ``src``; the first direction is that of the address, the last that of the port."""
    first, last = sides[0], sides[-1]
    port = "dport" if last == "dst" else "sport"
    sides_of: dict[str, Any] = {"daddr" if first == "dst" else "saddr": one.saddr}
    if one.sport is not None:
        sides_of[port] = one.sport
    return Match(family=one.family, protocols=one.protocols, **sides_of)


ONE: dict[str, Callable[[_Draft, str, bool], None]] = {
    "-s": lambda d, w, b: _address(d, "saddr", w, b),
    "-d": lambda d, w, b: _address(d, "daddr", w, b),
    "--src-range": lambda d, w, b: _address(d, "saddr", w, b),
    "--dst-range": lambda d, w, b: _address(d, "daddr", w, b),
    "-p": _protocol,
    "-i": _interface,
    "--sport": lambda d, w, b: _ports(d, "sport", w, b),
    "--dport": lambda d, w, b: _ports(d, "dport", w, b),
    "--sports": lambda d, w, b: _ports(d, "sport", w, b),
    "--dports": lambda d, w, b: _ports(d, "dport", w, b),
    "--ports": _either_port,
    "--mac-source": _mac,
    "--ctstate": _state,
    "--state": _state,
    "--ctdir": _direction,
    "--dst-type": _address_type,
}
MODULES_WITH_MARK = {"mark": _mark, "connmark": _connmark}
PASSED_OVER = frozenset({"--comment", "-c"})


def _words(line: str) -> Iterator[tuple[bool, str, list[str]]]:
    """(negated, option, its words), in order."""
    but, option, args = False, "", list[str]()
    for word in shlex.split(line):
        if option == "--comment" and not args:
            args.append(word)  # whatever it begins with
        elif word == "!" or (word.startswith("-") and len(word) > 1 and not word[1:].isdecimal()):
            if option:
                yield but, option, args
                but, option, args = False, "", []
            if word == "!":
                but = True
            else:
                option = word
        else:
            args.append(word)
    if option:
        yield but, option, args


def _read(draft: _Draft, words: Iterable[tuple[bool, str, list[str]]]) -> None:
    """Raises _Never, ValueError and OSError (a name of a protocol)."""
    module = ""
    for but, option, args in words:
        if option == "-m":
            module = args[0]
        elif option in ("-j", "-g"):
            draft.target, draft.back = [*args], option == "-j"
        elif draft.target:
            draft.target += [option, *args]
        elif option in PASSED_OVER:
            continue
        elif option == "--mark" and module in MODULES_WITH_MARK:
            MODULES_WITH_MARK[module](draft, args[0], but)
        elif option == "--tcp-flags":
            _flags(draft, args[0], args[1], but)
        elif option == "--match-set":
            _set(draft, args[0], args[1], but)
        elif option == "-f":
            if not but:
                raise _Never  # a later fragment begins nothing
        elif option in ONE and len(args) == 1:
            ONE[option](draft, args[0], but)
        else:
            draft.narrow(unknown=(" ".join(["!", option, *args] if but else [option, *args]),))


def _action(target: list[str], back: bool, chains: Mapping[str, object]) -> Action | None:
    match target:
        case []:
            return None
        case ["ACCEPT", *_]:
            return Accept()
        case ["DROP", *_]:
            return Drop("DROP")
        case ["REJECT" | "TARPIT" as word, *_]:
            return Drop(word)
        case ["RETURN", *_]:
            return Return()
        case ["MARK", "--set-xmark" | "--set-mark", word]:
            return SetMark(*_numbers(word))
        case ["CONNMARK", "--restore-mark", *rest]:
            mask = int(rest[rest.index("--nfmask") + 1], 0) if "--nfmask" in rest else EVERY_MARK
            return SetMark(0, mask)  # a connection that begins has none
        case ["CONNMARK", *_]:
            return None
        case ["DNAT" | "REDIRECT" | "TPROXY" as word, *_]:
            return Divert(word)
        case [name, *_] if name in chains:
            return Jump(name, back)
        case [name, *_] if name in HARMLESS:
            return None
        case _:
            return Unknown(" ".join(target))


def _rule(line: str, family: int, chains: Mapping[str, object], sets: Sets) -> Rule | None:
    """line: without ``-A CHAIN``. None: it does nothing to a first packet."""
    draft = _Draft(family, sets)
    try:
        _read(draft, _words(line))
    except _Never:
        return None
    except (ValueError, OSError, IndexError):
        draft.match = msgspec.structs.replace(
            draft.match, unknown=(*draft.match.unknown, "words that are new")
        )
    action = _action(draft.target, draft.back, chains)
    if action is None:
        return None
    return Rule(line, tuple((one, (action,)) for one in draft.parts()))


def tables(text: str, *, source: str, family: int, sets: Sets) -> tuple[Table, ...]:
    """text: of ``iptables-save`` (family 4) or ``ip6tables-save`` (6)."""
    found: list[Table] = []
    name, chains = "", dict[str, list[Rule]]()
    policies: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            name, chains, policies = line[1:], {}, {}
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            chains[chain], policies[chain] = [], policy
        elif line.startswith("-A "):
            chain, _, rest = line[3:].partition(" ")
            rule = _rule(rest, family, chains, sets)
            if rule is not None:
                chains[chain].append(rule)
        elif line == "COMMIT":
            found.append(
                Table(
                    source=source,
                    family="ip" if family == 4 else "ip6",
                    name=name,
                    chains={c: _chain(name, c, rules, policies[c]) for c, rules in chains.items()},
                )
            )
    return tuple(found)


def _chain(table: str, name: str, rules: list[Rule], policy: str) -> Chain:
    return Chain(
        name=name,
        rules=tuple(rules),
        hook=HOOKS.get(name, "") if policy != "-" else "",
        priority=PRIORITIES.get(table, 0),
        drops=policy == "DROP",
    )
