# SPDX-License-Identifier: Apache-2.0
"""The lease as text for nft, without a kernel."""

from __future__ import annotations

from lbd.kernel.lease import removal, ruleset, table_of


def test_every_lbd_has_tables_of_its_own() -> None:
    assert table_of("/run/lbd/vrrp.sock") == table_of("/run/lbd/../lbd/vrrp.sock")
    assert table_of("/run/a") != table_of("/run/b")


def test_only_what_is_held_is_dropped_and_the_leased_pass_first() -> None:
    rules = [
        line.split(" ", 5)[5] for line in ruleset("t", fresh=True).splitlines() if line.startswith("add rule")
    ]
    for passed, dropped in zip(rules[::2], rules[1::2], strict=True):
        assert passed.endswith("@leased accept")
        assert dropped == passed.replace("@leased accept", "@held drop")


def test_a_successor_leaves_what_is_held() -> None:
    assert "flush set" in ruleset("t", fresh=True)
    assert "flush set" not in ruleset("t", fresh=False)


def test_removal_is_of_all_three() -> None:
    deleted = [line for line in removal("t").splitlines() if line.startswith("delete")]
    assert deleted == ["delete table arp t", "delete table ip t", "delete table ip6 t"]
