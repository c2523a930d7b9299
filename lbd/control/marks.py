# SPDX-License-Identifier: Apache-2.0
"""The host's marking rules as a program for the fastpath (``api.MarkRule``). Pure.

A packet passes base chains by hook and priority; IPVS looks at the mark after all of ingress, prerouting and input.
Chains are laid out one after another in place of the jumps to them, so a step leads forward only. A rule that cannot be
compiled is left out and named: a packet is then treated as if the rule did not mean it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

import msgspec

from lbd.fastpath import api
from lbd.kernel.firewall.rule import (
    Accept,
    Chain,
    Divert,
    Drop,
    Jump,
    Match,
    Return,
    Rule,
    Ruleset,
    SetMark,
    Table,
    Unknown,
)
from lbd.kernel.firewall.spans import Spans

HOOKS = ("ingress", "prerouting", "input")
"""That a packet for this machine passes before IPVS would see it, in order."""
MOST_STEPS = 4096
LONGEST = 160
"""Characters of a rule that are shown."""


class Program(msgspec.Struct, frozen=True):
    steps: tuple[api.MarkRule, ...] = ()
    problems: tuple[str, ...] = ()


class _TooLong(Exception):  # noqa: N818  an answer, not an error
    pass


def base_chains(ruleset: Ruleset) -> Iterator[tuple[Table, Chain]]:
    """Those of ``HOOKS`` as a packet passes them."""
    order = {hook: n for n, hook in enumerate(HOOKS)}
    found = [(table, chain) for table in ruleset for chain in table.chains.values() if chain.hook in order]
    return iter(sorted(found, key=lambda one: (order[one[1].hook], one[1].priority)))


def shown(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def compiled(ruleset: Ruleset) -> Program:
    """Nothing at all where no rule sets a mark."""
    layout = _Layout()
    for table, chain in base_chains(ruleset):
        if not _marks(table, chain, set()):
            continue
        end = layout.label()
        try:
            layout.lay(table, chain, Match(), back=end, end=end)
        except _TooLong:
            where = table.where(chain)
            layout.problems[
                f"{where} has more than {MOST_STEPS} steps with the chains that it jumps to: its marks are not followed"
            ] = None
            break
        layout.place(end)
    return Program(layout.steps(), tuple(layout.problems))


def unset(marks: Iterable[int], steps: tuple[api.MarkRule, ...]) -> tuple[str, ...]:
    """A sentence for each mark that no rule of the host sets."""
    return tuple(
        f"no rule of the host's firewall sets mark {mark}: its virtual_server gets no connection; "
        "mark what it is to get in prerouting (iptables -t mangle -A PREROUTING … -j MARK --set-mark)"
        for mark in sorted(set(marks))
        if not any(step.mask and (step.mark ^ mark) & step.mask == 0 for step in steps)
    )


def _marks(table: Table, chain: Chain, seen: set[str]) -> bool:
    """Whether a packet can get a mark in it."""
    if chain.name in seen:
        return False
    seen.add(chain.name)
    for rule in chain.rules:
        for _, actions in rule.parts:
            for action in actions:
                if isinstance(action, SetMark):
                    return True
                to = table.chains.get(action.chain) if isinstance(action, Jump) else None
                if to is not None and _marks(table, to, seen):
                    return True
    return False


class _Layout:
    """Steps with labels for where they lead to; a label is placed where the next step will stand."""

    def __init__(self) -> None:
        self._steps: list[tuple[api.MarkRule, int | None]] = []
        self._places: list[int | None] = []
        self.problems: dict[str, None] = {}

    def label(self) -> int:
        self._places.append(None)
        return len(self._places) - 1

    def place(self, label: int) -> None:
        self._places[label] = len(self._steps)

    def steps(self) -> tuple[api.MarkRule, ...]:
        made = []
        for n, (step, label) in enumerate(self._steps):
            place = n + 1 if label is None else self._places[label]
            made.append(msgspec.structs.replace(step, then=len(self._steps) if place is None else place))
        return tuple(made)

    def lay(self, table: Table, chain: Chain, outer: Match, *, back: int, end: int) -> None:
        """back: where RETURN and the end of the chain lead to. end: where ACCEPT does. Raises _TooLong."""
        for rule in chain.rules:
            for match, actions in rule.parts:
                both = outer.both(match)
                if both is not None:
                    self._lay_part(table, chain, rule, both, actions, back, end)

    def _lay_part(
        self,
        table: Table,
        chain: Chain,
        rule: Rule,
        match: Match,
        actions: tuple[object, ...],
        back: int,
        end: int,
    ) -> None:
        """A verdict is a rule's last action; marks before it are one step with it."""
        change = SetMark(0, 0)
        for action in actions:
            if isinstance(action, Unknown):
                self._problem(table, chain, rule, f"what {action.word} does is not known")
            if isinstance(action, Unknown | Divert) or (
                isinstance(action, Jump) and not self._matters(table, action)
            ):
                continue
            reason = _beyond(match)
            if reason:
                self._problem(table, chain, rule, reason)
                return None
            match action:
                case SetMark():
                    change = _both(change, action)
                case Accept():
                    return self._add(match, end, change)
                case Drop():
                    return self._add(match, self.label(), change)
                case Return():
                    return self._add(match, back, change)
                case Jump(name, returns):
                    goto = None if returns else back
                    return self._jump(table, table.chains[name], match, change, goto, end)
        if change.mask or change.value:
            self._add(match, None, change)
        return None

    def _matters(self, table: Table, jump: Jump) -> bool:
        to = table.chains.get(jump.chain)
        return to is not None and (not jump.back or bool(to.rules))

    def _jump(
        self, table: Table, to: Chain, match: Match, change: SetMark, goto: int | None, end: int
    ) -> None:
        """The chain is laid out here, for what jumps to it. goto: where its end leads to instead of behind it.

        What is asked of the mark is asked once, before: inside the chain it may be another.
        """
        after = self.label()
        if match.marks or change.mask or change.value:
            body = self.label()
            self._add(match, body, change)
            self._add(Match(), after, SetMark(0, 0))
            self.place(body)
            match = msgspec.structs.replace(match, marks=())
        self.lay(table, to, match, back=after if goto is None else goto, end=end)
        if goto is not None:
            self._add(match, goto, SetMark(0, 0))
        self.place(after)

    def _add(self, match: Match, label: int | None, change: SetMark) -> None:
        if len(self._steps) == MOST_STEPS:
            raise _TooLong
        self._steps.append((_step(match, change.value, change.mask), label))

    def _problem(self, table: Table, chain: Chain, rule: Rule, reason: str) -> None:
        text = f"{table.where(chain)}: the rule “{shown(rule.text)}” is not followed for marks: {reason}"
        self.problems[text] = None


def _both(one: SetMark, then: SetMark) -> SetMark:
    return SetMark((one.value & ~then.mask) ^ then.value, one.mask | then.mask)


def _beyond(match: Match) -> str:
    """Why a match cannot be a step's; empty if it can."""
    if match.unknown:
        return f"lbd does not know what “{match.unknown[0]}” asks"
    for what, several in (
        ("interface", match.interfaces),
        ("link address", match.macs),
        ("mark", match.marks),
    ):
        if len(several) > 1:
            return f"it asks {len(several)} things of the {what} at once"
    return ""


def _step(match: Match, mark: int, mask: int) -> api.MarkRule:
    return api.MarkRule(
        family=match.family,
        saddr=_addresses(match.saddr, match.family),
        daddr=_addresses(match.daddr, match.family),
        protocols=match.protocols,
        sport=match.sport,
        dport=match.dport,
        iif=match.interfaces[0].names if match.interfaces else None,
        iif_but=bool(match.interfaces) and match.interfaces[0].but,
        mac=tuple(raw.hex(":") for raw in match.macs[0].addresses) if match.macs else None,
        mac_but=bool(match.macs) and match.macs[0].but,
        marked=(match.marks[0].value, match.marks[0].mask) if match.marks else None,
        marked_but=bool(match.marks) and match.marks[0].but,
        local=match.local,
        mark=mark,
        mask=mask,
    )


def _addresses(spans: Spans | None, family: int) -> tuple[tuple[str, str], ...] | None:
    if spans is None:
        return None
    kind = IPv4Address if family == 4 else IPv6Address
    return tuple((str(kind(low)), str(kind(high))) for low, high in spans)
