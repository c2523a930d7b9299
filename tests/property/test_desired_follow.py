# SPDX-License-Identifier: Apache-2.0
"""A table that follows the health of its servers is, after each step, the one that is made anew."""

from __future__ import annotations

from operator import is_

from hypothesis import given
from hypothesis import strategies as st

from lbd.control.desired import Desired, desired
from lbd.control.diff import diff
from lbd.control.health import Health
from lbd.fastpath import api
from lbd.healthcheck.servers import ServerKey
from lbd.model import Config, Protocol, RealServer, ServiceAddress, VirtualServer

VIPS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1")
REALS = ("10.1.0.1", "10.1.0.2", "fd00::9")
SORRY = RealServer(address="10.1.0.99", port=80)


@st.composite
def services(draw: st.DrawFn, name: str) -> VirtualServer:
    """Groups, whose addresses may also stand in others, of both families."""
    vips = draw(st.lists(st.sampled_from(VIPS), min_size=1, max_size=3, unique=True))
    reals = draw(st.lists(st.sampled_from(REALS), max_size=3, unique=True))
    return VirtualServer(
        name=name,
        addresses=tuple(ServiceAddress(protocol=Protocol.TCP, address=vip, port=80) for vip in vips),
        real_servers=tuple(
            RealServer(address=one, port=80, inhibit_on_failure=draw(st.booleans())) for one in reals
        ),
        sorry_server=SORRY if draw(st.booleans()) else None,
        sorry_server_inhibit=draw(st.booleans()),
    )


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=4))  # some stand twice
    return Config(virtual_servers=tuple(draw(services(name)) for name in names))


def healths(config: Config) -> st.SearchStrategy[Health]:
    keys = [ServerKey(s.name, r.address, r.port) for s in config.virtual_servers for r in s.real_servers]
    names = [service.name for service in config.virtual_servers]
    some = st.sampled_from(keys) if keys else st.nothing()
    return st.builds(
        Health,
        failed=st.frozensets(some),
        quorum_lost=st.frozensets(st.sampled_from(names)),
        weights=st.dictionaries(some, st.integers(0, 9)),
    )


def concerned(config: Config, before: Health, after: Health) -> set[str]:
    """Virtual servers whose health is another."""

    def of(health: Health, name: str) -> object:
        return (
            {key for key in health.failed if key.service == name},
            name in health.quorum_lost,
            {key: weight for key, weight in health.weights.items() if key.service == name},
        )

    names = {service.name for service in config.virtual_servers}
    return {name for name in names if of(before, name) != of(after, name)}


@given(st.data())
def test_following_is_making_anew(data):
    config = data.draw(configurations())
    health = data.draw(healths(config))
    kept = Desired(config, health)
    for after in data.draw(st.lists(healths(config), min_size=1, max_size=4)):
        before = kept.table
        table = kept.follow(concerned(config, health, after), after)
        health = after
        assert table == kept.table == desired(config, after)
        # What is equal is the same object, which is what makes the difference cost its own size.
        unchanged = [have == want for have, want in zip(before.services, table.services, strict=True)]
        assert list(map(is_, before.services, table.services)) == unchanged
        assert diff(before, table) == tuple(
            api.SetService(want) for want, same in zip(table.services, unchanged, strict=True) if not same
        )
