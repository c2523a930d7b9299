# SPDX-License-Identifier: Apache-2.0
"""Two directors with lbd on them, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.smoke import configurations
from tests.smoke.director import Director
from tests.smoke.program import becomes
from tests.smoke.topology import DIRECTORS, EXAMPLES, HTTP, REAL_SERVERS, TRANSFER, VIP, Topology


class Pair:
    """lb1 is master of all its instances and lb2 backup when ``start`` returns, and all real servers are in."""

    def __init__(self, net: Topology) -> None:
        self.net = net
        self.lb1, self.lb2 = (Director(net, host) for host in DIRECTORS)

    async def start(
        self,
        config: Callable[[str], Path],
        *options: str,
        port: int = HTTP,
        families: tuple[int, ...] = (4, 6),
    ) -> None:
        for director in (self.lb1, self.lb2):
            director.start(config(director.host), *options)
        for family in families:
            await self.holds(self.lb1, family, 20)
        for director in (self.lb1, self.lb2):
            for family in families:
                await director.serves(self.reals(family), VIP[family], port, 20)

    async def start_examples(self, *options: str) -> None:
        await self.start(lambda host: EXAMPLES / f"{self.net.mode}-{host}.conf", *options)

    async def start_transfers(self) -> None:
        """VRRP and FullNAT services of both families on the port of ``peer.py``, with short timers."""

        def config(host: str) -> Path:
            parts = [configurations.pools(host)]
            for family in (4, 6):
                parts += [configurations.vrrp(host, family), configurations.service(self.net, host, family)]
            return configurations.write(self.net, host, "".join(parts))

        await self.start(config, port=TRANSFER)

    async def holds(self, director: Director, family: int, timeout: float) -> None:
        """The kernel of that director has the VIP."""
        host = self.net[director.host]
        await becomes(
            lambda: f" {VIP[family]}/" in host.run("ip", f"-{family}", "addr"),
            f"the VIP {VIP[family]} is on {director.host}",
            timeout,
        )

    def reals(self, family: int) -> set[str]:
        return {self.net.address(name, family) for name in REAL_SERVERS}
