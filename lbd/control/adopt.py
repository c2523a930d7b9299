# SPDX-License-Identifier: Apache-2.0
"""The last known health, read off a dataplane that went on while nobody checked. Pure."""

from __future__ import annotations

from lbd.control.desired import service_key
from lbd.fastpath import api
from lbd.healthcheck.servers import ServerKey
from lbd.model import Config


def last_known(config: Config, table: api.Table) -> dict[ServerKey, bool]:
    """Of each server of a service that the dataplane has: does it use the server?

    One that is configured with weight 0 tells nothing by having it. Behind a sorry server all are absent, so all are
    taken for failed, which leaves the sorry server where it is until the first results.
    """
    services = {service.key: service for service in table.services}
    known: dict[ServerKey, bool] = {}
    for virtual in config.virtual_servers:
        found = [services[key] for key in map(service_key, virtual.addresses) if key in services]
        if not found:
            continue
        weights = {(real.address, real.port): real.weight for service in found for real in service.reals}
        for real in virtual.real_servers:
            weight = weights.get((real.address, real.port))
            alive = weight is not None and (weight > 0 or real.weight == 0)
            known[ServerKey(virtual.name, real.address, real.port)] = alive
    return known
