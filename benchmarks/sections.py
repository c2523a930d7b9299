# SPDX-License-Identifier: Apache-2.0
"""The sections of docs/performance.md: what is shown, and what to know of it."""

from __future__ import annotations

from benchmarks.page import Listing, Section, Table, alone, beside, ours, share

HEAD = """# Performance

Measured by `make bench` on {date}, commit {commit}; `python -m benchmarks.page` made this page of it.

{machine}

The machine is shared and virtual, so what counts here are ratios: everything stands beside a baseline from the same
run, in turns, and figures are medians. `make bench ONLY=name,…` repeats a part; the programs are
`benchmarks/bench_*.py`, one a family of figures, and say in their first lines what they do. Flows come in random order,
and connections lie in memory in another one than they are asked for.
"""

SECTIONS = (
    Section(
        "Through owned ports",
        "Million packets per second of one worker, one way, and the share of `dpdk-testpmd --forward-mode=io` on the"
        " very same devices, file, core and burst: 60- and 74-byte frames of so many established flows from `net_pcap`,"
        " out by `net_null`. Everything that a real service needs is on: state, counters, checksums, MTU, next hop."
        " testpmd's 5tswap reads as much of a frame as lbd does, and knows no flow.",
        (Table(r"pcap-null/(?P<row>.+)/(?P<column>.+)", "Mpps (share of io)", share),),
    ),
    Section(
        "The pipeline",
        "Cycles of the time stamp counter per packet, without a port: established connections, one way, with the"
        " worker's house-keeping. Making and sending the same frames straight takes 11 to 12 of them.",
        (Table(r"pipeline/(?P<row>.+)/(?P<column>.+)", "cycles/packet", alone),),
    ),
    Section(
        "Its stages",
        "Cycles per packet of each stage, less what looking at the clock costs.",
        (Table(r"stage/(?P<column>.+/.+)/(?P<row>.+)", "cycles/packet", alone),),
    ),
    Section(
        "Where the time goes",
        "![A flame graph of the worker](performance.svg) The worker's own loop through owned ports, FullNAT UDP with"
        " 100,000 flows, sampled by perf's clock (this machine counts no cycles): each function with all that it calls."
        " `librte_net_pcap` and `librte_net_null` are the devices' drivers, the former a copy of each frame.",
        (Listing(r"worker/(.+)", ""),),
    ),
    Section(
        "New connections",
        "Whole lives of TCP connections per second on one core, client and server played from memory: SYN, SYN-ACK,"
        " ACK, data, and RST (`rst`: 5 packets) or FIN from both sides (`fin`: 8 packets; DR sees 5)."
        " Ended connections are swept and give their local ports back meanwhile. The baseline is the same packets made"
        " and sent straight.",
        (Listing(r"connections/(.+)", "straight"),),
    ),
    Section(
        "Many connections",
        "Bytes of resident memory per live connection, index included, and what a packet costs beside 100,000 of them.",
        (Listing(r"memory/(.+)", "100 k"),),
    ),
    Section(
        "Many services",
        "10 real servers each; 100,000 flows over all of them, beside one service.",
        (Listing(r"services/(.+)", "one service"),),
    ),
    Section(
        "Instructions",
        "Instructions per packet, counted by callgrind. CI fails where a part takes over 5 % more than"
        " `benchmarks/instructions.json` says ([0610](decisions/0610-what-kept-fast-means.md)).",
        (Table(r"instructions/(?P<column>.+?)/(?P<row>.+)", "instructions/packet", alone),),
    ),
    Section(
        "End to end, offloads at their defaults",
        "Between namespaces on two processors for all, on shared ports (packet sockets beside the kernel): lbd FullNAT"
        " beside others on wires of the same make, in turns ([0611](decisions/0611-balancers-side-by-side.md)). In"
        " brackets: how many times that lbd has. wrk with 32 connections, iperf3.",
        (Table(r"wires/default/(?P<row>.+)/beside-(?P<column>.+)", "", beside, ours),),
    ),
    Section(
        "End to end over IPv6",
        "The same over IPv6, offloads at their defaults.",
        (Table(r"wires/ip6/(?P<row>.+)/beside-(?P<column>.+)", "", beside, ours),),
    ),
    Section(
        "End to end, offloads off",
        "IPv4 with checksum and segmentation offloads off at every end, and dpdk-testpmd as a bare wire in"
        " `net_af_packet`: what such ports let through at all.",
        (Table(r"wires/plain/(?P<row>.+)/beside-(?P<column>.+)", "", beside, ours),),
    ),
    Section(
        "Beside other traffic",
        "Requests per second through a shared port while UDP to nobody's service comes by it, as fast as dpdk-testpmd"
        " sends it on the processors that all share.",
        (Listing(r"unrelated/(.+)", "without it"),),
    ),
    Section(
        "Idleness",
        "All of lbd's processes while nothing comes; and a frame that comes after 30 ms of silence: from its arrival at"
        " one port to its leaving by the other, and a client's round trip beside nftables DNAT.",
        (Listing(r"idle/(.+)", "nftables"),),
    ),
    Section(
        "Control at scale",
        "10,000 services of 10 real servers each, beside 1,000 of them: what grows with their number should be 10 times"
        " the baseline, what costs the size of a change should be equal to it.",
        (Listing(r"control/10k/(.+)", "1,000 services"),),
    ),
)
