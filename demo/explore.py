# SPDX-License-Identifier: Apache-2.0
"""What to type after ``make demo KEEP=1``."""

from __future__ import annotations

from tests.smoke.topology import ROOT, VIP, Topology

TEXT = """
Everything still runs. To look around:
  ip netns                                                  the hosts
  ip netns exec {client} curl http://{vip}/            a request through the VIP
  {lbctl} --run-dir {lb1} status
  {lbctl} --run-dir {lb1} status --watch
  ip netns exec {host} nft list ruleset               the guard
  ip netns exec {host} ip -br addr                    VIP and local addresses
  ip netns exec {host} tcpdump -ni eth0 port 80       its frames
  tail -f {log}                    what lbd says
  kill -9 $(ip netns pids {host})                     see lb2 take over
  make clean takes it down, and so does the next make demo
"""


def how_to_explore(net: Topology) -> str:
    return TEXT.format(
        client=net["client"].name,
        vip=VIP[4],
        lbctl=(ROOT / ".venv/bin/lbctl").relative_to(ROOT),
        lb1=net.directory / "run-lb1",
        host=net["lb1"].name,
        log=net.directory / "lbd-lb1.log",
    )
