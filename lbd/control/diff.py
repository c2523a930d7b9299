# SPDX-License-Identifier: Apache-2.0
"""What to change in one table so that it becomes another. Pure; nothing is asked of a dataplane here.

The order is safe for one that takes the changes singly, too: a pool stands before a service names it and goes after.

A table made of another has most of its objects from there. Those are passed over at the speed of a comparison of
pointers, so a change costs its own size and not that of the tables.
"""

from __future__ import annotations

from itertools import compress
from operator import is_not

from lbd.fastpath import api

Services = tuple[api.Service, ...]


def diff(have: api.Table, want: api.Table) -> tuple[api.Change, ...]:
    """Empty if they are equal but for the order of services and of pools, which means nothing."""
    old_pools = {pool.name: pool for pool in have.pools}
    new_pools = {pool.name: pool for pool in want.pools}
    before, after = _not_shared(have.services, want.services)
    old = {service.key: service for service in before}
    new = {service.key: service for service in after}
    changes: list[api.Change] = []
    changes += [api.SetPool(pool) for name, pool in new_pools.items() if old_pools.get(name) != pool]
    changes += [api.SetService(service) for key, service in new.items() if old.get(key) != service]
    changes += [api.DeleteService(key) for key in old if key not in new]
    changes += [api.DeletePool(name) for name in old_pools if name not in new_pools]
    if have.timeouts != want.timeouts:
        changes.append(api.SetTimeouts(want.timeouts))
    return tuple(changes)


def _not_shared(have: Services, want: Services) -> tuple[Services, Services]:
    """Without those that are the same object at the same place of both."""
    if len(have) != len(want):
        return have, want
    differs = list(map(is_not, have, want))
    return tuple(compress(have, differs)), tuple(compress(want, differs))
