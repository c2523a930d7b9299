# SPDX-License-Identifier: Apache-2.0
"""The difference of any two tables, applied to the first, gives the second, and each step of it is allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbd.control.diff import diff
from lbd.fastpath import api
from lbd.fastpath.configuration import Configuration

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
POOLS = ("a", "b")


@st.composite
def tables(draw: st.DrawFn) -> api.Table:
    some = st.lists(st.sampled_from(["10.1.0.1", "10.1.0.2"]), min_size=1, unique=True)
    pools = [
        api.LocalPool(name, tuple(api.LocalAddress(a, "eth0") for a in draw(some)))
        for name in draw(st.sets(st.sampled_from(POOLS)))
    ]
    names = [p.name for p in pools]
    services = []
    for address in draw(st.sets(st.sampled_from(ADDRESSES))):
        method = draw(st.sampled_from([api.Method.NAT, api.Method.FNAT] if names else [api.Method.NAT]))
        chosen = draw(st.lists(st.sampled_from(["10.2.0.1", "10.2.0.2", "10.2.0.3"]), unique=True))
        weights = draw(st.lists(st.integers(0, 3), min_size=3, max_size=3))
        services.append(
            api.Service(
                key=api.ServiceKey(address, 80, api.Protocol.TCP),
                scheduler=draw(st.sampled_from(["rr", "wrr", "wlc"])),
                reals=tuple(api.Real(a, 80, w, method) for a, w in zip(chosen, weights, strict=False)),
                pool=draw(st.sampled_from(names)) if method is api.Method.FNAT else None,
            )
        )
    return api.Table(
        services=tuple(sorted(services, key=lambda s: s.key)),
        pools=tuple(sorted(pools, key=lambda p: p.name)),
        timeouts=api.Timeouts(udp=draw(st.sampled_from([300, 60]))),
    )


class Silent:
    """A dataplane without packets: everything is free, nothing is counted."""

    def publish(self, changes: object) -> None: ...
    def set_laddr(self, *_: object) -> None: ...
    def set_timeouts(self, *_: object) -> None: ...
    def clear_slot(self, *_: object) -> None: ...
    def close_slot(self, *_: object) -> None: ...
    def limit_slot(self, *_: object) -> None: ...
    def mask_slot(self, *_: object) -> None: ...
    def laddr_used(self, *_: object) -> int:
        return 0

    def counters(self, *_: object) -> tuple[int, ...]:
        return (0,) * 7


@given(tables(), tables())
def test_the_difference_applied_is_the_other_table(have, want):
    conf = Configuration(Silent(), slots=100, laddrs=10)
    conf.apply(diff(api.Table(), have))
    assert conf.table() == have
    for change in diff(have, want):
        conf.apply([change])
    assert conf.table() == want
    conf.apply(diff(want, have))
    assert conf.table() == have


@given(tables())
def test_equal_tables_have_no_difference(table):
    assert diff(table, table) == ()
