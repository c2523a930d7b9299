# SPDX-License-Identifier: Apache-2.0
"""What nft says and what netlink tells about the guard's table, taken apart."""

from __future__ import annotations

import struct

from lbd.kernel.deletions import NFPROTO_NETDEV, NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE, last_word
from lbd.kernel.holder import complaints

NAME = b"lbd\0"
INET = 1


def message(kind: int, table: bytes, family: int = NFPROTO_NETDEV) -> bytes:
    """nlmsghdr, nfgenmsg, a flag, then the name."""
    flags = struct.pack("=HHI", 8, 2, 0)
    name = struct.pack("=HH", 4 + len(table), 1) + table + bytes(-len(table) % 4)
    body = struct.pack("=BBH", family, 0, 0) + flags + name
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_the_last_word_on_a_table_counts():
    gone, there = message(NFT_MSG_DELTABLE, NAME), message(NFT_MSG_NEWTABLE, NAME)
    assert last_word(gone, NAME) == NFT_MSG_DELTABLE
    assert last_word(gone + there, NAME) == NFT_MSG_NEWTABLE
    assert last_word(there + message(NFT_MSG_DELTABLE, b"lbd2\0") + gone, NAME) == NFT_MSG_DELTABLE


def test_what_is_said_of_others_is_nothing():
    other_name = message(NFT_MSG_DELTABLE, b"lbd2\0")
    other_family = message(NFT_MSG_DELTABLE, NAME, INET)
    a_chain = message(10 << 8 | 5, NAME)
    assert last_word(other_name + other_family + a_chain, NAME) is None


def test_damaged_datagrams_say_nothing():
    whole = message(NFT_MSG_DELTABLE, NAME)
    for cut in range(20):
        assert last_word(whole[:cut], NAME) is None
    assert last_word(b"\0" * 64, NAME) is None
    assert last_word(whole[:20] + b"\0" * 16, NAME) is None


def test_no_complaint():
    assert complaints("") == ""
    assert complaints("table netdev lbd {\n}\n") == ""


def test_a_complaint_names_what_it_means():
    answer = (
        "In file included from <cmdline>:1:1-38:\n"
        "/tmp/lbd-guard-x.nft:4:16-23: Error: syntax error, unexpected string\n"
        "chain claim4 { nonsense }\n"
        "               ^^^^^^^^\n"
    )
    assert complaints(answer) == "Error: syntax error, unexpected string: chain claim4 { nonsense }"


def test_of_many_complaints_the_first_is_shown_and_the_others_counted():
    answer = "".join(
        f"<cmdline>:{n}:1-3: Error: Could not process rule: Operation not permitted\nline {n}\n^^^\n"
        for n in (1, 2, 2)
    )
    assert complaints(answer) == "Error: Could not process rule: Operation not permitted: line 1 (and 1 more)"


def test_a_line_of_ten_thousand_elements_is_not_shown_whole():
    line = ", ".join(f"10.0.{n // 250}.{n % 250}" for n in range(10_000)) + ", oops, 10.9.9.9"
    column = line.index("oops") + 1
    said = complaints(f"/tmp/x:5:{column}-{column + 3}: Error: Could not resolve hostname\n{line}\n")
    assert "oops" in said
    assert len(said) < 200


def test_a_complaint_without_a_position():
    assert complaints("Error: No such file or directory\n") == "Error: No such file or directory"
