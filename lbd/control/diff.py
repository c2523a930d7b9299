# SPDX-License-Identifier: Apache-2.0
"""What to change in one table so that it becomes another. Pure; nothing is asked of a dataplane here.

The order is safe for one that takes the changes singly, too: a pool stands before a service names it and goes after.
"""

from __future__ import annotations

from lbd.fastpath import api


def diff(have: api.Table, want: api.Table) -> tuple[api.Change, ...]:
    """Empty if they are equal but for the order of services and of pools, which means nothing."""
    old_pools = {pool.name: pool for pool in have.pools}
    new_pools = {pool.name: pool for pool in want.pools}
    old = {service.key: service for service in have.services}
    new = {service.key: service for service in want.services}
    changes: list[api.Change] = []
    changes += [api.SetPool(pool) for name, pool in new_pools.items() if old_pools.get(name) != pool]
    changes += [api.SetService(service) for key, service in new.items() if old.get(key) != service]
    changes += [api.DeleteService(key) for key in old if key not in new]
    changes += [api.DeletePool(name) for name in old_pools if name not in new_pools]
    if have.timeouts != want.timeouts:
        changes.append(api.SetTimeouts(want.timeouts))
    return tuple(changes)
