# SPDX-License-Identifier: Apache-2.0
"""What the demo does, step by step. Each step either happens and is said, or raises BrokenError with what did not."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from demo.expect import silence_time, takeover_time
from demo.summary import Summary
from demo.view import Told, View
from tests.smoke import traffic
from tests.smoke.director import Director
from tests.smoke.program import Program, becomes
from tests.smoke.topology import EXAMPLES, HTTP, REAL_SERVERS, ROOT, VIP, Topology

ENOUGH = 60
"""Requests that a claim about all of them is made from."""


class BrokenError(Exception):
    """Something that lbd should have done did not happen; the text says what."""


class Story(Told):
    def __init__(self, net: Topology, view: View) -> None:
        self.net, self.view = net, view
        self.lb1, self.lb2 = Director(net, "lb1"), Director(net, "lb2")
        self.client = net["client"]
        self.names = {net.address(name, 4): name for name in REAL_SERVERS}
        self.load = traffic.Load(self.client, VIP[4])
        self.summary = Summary(self.load, view)
        self.out: set[str] = set()
        """Real servers that the check has taken out."""

    async def tell(self) -> None:
        """Returns when all of it happened."""
        self.view.watch(self)
        await self.start()
        async with self.load:
            await self.balance()
            await self.burst()
            await self.stopped_server("rs3")
            await self.silent_server("rs2")
            await self.lost_director()
        if self.view.keeps:
            await self.lb1_returns()

    async def start(self) -> None:
        say = self.view.say
        say(f"one LAN: a client, two directors, three real servers with nginx; {self.net.mode.upper()}")
        await self.net.serve()
        for director in (self.lb1, self.lb2):
            file = EXAMPLES / f"{self.net.mode}-{director.host}.conf"
            director.start(file)
            say(f"{director.host}: lbd -n -l -f {file.relative_to(ROOT)}")
        await self.lb1.program.says(r"\) Entering MASTER STATE", 20)
        await self.holds_vip("lb1")
        await self.lb2.program.says(r"\) Entering BACKUP STATE", 20)
        say(f"VIP {VIP[4]} is on lb1; lb2 stands by")
        for director in (self.lb1, self.lb2):
            await director.serves(set(self.names), VIP[4], HTTP)

    async def holds_vip(self, host: str) -> None:
        """The kernel of that director has the address."""
        await becomes(
            lambda: f" {VIP[4]}/" in self.net[host].run("ip", "-4", "addr"), f"the VIP on {host}", 5
        )

    async def balance(self) -> None:
        """The requests of the client are spread over all real servers, and none fails."""
        since = self.now()
        await self.load.count(ENOUGH, since)
        self.none_failed(since, "while all real servers ran")
        self.all_take_part(since, set(REAL_SERVERS))
        self.view.say(f"the client's requests to the VIP are spread: {self.spread(since)}")

    async def burst(self) -> None:
        """As many requests as a few clients can ask, for two seconds: what the packets a second are measured from."""
        before, began = await self.lb1.dp_status(), self.now()
        clients = [self.greedy(began + 2.0) for _ in range(8)]
        asked = sum(await asyncio.gather(*clients))
        after, lasted = await self.lb1.dp_status(), self.now() - began
        packets = (after.rx - before.rx) / lasted
        self.summary.rate(asked / lasted, packets)
        self.view.say(
            f"eight greedy clients: {asked / lasted:,.0f} requests/s, {packets:,.0f} packets/s into lb1"
        )

    async def greedy(self, until: float) -> int:
        asked = 0
        while self.now() < until:
            await traffic.get(self.client, VIP[4])
            asked += 1
        return asked

    async def stopped_server(self, name: str) -> None:
        """nginx ends: the check takes the server out; it starts again: the server takes part again."""
        nginx = self.nginx(name)
        since = self.now()
        await nginx.end()
        self.view.say(f"nginx on {name} is stopped")
        await self.taken_out(name, since, silence_time(self.config(), self.net.address(name, 4)))
        self.net.start_nginx(name)
        self.view.say(f"nginx on {name} is started again")
        await self.taken_in(name)

    async def silent_server(self, name: str) -> None:
        """nginx hangs: connections open and nothing is answered. Out within its check's time."""
        nginx = self.nginx(name)
        since = self.now()
        nginx.send(signal.SIGSTOP)
        self.view.say(f"{name} falls silent (SIGSTOP): it accepts connections and answers nothing")
        try:
            await self.taken_out(name, since, silence_time(self.config(), self.net.address(name, 4)))
        finally:
            nginx.send(signal.SIGCONT)
        self.view.say(f"{name} speaks again (SIGCONT)")
        await self.taken_in(name)

    async def taken_out(self, name: str, since: float, limit: float) -> None:
        rest = set(self.names) - {self.net.address(name, 4)}
        for director in (self.lb1, self.lb2):
            await director.serves(rest, VIP[4], HTTP, limit)
        out = self.now()
        self.out.add(name)
        self.view.say(f"the health check took {name} out, {out - since:.1f} s later")
        await self.load.count(ENOUGH, out)
        self.summary.expected(since, out, f"{name} was gone and not yet out")
        self.none_failed(out, f"after {name} was taken out")
        self.all_take_part(out, set(REAL_SERVERS) - {name})
        self.view.say(f"since then no request failed: {self.spread(out)}")

    async def taken_in(self, name: str) -> None:
        for director in (self.lb1, self.lb2):
            await director.serves(set(self.names), VIP[4], HTTP, 30)
        self.out.discard(name)
        since = self.now()
        await self.load.count(ENOUGH, since)
        self.none_failed(since, f"after {name} came back")
        self.all_take_part(since, set(REAL_SERVERS))
        self.view.say(f"{name} takes part again: {self.spread(since)}")

    async def lost_director(self) -> None:
        """Every process of lbd on lb1 ends in the same moment; lb2 takes the VIP and requests go on."""
        master = self.lb2.program.mark()
        killed = self.now()
        self.lb1.kill_all()
        self.view.say("lb1: all of lbd is killed with SIGKILL")
        first = await self.load.answered(REAL_SERVERS, killed, 20)
        took = first.ended - killed
        await self.lb2.program.says(r"\) Entering MASTER STATE", 5, master)
        await self.holds_vip("lb2")
        limit = takeover_time(EXAMPLES / f"{self.net.mode}-lb2.conf")
        if took > limit:
            raise BrokenError(f"lb2 took over after {took:.2f} s; its adverts allow {limit:.2f} s")
        self.summary.takeover(took, limit)
        self.view.say(f"lb2 has the VIP; the first request was answered {took:.2f} s after the kill")
        since = self.now()
        await self.load.count(ENOUGH, since)
        self.summary.expected(killed, since, "lb1 was dead and lb2 not yet master")
        self.none_failed(since, "after lb2 took over")
        self.all_take_part(since, set(REAL_SERVERS))
        self.view.say(f"requests go on through lb2: {self.spread(since)}")

    async def lb1_returns(self) -> None:
        """For whoever looks around afterwards: both directors stand."""
        self.lb1.start()
        await self.lb1.program.says(r"\) Entering MASTER STATE", 20)
        self.view.say("lb1 runs again")

    def nginx(self, name: str) -> Program:
        return self.net.programs[f"nginx-{name}"]

    def config(self) -> Path:
        return EXAMPLES / f"{self.net.mode}-lb1.conf"

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def spread(self, since: float) -> str:
        counts = self.load.spread(since)
        return ", ".join(f"{name} {counts[name]}" for name in REAL_SERVERS if counts[name])

    def none_failed(self, since: float, when: str) -> None:
        if failed := self.load.failures(since):
            raise BrokenError(f"{len(failed)} requests failed {when}; the first: {failed[0].error}")

    def all_take_part(self, since: float, servers: set[str]) -> None:
        answered = set(self.load.spread(since))
        if answered != servers:
            raise BrokenError(f"requests went to {sorted(answered)}, not to {sorted(servers)}")
