# SPDX-License-Identifier: Apache-2.0
"""Lines of virtual_routes, virtual_rules and their static kin → Route and Rule, with what keepalived says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.routes import OptionLine
from lbd.model.net import is_ipv6
from lbd.model.route import KEEPALIVED, Encap, NextHop, Route, Rule

FIRST_PREFERENCE = 16384
"""Rules without a preference get this and the numbers below it."""

_DEFAULTS = {False: "0.0.0.0/0", True: "::/0"}


@dataclass(slots=True)
class Preferences:
    """The next number for a rule that has none, by family; over all blocks of a configuration."""

    inet: int = FIRST_PREFERENCE
    inet6: int = FIRST_PREFERENCE

    def take(self, family: str) -> int:
        found: int = getattr(self, family)
        setattr(self, family, found - 1)
        return found


class RefusedLineError(Exception):
    """Why a line is left out."""


def routes(lines: Iterable[Item], context: Context) -> tuple[Route, ...]:
    """In the order of the file. A line that cannot be a route is left out, with a message."""
    found: list[Route] = []
    for line in lines:
        try:
            found.append(_Line(line, context).route())
        except RefusedLineError as error:
            context.report.add("LB0319", f"{error}: the route is left out", line.node.place())
    return tuple(found)


def rules(lines: Iterable[Item], preferences: Preferences, context: Context) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for line in lines:
        try:
            found.append(_Line(line, context).rule(preferences))
        except RefusedLineError as error:
            context.report.add("LB0319", f"{error}: the rule is left out", line.node.place())
    return tuple(found)


_METRICS = ("mtu", "hoplimit", "advmss", "rtt", "rttvar", "reordering", "window", "cwnd", "ssthresh", "rto_min",
            "initcwnd", "initrwnd", "congctl")  # fmt: skip
_SWITCHES = {"quickack": "quickack", "fastopen_no_cookie": "fastopen_no_cookie"}
_ALIASES = {"gw": "via", "dsfield": "tos", "priority": "metric", "preference": "metric", "oif": "dev"}
_RULE_ALIASES = {"lookup": "table", "order": "preference", "priority": "preference", "dsfield": "tos", "dev": "iif",
                 "sup_pl": "suppress_prefixlength", "sup_group": "suppress_ifgroup"}  # fmt: skip
_ACTIONS = ("table", "goto", "nop", "blackhole", "unreachable", "prohibit", "l3mdev")


def _renamed(line: OptionLine, aliases: Mapping[str, str]) -> dict[str, Any]:
    return {aliases.get(name, name): line.said[name] for name in dict.fromkeys(line.order)}


def _encap(said: dict[str, Any] | None) -> Encap | None:
    if said is None:
        return None
    names = {"tc": "tos", "hoplimit": "ttl"}
    return Encap(**{names.get(name, name): value for name, value in said.items()})


class _Line:
    def __init__(self, item: Item, context: Context) -> None:
        self._item = item
        self._line: OptionLine = item.value
        self._context = context

    def _say(self, code: str, message: str, word: str) -> None:
        words = self._item.node.words
        place = self._item.node.place(words.index(word)) if word in words else self._item.node.place()
        self._context.report.add(code, message, place)

    def _passed_over(self) -> None:
        for name in ("inet", "inet6"):
            value = self._line.said.get(name)
            if isinstance(value, str):
                self._say("LB0108", f"after {name} keepalived passes over a word: '{value}' is ignored", value)

    def _interface(self, name: str | None) -> None:
        """Raises RefusedLineError for one that does not exist, unless dynamic_interfaces."""
        if name is not None and not self._context.knows(name):
            raise RefusedLineError(f"there is no interface '{name}'")

    def _family(self, addresses: Iterable[str | None], said: Mapping[str, Any]) -> str:
        """``inet`` or ``inet6``. Raises RefusedLineError where both are meant."""
        found = {"inet6" if is_ipv6(text) else "inet" for text in addresses if text not in (None, "default")}
        found |= {name for name in ("inet", "inet6") if name in said}
        if len(found) > 1:
            raise RefusedLineError("IPv4 and IPv6 are mixed")
        return found.pop() if found else "inet"

    # routes

    def route(self) -> Route:
        said = _renamed(self._line, _ALIASES)
        self._passed_over()
        if "as" in said:
            self._say("LB0201", "'as to' is for MPLS only: ignored", "as")
        family, destination, kind = self._destination(said)
        dev, no_track = said.get("dev"), "no_track" in said
        self._interface(dev)
        self._interface(said.get("vrf"))
        protocol = self._protocol(said, no_track, "route")
        if dev is None and not no_track:
            message = f"the route to {destination} has no dev: it cannot be tracked, and counts as no_track"
            self._say("LB0320", message, "")
            no_track = True
        metrics, lock = self._metrics(said)
        return Route(
            destination=destination,
            type=kind,
            source=self._whole(said.get("from"), family),
            src=said.get("src"),
            via=said.get("via") if "or" not in said else None,
            dev=dev,
            nexthops=tuple(self._hops(said)),
            vrf=said.get("vrf"),
            protocol=protocol,
            onlink="onlink" in said,
            encap=_encap(said.get("encap")),
            placement=next((n for n in reversed(self._line.order) if n in ("add", "prepend", "append")), "prepend"),
            features=(said["features"],) if "features" in said else (),
            ttl_propagate=said["ttl-propagate"] == "enabled" if "ttl-propagate" in said else None,
            lock=lock,
            no_track=no_track,
            track_group=self._track_group(said, dev, "dev"),
            **{name: said[name] for name in ("table", "scope", "tos", "metric", "expires", "realms", "pref")
               if name in said},
            **metrics,
        )  # fmt: skip

    def _destination(self, said: dict[str, Any]) -> tuple[str, str, str]:
        """Family, destination and type. Raises RefusedLineError."""
        *kind, destination = said.get("(destination)", (None,))
        kind = [word for word in kind if word != "to"]
        if destination is None:
            raise RefusedLineError("a route must have a destination")
        addresses = [destination, said.get("src"), said.get("via"), said.get("from"), said.get("or")]
        family = self._family([*addresses, *(hop.get("via") for hop in self._line.hops)], said)
        for name, only in (("expires", "inet6"), ("pref", "inet6"), ("from", "inet6"), ("realms", "inet")):
            if name in said and family != only and (destination != "default" or len(addresses) > 1):
                raise RefusedLineError(f"{name} is only valid for {'IPv6' if only == 'inet6' else 'IPv4'}")
        if destination == "default":
            destination = _DEFAULTS[family == "inet6"]
        return family, destination, kind[0] if kind else "unicast"

    @staticmethod
    def _whole(prefix: str | None, family: str) -> str | None:
        return _DEFAULTS[family == "inet6"] if prefix == "default" else prefix

    def _protocol(self, said: Mapping[str, Any], no_track: bool, what: str) -> int:
        """What is tracked has keepalived's own number, so that it is known again."""
        protocol: int = said.get("protocol", KEEPALIVED)
        if not no_track and protocol != KEEPALIVED:
            message = f"a {what} of another protocol than keepalived ({KEEPALIVED}) cannot be tracked: that is used"
            self._say("LB0320", message, "protocol")
            return KEEPALIVED
        return protocol

    def _track_group(self, said: Mapping[str, Any], interface: str | None, word: str) -> str | None:
        name: str | None = said.get("track_group")
        if name is None:
            return None
        if name not in self._context.track_groups:
            self._say("LB0315", f"there is no track_group '{name}': ignored", name)
            return None
        if interface is None:
            self._say("LB0320", f"track_group needs {word}: ignored", "track_group")
            return None
        return name

    @staticmethod
    def _metrics(said: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What is said of TCP and the path, and which of it is locked."""
        found: dict[str, Any] = {}
        locked: list[str] = []
        for name in _METRICS:
            value = said.get(name)
            if isinstance(value, tuple):
                value, lock = value
                locked += [name] if lock else []
            if value is not None:
                found[name] = value
        found |= {field: bool(said[name]) for name, field in _SWITCHES.items() if name in said}
        return found, tuple(locked)

    def _hops(self, said: Mapping[str, Any]) -> Iterator[NextHop]:
        """Of ``nexthop``, or of the old ``or``, which makes the gateway the first of two."""
        if "or" in said:
            if self._line.hops:
                self._say("LB0201", "nexthop does not go with or: ignored", "nexthop")
            yield NextHop(via=said.get("via"))
            yield NextHop(via=said["or"])
            return
        for hop in self._line.hops:
            self._interface(hop.get("dev"))
            yield NextHop(**{**hop, "encap": _encap(hop.get("encap"))})

    # rules

    def rule(self, preferences: Preferences) -> Rule:
        said = _renamed(self._line, _RULE_ALIASES)
        self._passed_over()
        action = self._action(said)
        family = self._family([said.get("from"), said.get("to")], said)
        if "realms" in said and family != "inet":
            raise RefusedLineError("realms is only valid for IPv4")
        for name in ("iif", "oif"):
            self._interface(said.get(name))
        no_track = "no_track" in said
        protocol = self._protocol(said, no_track, "rule")
        mark, mask = said.get("fwmark", (None, None))
        same = ("table", "goto", "realms", "suppress_prefixlength", "suppress_ifgroup", "iif", "oif", "tunnel-id",
                "uidrange", "ipproto", "tos")  # fmt: skip
        return Rule(
            family=family,
            action=action,
            preference=self._preference(said, family, preferences),
            source=None if said.get("from") == "default" else said.get("from"),
            destination=None if said.get("to") == "default" else said.get("to"),
            invert="not" in said,
            fwmark=mark,
            fwmask=mask,
            l3mdev="l3mdev" in said,
            protocol=protocol,
            sport=self._ports(said, "sport"),
            dport=self._ports(said, "dport"),
            no_track=no_track,
            track_group=self._track_group(said, said.get("iif"), "iif"),
            **{name.replace("-", "_"): said[name] for name in same if name in said},
        )

    def _action(self, said: Mapping[str, Any]) -> str:
        """The one action. Raises RefusedLineError."""
        found = [name for name in _ACTIONS if name in said]
        if len(found) != 1:
            why = f"{' and '.join(found)} do not go together" if found else "there is no action, such as table"
            raise RefusedLineError(why)
        (action,) = found
        if action == "table" and said["table"] == 0:
            raise RefusedLineError("table 0 is not valid")
        if action == "goto" and said.get("preference", FIRST_PREFERENCE) >= said["goto"]:
            raise RefusedLineError("goto leads on, to a higher preference than the rule's own")
        if action == "goto" and "preference" not in said:
            raise RefusedLineError("goto needs a preference")
        if action not in ("table", "l3mdev"):
            for name in ("realms", "suppress_prefixlength", "suppress_ifgroup"):
                if name in said:
                    raise RefusedLineError(f"{name} only goes with table")
        return action

    def _preference(self, said: Mapping[str, Any], family: str, preferences: Preferences) -> int:
        if "preference" in said:
            found: int = said["preference"]
            return found
        chosen = preferences.take(family)
        message = f"the rule has no preference: {chosen} is used, which is probably not what is wanted"
        self._say("LB0320", message, "")
        return chosen

    def _ports(self, said: Mapping[str, Any], name: str) -> tuple[int, int] | None:
        """keepalived 2.2.7 passes over a single port; the rule would then catch every port."""
        ports: tuple[int, ...] | None = said.get(name)
        if ports is None:
            return None
        if len(ports) == 1:
            self._say("LB0320", f"keepalived 2.2.7 reads no single {name}: write {ports[0]}-{ports[0]}", name)
        return ports[0], ports[-1]
