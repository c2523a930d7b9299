# SPDX-License-Identifier: Apache-2.0
"""The next hop as the kernel would choose it: ``ip route get`` says the same of ten thousand random packets."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lbd.kernel.policy import Flow, Hop
from lbd.kernel.values import Path
from tests.smoke.kernel_stage import Watched
from tests.smoke.namespace import Namespace
from tests.smoke.route_questions import Questions

pytestmark = pytest.mark.root

PACKETS = 10_000
WIRES = ("a0", "a1", "a2")
KINDS = ("blackhole", "unreachable", "prohibit", "throw")


class Net:
    """One family's words for the same things."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.flag = "-4" if version == 4 else "-6"

    def prefix(self, chosen: random.Random) -> str:
        """Short ones and long ones, mostly inside each other."""
        first, second = chosen.randint(0, 3), chosen.randint(0, 3)
        if self.version == 4:
            area, host = f"10.{100 + first}", chosen.randint(0, 3)
            every = [f"{area}.0.0/16", f"{area}.{second}.0/24", "10.100.0.0/14", f"{area}.{second}.{host}/32"]
        else:
            area, host = f"fd00:{first}", chosen.randint(1, 4)
            every = [f"{area}::/32", f"{area}:{second}::/48", "fd00::/16", f"{area}:{second}::{host:x}/128"]
        return chosen.choice(every)

    def address(self, chosen: random.Random) -> str:
        a, b, c = chosen.randint(0, 4), chosen.randint(0, 4), chosen.randint(0, 4)
        return f"10.{100 + a}.{b}.{c}" if self.version == 4 else f"fd00:{a:x}:{b:x}::{c or 5:x}"

    def gateway(self, wire: int, last: int) -> str:
        return f"10.9.{wire}.{last}" if self.version == 4 else f"fd09:{wire}::{last:x}"

    def own(self, wire: int) -> str:
        return self.gateway(wire, 1)


def route(net: Net, chosen: random.Random, table: int) -> str:
    where = f"{chosen.choice([net.prefix(chosen)] * 6 + ['default'])} table {table}"
    metric = f"metric {chosen.choice([10, 20, 1024])}"
    draw = chosen.random()
    if draw < 0.25:
        return f"route add {chosen.choice(KINDS)} {where} {metric}"
    wire = chosen.randint(0, 2)
    if draw < 0.5:
        hops = chosen.sample([(w, last) for w in range(3) for last in (7, 8)], chosen.randint(2, 3))
        paths = [
            f"nexthop via {net.gateway(w, last)} dev a{w} weight {chosen.randint(1, 9)}" for w, last in hops
        ]
        return f"route add {where} {metric} {' '.join(paths)}"
    if draw < 0.6:
        return f"route add {where} {metric} dev a{wire}"
    return f"route add {where} {metric} via {net.gateway(wire, chosen.randint(7, 9))} dev a{wire}"


def rule(net: Net, chosen: random.Random, priority: int) -> str:
    words = []
    if chosen.random() < 0.4:
        words.append(f"from {net.prefix(chosen)}")
    if chosen.random() < 0.4:
        words.append(f"to {net.prefix(chosen)}")
    if chosen.random() < 0.4:
        words.append(f"iif {chosen.choice(WIRES)}")
    if chosen.random() < 0.1:
        words.append(f"oif {chosen.choice(WIRES)}")
    if chosen.random() < 0.4:
        words.append(f"fwmark {chosen.choice(['1', '2', '0x10/0xf0', '0/0x1'])}")
    if chosen.random() < 0.2:
        words.append(f"ipproto tcp dport {chosen.choice(['80', '80-90', '443'])}")
    table = chosen.choice([100, 101, 102, 103, 254])
    actions = [f"table {table}"] * 8 + [f"table {table} suppress_prefixlength {chosen.choice([0, 16, 24])}"]
    actions += ["blackhole", "prohibit", "unreachable", "nop", f"goto {priority + chosen.choice([20, 50])}"]
    action = chosen.choice(actions)
    if "goto" not in action and "table" not in action and len(words) < 2:
        action = f"table {table}"  # one that ends everything for everybody would leave nothing to ask
    invert = "not " if words and chosen.random() < 0.15 else ""
    return f"rule add pref {priority} {invert}{' '.join(words)} {action}"


def flow(net: Net, chosen: random.Random) -> Flow:
    mark = chosen.choice([0, 0, 1, 2, 0x10, 0x11])
    ports: dict[str, Any] = {
        "protocol": 6,
        "sport": chosen.randint(1024, 65535),
        "dport": chosen.choice([80, 85, 443, 22]),
    }
    target = chosen.choice([net.address(chosen)] * 8 + [net.gateway(chosen.randint(0, 2), 77)])
    if chosen.random() < 0.7:
        return Flow(
            destination=target, source=net.address(chosen), iif=chosen.choice(WIRES), mark=mark, **ports
        )
    oif = chosen.choice(["", "", *WIRES])
    # in IPv6 an interface binds only who names no source address (ip6_route_output_flags)
    source = "::" if oif and net.version == 6 else net.own(chosen.randint(0, 2))
    return Flow(destination=target, source=source, oif=oif, mark=mark, **ports)


@pytest.fixture
def host() -> Iterator[Namespace]:
    host = Namespace("lbdpolicy")
    host.create(
        *(f"net.ipv4.conf.{where}.rp_filter=0" for where in ("all", "default")),
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
    )
    try:
        for n in range(3):
            host.ip(f"link add a{n} type veth peer name b{n}", f"link set a{n} up", f"link set b{n} up")
            host.ip(f"addr add 10.9.{n}.1/24 dev a{n}", f"addr add fd09:{n}::1/64 dev a{n} nodad")
        yield host
    finally:
        host.delete()


@pytest.fixture
async def watched(host: Namespace) -> AsyncIterator[Watched]:
    with host.entered():
        watched = Watched()
        await watched.mirror.start()
        yield watched
        await watched.mirror.close()


def _took(host: Namespace, line: str) -> bool:
    try:
        host.run("ip", *line.split())
    except subprocess.CalledProcessError:
        return False
    return True


def agrees(hop: Hop, answer: tuple[str, int, str], flow: Flow) -> bool:
    kind, oif, gateway = answer
    if kind in ("unicast", "local") and hop.kind == kind:
        return kind == "local" or Path(oif, gateway or None) in {
            Path(p.ifindex, p.gateway) for p in hop.paths
        }
    if flow.oif and not hop.paths and ":" not in flow.destination:
        return kind == "unicast"  # what this machine sends by a named interface goes out there, route or none
    # a rule's and a table's unreachable differ in their error, and having no answer in neither
    return kind == hop.kind or {kind, hop.kind} == {"none", "unreachable"}


@pytest.mark.parametrize(("version", "seed"), [(4, 4), (6, 6)])
async def test_ten_thousand_random_packets(host, watched, version, seed):
    net, chosen = Net(version), random.Random(seed)
    routes = {route(net, chosen, table) for table in (100, 101, 102, 103) for _ in range(25)}
    routes |= {route(net, chosen, 254) for _ in range(10)}
    rules = [rule(net, chosen, 1000 + 10 * n) for n in range(40)]
    lines = [f"{net.flag} {line}" for line in (*sorted(routes), *rules)]
    host.run(
        "ip", "-force", "-batch", "-", stdin="\n".join(lines).replace(f"{net.flag} ", "") + "\n"
    ) if False else None
    added = 0
    for line in lines:
        try:
            host.run("ip", *line.split())
            added += 1
        except Exception:
            continue
    assert added > 120
    await watched.mirror.read_all()
    policy = watched.mirror.policy
    questions = Questions()
    kinds: Counter[str] = Counter()
    differing = []
    for _ in range(PACKETS):
        one = flow(net, chosen)
        answer, hop = questions.ask(one), policy.next_hop(one)
        kinds[hop.kind] += 1
        if not agrees(hop, answer, one):
            differing.append((one, answer, hop))
    questions.close()
    assert differing[:3] == []
    assert not differing
    assert kinds["unicast"] > 1000, kinds
    assert all(kinds[kind] > 50 for kind in ("blackhole", "prohibit", "unreachable")), kinds
