# SPDX-License-Identifier: Apache-2.0
"""Control at scale: 10,000 services of 10 real servers, beside 1,000 of them in the same run.

What grows with the number should be ten times the baseline, and what costs the size of a change should be equal to it.
Times are of one process; the way over the control socket is in "list" and "load" as the packing of the message.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.frames import NETS, plus
from benchmarks.plane import POOL_PORTS, Plane, start_eal
from benchmarks.resident import resident_after_all
from benchmarks.rounds import show
from lbd import confparser, wire
from lbd.control.desired import desired
from lbd.control.diff import diff
from lbd.control.health import ALL_WELL
from lbd.fastpath import api

SIZES = {"10k": 10_000, "1k": 1_000}
REALS = 10
ROUNDS = 9
SLOTS = 131_072
REQUEST = wire.decoder(api.Request)

HEAD = """global_defs {
    router_id bench
}
local_address_group local {
    10.8.0.1-20 lo
}
"""
SERVICE = """virtual_server {vip} 80 {{
    delay_loop 3
    lb_algo wlc
    lb_kind FNAT
    protocol TCP
    laddr_group_name local
{reals}}}
"""
REAL = """    real_server {address} 80 {{
        weight 10
        TCP_CHECK {{
            connect_timeout 1
        }}
    }}
"""

Times = dict[str, list[float]]


def configuration(services: int) -> str:
    vips = (plus(NETS[4].vip, n) for n in range(services))
    texts = [HEAD]
    for n, vip in enumerate(vips):
        reals = (plus("10.128.0.0", n * REALS + i) for i in range(REALS))
        texts.append(SERVICE.format(vip=vip, reals="".join(REAL.format(address=a) for a in reals)))
    return "".join(texts)


def timed(do: Callable[[], Any], unit: float = 1e3) -> tuple[float, Any]:
    """Milliseconds, unless told otherwise, and what came of it."""
    began = time.perf_counter()
    result = do()
    return (time.perf_counter() - began) * unit, result


def another_weight(table: api.Table, n: int) -> api.Table:
    """The n-th service's first real server weighs something else."""
    services = list(table.services)
    first, *rest = services[n].reals
    heavier = msgspec.structs.replace(first, weight=first.weight + 1)
    services[n] = msgspec.structs.replace(services[n], reals=(heavier, *rest))
    return msgspec.structs.replace(table, services=tuple(services))


def parsed(services: int, times: Times) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "keepalived.conf"
        path.write_text(configuration(services))
        took, loaded = timed(lambda: confparser.load(str(path)), unit=1)
    if loaded.config is None or len(loaded.config.virtual_servers) != services:
        raise RuntimeError(f"the configuration is not read as it should be: {loaded.diagnostics[:3]}")
    times["parse"] = [took]
    return loaded.config


def apply(plane: Plane, changes: tuple[api.Change, ...]) -> None:
    """As the dp process does, which gets them packed."""
    request: api.Apply = REQUEST(wire.pack(api.Apply(changes))[4:])
    plane.conf.apply(request.changes)


def measure(services: int) -> Times:
    times: Times = {}
    config = parsed(services, times)
    took, table = timed(partial(desired, config, ALL_WELL))
    times["desired"] = [took]
    del config
    start_eal(64)
    before = resident_after_all()
    plane = Plane(slots=SLOTS, capacity=POOL_PORTS)
    plane.sink()
    took, everything = timed(lambda: diff(api.Table(), table))
    times["diff-of-everything"] = [took]
    took, _ = timed(lambda: apply(plane, everything), unit=1)
    times["load"] = [took]
    hosts = {service.key.address: frozenset({"lo"}) for service in table.services}
    took, _ = timed(lambda: plane.conf.set_host(hosts), unit=1)
    times["addresses"] = [took]
    times["memory"] = [(resident_after_all() - before) / (1 << 20)]
    times["list"] = [timed(lambda: wire.pack(plane.conf.stats()))[0] for _ in range(3)]  # as ipvsadm -L asks
    changes(plane, table, times)
    plane.close()
    return times


def changes(plane: Plane, table: api.Table, times: Times) -> None:
    """One weight, again and again at another service."""
    times["diff-of-a-weight"], times["weight-change"] = [], []
    for n in range(ROUNDS):
        wanted = another_weight(table, n * 97)
        took, change = timed(partial(diff, table, wanted))
        times["diff-of-a-weight"].append(took)
        if len(change) != 1:
            raise RuntimeError(f"one weight is {len(change)} changes")
        times["weight-change"].append(timed(partial(apply, plane, change))[0])
        table = wanted
    if plane.conf.table() != table:
        raise RuntimeError("the dataplane does not have what it was told")


UNITS = {"parse": "s", "load": "s", "addresses": "s", "memory": "MiB"}


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    results = []
    for services in SIZES.values():
        with spawn.Pool(1) as pool:
            results.append(pool.apply(measure, (services,)))
    many, few = results
    for name, values in many.items():
        baseline = [statistics.median(few[name])] * len(values)
        show(f"control/{next(iter(SIZES))}/{name}", UNITS.get(name, "ms"), values, baseline)


if __name__ == "__main__":
    main()
