# SPDX-License-Identifier: Apache-2.0
"""A real keepalived at the other end of the same instance: lbd backs it up, takes over, leads, and yields."""

import signal
from collections.abc import Iterator

import pytest

from tests.smoke import configurations
from tests.smoke.director import Director
from tests.smoke.pair import Pair
from tests.smoke.program import Program
from tests.smoke.topology import Topology

pytestmark = pytest.mark.root
FAMILIES = (4, 6)


@pytest.fixture
def net() -> Iterator[Topology]:
    with Topology("fnat") as net:
        yield net


def start_keepalived(net: Topology, host: str, text: str) -> Program:
    directory = net.directory / f"keepalived-{host}"
    directory.mkdir(exist_ok=True)
    config = configurations.write(net, host, text)
    return net.start(
        f"keepalived-{host}", host, "keepalived", "-n", "-l", "-P", "-f", str(config),
        "-p", str(directory / "main.pid"), "-r", str(directory / "vrrp.pid"),
    )  # fmt: skip


def start_lbd(net: Topology, host: str, text: str) -> Director:
    director = Director(net, host)
    director.start(configurations.write(net, host, text))
    return director


@pytest.mark.parametrize("family", FAMILIES)
async def test_lbd_backs_keepalived_up_and_takes_over(net: Topology, family: int) -> None:
    keepalived = start_keepalived(net, "lb1", configurations.vrrp("lb1", family))
    await keepalived.says("Entering MASTER STATE", 10)
    lbd = start_lbd(net, "lb2", configurations.vrrp("lb2", family))
    await lbd.program.says(rf"\(VI_{family}\) Entering BACKUP STATE", 10)
    heard = await lbd.shows(lambda now: now.vrrp[0].adverts_received >= 5)
    assert heard.vrrp[0].state == "BACKUP"
    mark = lbd.program.mark()
    net["lb1"].kill(signal.SIGKILL)
    await lbd.program.says(rf"\(VI_{family}\) Entering MASTER STATE", 3, mark)
    await Pair(net).holds(lbd, family, 2)


@pytest.mark.parametrize("family", FAMILIES)
async def test_lbd_leads_and_yields_to_a_higher_keepalived(net: Topology, family: int) -> None:
    lbd = start_lbd(net, "lb1", configurations.vrrp("lb1", family))
    await lbd.program.says(rf"\(VI_{family}\) Entering MASTER STATE", 10)
    mark = lbd.program.mark()
    lower = start_keepalived(net, "lb2", configurations.vrrp("lb2", family))
    await lower.says("Entering BACKUP STATE", 10)
    sent = (await lbd.overview()).vrrp[0].adverts_sent
    await lbd.shows(lambda now: now.vrrp[0].adverts_sent >= sent + 5)
    assert "Entering BACKUP" not in lbd.program.text(mark)
    assert "Entering MASTER" not in lower.text()
    await lower.end()
    higher = configurations.vrrp("lb2", family, priority=200)
    keepalived = start_keepalived(net, "lb2", higher)
    await keepalived.says("Entering MASTER STATE", 10)
    await lbd.program.says(rf"\(VI_{family}\) Entering BACKUP STATE", 5, mark)
    status = await lbd.overview()
    assert status.vrrp[0].state == "BACKUP"
    assert status.vrrp[0].adverts_received > 0
