# SPDX-License-Identifier: Apache-2.0
"""The grammars of values."""

from __future__ import annotations

from typing import Any

import pytest

from lbd.confparser import addresses, tracked, values
from lbd.confparser.addresses import AddressRange, Endpoint, Mark, ServiceHead
from lbd.confparser.schema.lines import ADDRESS_WORDS
from lbd.confparser.tracked import Tracked
from lbd.confparser.values import Value
from lbd.confparser.virtual_lines import AddressLine, address_line

LINE = address_line(ADDRESS_WORDS, "track_group")
HEAD = addresses.service_head()
ENTRY = addresses.group_entry()
LOCAL = addresses.local_entry()
STATUS = addresses.status_codes()
TRACKED = tracked.line("an interface", -253, 253)


@pytest.mark.parametrize(
    ("value", "words", "expected"),
    [
        (values.number(1, 255), "255", 255),
        (values.number(-20, 19), "-5", -5),
        (values.number(0, 9), "+3", 3),
        (values.seconds(), "0.25", 0.25),
        (values.seconds(), "3", 3.0),
        (values.seconds(), ".5", 0.5),
        (values.seconds(high=None), "99999", 99999.0),
        (values.boolean(), "", True),
        (values.boolean(), "off", False),
        (values.boolean(), "yes", True),
        (values.flag(), "no", True),
        (values.choice("TCP", "UDP", any_case=True), "udp", "UDP"),
        (values.rest("words"), "a b", ("a", "b")),
        (values.number(1, 9, optional=True), "", None),
        (addresses.address(), "FD00::0001", "fd00::1"),
        (addresses.endpoint(), "10.0.0.1 80", Endpoint("10.0.0.1", 80)),
        (addresses.endpoint(), "fd00::1", Endpoint("fd00::1")),
        (HEAD, "10.0.0.1 80", ServiceHead(Endpoint("10.0.0.1", 80))),
        (HEAD, "10.0.0.1", ServiceHead(Endpoint("10.0.0.1"))),
        (HEAD, "10.0.0.1-5 80", ServiceHead(Endpoint("10.0.0.1", 80), ranged=True)),
        (HEAD, "fwmark 7", ServiceHead(fwmark=7)),
        (HEAD, "group G", ServiceHead(group="G")),
        (HEAD, "match M", ServiceHead(match="M")),
        (ENTRY, "10.0.0.1 80", AddressRange("10.0.0.1", "10.0.0.1", 80)),
        (ENTRY, "10.0.0.10-20 443", AddressRange("10.0.0.10", "10.0.0.20", 443)),
        (ENTRY, "10.0.0.10-10.0.1.20 443", AddressRange("10.0.0.10", "10.0.1.20", 443)),
        (ENTRY, "fd00::1-1f 443", AddressRange("fd00::1", "fd00::1f", 443)),
        (ENTRY, "10.0.2.0/30 80", AddressRange("10.0.2.0", "10.0.2.3", 80)),
        (ENTRY, "fwmark 5 inet6", Mark(5, "inet6")),
        (LOCAL, "10.0.0.5-9 eth0", AddressRange("10.0.0.5", "10.0.0.9", interface="eth0")),
        (STATUS, "200 301-303", ((200, 200), (301, 303))),
        (addresses.digest(), "ABCDEF0123456789abcdef0123456789", "abcdef0123456789abcdef0123456789"),
        (LINE, "10.0.0.1", AddressLine("10.0.0.1", 32, {})),
        (LINE, "fd00::1", AddressLine("fd00::1", 128, {})),
        (LINE, "0.0.0.0", AddressLine("0.0.0.0", 32, {})),
        (
            LINE,
            "10.0.0.1/24 dev eth1 scope link label eth1:1 brd +",
            AddressLine("10.0.0.1", 24, {"dev": "eth1", "scope": "link", "label": "eth1:1", "brd": "+"}),
        ),
        (LINE, "10.0.0.1/24 broadcast 10.0.0.255", AddressLine("10.0.0.1", 24, {"broadcast": "10.0.0.255"})),
        (
            LINE,
            "10.0.0.1 no_track peer 10.0.0.2",
            AddressLine("10.0.0.1", 32, {"no_track": True, "peer": ("10.0.0.2", 32)}),
        ),
        (TRACKED, "eth1", Tracked("eth1")),
        (TRACKED, "eth1 weight -10 reverse", Tracked("eth1", -10, True)),
        (tracked.weight(-253, 253), "5 reverse", tracked.Weight(5, True)),
    ],
)
def test_accepted(value: Value, words: str, expected: Any) -> None:
    reading = value.read(tuple(words.split()))
    assert reading.complaints == ()
    assert reading.value == expected


@pytest.mark.parametrize(
    ("value", "words", "word", "part"),
    [
        (values.number(1, 255), "256", 0, (0, 0)),
        (values.number(1, 255), "12ab", 0, (2, 2)),
        (values.number(1, 255), "x", 0, (0, 0)),
        (values.number(), "9" * 40, 0, (0, 0)),
        (values.seconds(), "1e3", 0, (0, 0)),
        (values.seconds(), "inf", 0, (0, 0)),
        (values.seconds(0.000001), "0", 0, (0, 0)),
        (values.boolean(), "YES", 0, (0, 0)),
        (values.choice("NAT"), "nat", 0, (0, 0)),
        (addresses.address(), "10.0.0.1:80", 0, (0, 0)),
        (addresses.address(), "example.org", 0, (0, 0)),
        (addresses.address(), "fe80::1%eth0", 0, (7, 5)),
        (addresses.address(), "010.0.0.1", 0, (0, 0)),
        (addresses.endpoint(), "10.0.0.1 http", 1, (0, 0)),
        (addresses.endpoint(), "10.0.0.1 99999", 1, (0, 0)),
        (HEAD, "fwmark 0x10", 1, (1, 3)),
        (ENTRY, "10.0.0.20-10 443", 0, (10, 2)),
        (ENTRY, "10.0.0.1/30 80", 0, (9, 2)),
        (ENTRY, "fd00::-fe00:: 80", 0, (7, 6)),
        (LINE, "10.0.0.1/24/8", 0, (9, 4)),
        (LINE, "10.0.0.1 scope 999", 2, (0, 0)),
        (LINE, "10.0.0.1 foo bar", 1, (0, 0)),
        (TRACKED, "eth1 weight 254", 2, (0, 0)),
        (TRACKED, "eth1 reverse", 1, (0, 0)),
        (STATUS, "99", 0, (0, 0)),
        (STATUS, "200 300-299", 1, (0, 0)),
    ],
)
def test_refused_with_the_place(value: Value, words: str, word: int, part: tuple[int, int]) -> None:
    reading = value.read(tuple(words.split()))
    first = reading.complaints[0]
    assert (first.word, (first.offset, first.length)) == (word, part)
    assert first.message
    assert first.expected


def test_a_soft_complaint_leaves_the_rest() -> None:
    assert STATUS.read(("200", "9999", "301")).value == ((200, 200), (301, 301))
    assert LINE.read(("10.0.0.1", "foo", "dev", "eth1")).value == AddressLine("10.0.0.1", 32, {"dev": "eth1"})


def test_words_beyond_the_grammar_are_counted() -> None:
    assert values.number(1, 255).read(("100", "200")).used == 1
    assert values.flag().read(("x",)).used == 0


def test_a_missing_value_points_past_the_last_word() -> None:
    reading = LINE.read(("10.0.0.1", "dev"))
    assert reading.value is None
    assert (reading.complaints[0].code, reading.complaints[0].word) == ("LB0110", 2)


def test_quoted_words_may_be_empty_or_hold_spaces() -> None:
    assert values.text().read(("",)).value == ""
    assert values.rest("words").read(("a b", " c")).value == ("a b", " c")


def test_equal_words_are_read_once() -> None:
    value = values.number(1, 9)
    assert value.read(("5",)) is value.read(("5",))


def test_a_range_gives_its_addresses() -> None:
    entry = ENTRY.read(("10.0.0.254-10.0.1.1", "80")).value
    assert entry.addresses() == ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]
    assert entry.count() == 4
