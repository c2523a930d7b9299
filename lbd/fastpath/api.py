# SPDX-License-Identifier: Apache-2.0
"""The contract of the fastpath with everyone outside: what may be asked of it, and what it answers.

A client connects to the Unix socket of the dp process, says ``Hello``, and then sends one request at a time; each
gets one reply. ``Apply`` carries a list of changes that take effect together or not at all: packets see either all
of them or none. Addresses are canonical text (RFC 5952), ports host-order numbers, durations seconds.
"""

from __future__ import annotations

import enum

import msgspec

VERSION = 3
"""Of this contract. A dp process refuses a client of another version in words."""


class Protocol(enum.Enum):
    ICMP = 1
    """Echo; the port of a service is 0."""
    TCP = 6
    UDP = 17
    ICMPV6 = 58
    """As ICMP."""
    SCTP = 132

    def __lt__(self, other: Protocol) -> bool:
        """By number: services of one address and port are in an order, too."""
        return bool(self.value < other.value)


class Method(enum.Enum):
    """Forwarding method of a real server."""

    FNAT = "fnat"
    NAT = "nat"
    SNAT = "snat"
    """The source of what goes out is rewritten: the real server's address is the source. For matches."""
    DR = "dr"
    TUN = "tun"


class TunnelKind(enum.Enum):
    IPIP = "ipip"
    """Also 6in4, 4in6 and 6in6: by the families of service and real server."""
    GRE = "gre"
    GUE = "gue"


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """The tunnel to a real server of method TUN."""

    kind: TunnelKind = TunnelKind.IPIP
    port: int = 0
    """UDP port of GUE."""
    checksum: bool = False
    """GRE's, or of GUE's UDP header."""


class Span(msgspec.Struct, frozen=True, order=True):
    """Inclusive; addresses empty: any."""

    first: str = ""
    last: str = ""
    first_port: int = 0
    last_port: int = 65535


class Match(msgspec.Struct, frozen=True, order=True):
    """Which packets a service takes that has no address. Of those that this machine would route, not its own."""

    source: Span = Span()
    destination: Span = Span()
    iif: str = ""
    """Interface by which they come, and ``oif`` by which they would leave; empty: any."""
    oif: str = ""


class ServiceKey(msgspec.Struct, frozen=True, order=True):
    """An address and a port; or with the unspecified address of a family (0.0.0.0 or ::) a match."""

    address: str
    port: int
    """0: all that have no service of their own."""
    protocol: Protocol
    match: Match = Match()

    @property
    def by_match(self) -> bool:
        return self.address in ("0.0.0.0", "::")

    def __str__(self) -> str:
        if self.by_match:
            return f"MATCH {_match_text(self)}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol.name} {host}:{self.port}"


def _match_text(key: ServiceKey) -> str:
    """As ipvsadm of DPVS lists it: ``tcp,from=10.0.0.1-10.0.0.9:1-1024,oif=eth1``."""
    words = [key.protocol.name.lower()]
    for name, span in (("from", key.match.source), ("to", key.match.destination)):
        ports = (
            f":{span.first_port}-{span.last_port}" if (span.first_port, span.last_port) != (0, 65535) else ""
        )
        if span.first or ports:
            words.append(f"{name}={span.first}-{span.last}{ports}" if span.first else f"{name}={ports}")
    words += [f"{name}={value}" for name, value in (("iif", key.match.iif), ("oif", key.match.oif)) if value]
    return ",".join(words)


class Real(msgspec.Struct, frozen=True):
    """A real server of a service; (address, port) is its key there. Weight 0 takes no new connections.

    Port 0, in a service for all ports: the one that the client asked for.
    """

    address: str
    port: int
    weight: int = 1
    method: Method = Method.NAT
    tunnel: Tunnel = Tunnel()
    """Of TUN."""
    upper: int = 0
    """With so many connections, over all workers, it takes no new ones; 0: no limit."""
    lower: int = 0
    """It takes new ones again below this; 0: below three quarters of ``upper``."""


class HashTarget(enum.Enum):
    """What conhash looks at."""

    SOURCE = "sip"
    QUIC_ID = "qid"
    """The connection ID of Google's QUIC; the source address where there is none."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    key: ServiceKey
    scheduler: str = "wlc"
    """A name of IPVS, or conhash of DPVS (``validity.SCHEDULERS``)."""
    hash_port: bool = False
    """sh and mh: connections of one client may go to different servers."""
    fallback: bool = False
    """sh and mh: who falls on a server that takes no connections goes to another one."""
    hash_target: HashTarget = HashTarget.SOURCE
    table_size: int = 0
    """Of mh: a prime; of sh and dh: a power of two; 0: IPVS's."""
    reals: tuple[Real, ...] = ()
    pool: str | None = None
    """Name of the LocalPool that FNAT takes its source addresses from."""
    interface: str | None = None
    """Claimed only while the kernel has the address on this interface; None: while it is local at all."""
    establish_timeout: int = 0
    """Idle seconds in ESTABLISHED (TCP) or in all (UDP); 0: as in Timeouts."""
    persistence: int = 0
    """Seconds after a client's last new connection that the next one goes to the same server; 0: any server."""
    persistence_mask: str = ""
    """Which bits of addresses tell clients apart, as an address of the service's family; empty: all."""


class LocalAddress(msgspec.Struct, frozen=True, order=True):
    address: str
    interface: str


class LocalPool(msgspec.Struct, frozen=True):
    name: str
    addresses: tuple[LocalAddress, ...]


Spans = tuple[tuple[int, int], ...]
"""Inclusive ranges of numbers, in order."""


class MarkRule(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the program that gives a packet its firewall mark, as the host's own rules would. None: anything.

    The program is a tuple of steps. A packet begins at step 0 with mark 0; where a step means it, its mark becomes
    ``(mark & ~mask) ^ mark`` and it goes on at step ``then``, else at the next one. Steps only lead forward, and
    past the last one the mark is what it is.
    """

    family: int = 0
    """4, 6, or 0 for both."""
    saddr: tuple[tuple[str, str], ...] | None = None
    """Inclusive ranges, in order. Where there are addresses there is a family."""
    daddr: tuple[tuple[str, str], ...] | None = None
    protocols: Spans | None = None
    sport: Spans | None = None
    dport: Spans | None = None
    iif: tuple[str, ...] | None = None
    """Names of interfaces; ``*`` stands for what follows."""
    iif_but: bool = False
    """Any but those."""
    mac: tuple[str, ...] | None = None
    """Source of the frame."""
    mac_but: bool = False
    marked: tuple[int, int] | None = None
    """Value and mask: those whose mark & mask is the value already."""
    marked_but: bool = False
    local: bool | None = None
    """Whether the destination is an address of this machine."""
    mark: int = 0
    mask: int = 0
    """With both 0 the mark stays."""
    then: int = 0


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Idle seconds by state; IPVS's names and defaults."""

    established: int = 900
    syn_sent: int = 120
    syn_recv: int = 60
    fin_wait: int = 120
    time_wait: int = 120
    close: int = 10
    close_wait: int = 60
    last_ack: int = 30
    udp: int = 300
    icmp: int = 300
    sctp_established: int = 900


class Table(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything that is configured: what a returning client reads back and compares with what it wants."""

    services: tuple[Service, ...] = ()
    pools: tuple[LocalPool, ...] = ()
    timeouts: Timeouts = Timeouts()


# Changes, for Apply. Order matters: a pool is set before a service that names it, and deleted after.


class SetService(msgspec.Struct, frozen=True, tag=True):
    """Add the service, or make the one of this key equal to it. What is equal keeps counters and connections."""

    service: Service


class DeleteService(msgspec.Struct, frozen=True, tag=True):
    """Take no more new connections; those that live are forwarded until they end."""

    key: ServiceKey


class SetPool(msgspec.Struct, frozen=True, tag=True):
    pool: LocalPool


class DeletePool(msgspec.Struct, frozen=True, tag=True):
    name: str


class SetTimeouts(msgspec.Struct, frozen=True, tag=True):
    timeouts: Timeouts


Change = SetService | DeleteService | SetPool | DeletePool | SetTimeouts


# Requests.


class Hello(msgspec.Struct, frozen=True, tag=True):
    version: int = VERSION


class Apply(msgspec.Struct, frozen=True, tag=True):
    changes: tuple[Change, ...]


class GetTable(msgspec.Struct, frozen=True, tag=True):
    pass


class GetStats(msgspec.Struct, frozen=True, tag=True):
    pass


class GetStatus(msgspec.Struct, frozen=True, tag=True):
    pass


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End the dp process in order: addresses, guard and ports are put back."""


Request = Hello | Apply | GetTable | GetStats | GetStatus | Stop


# Replies.


class Done(msgspec.Struct, frozen=True, tag=True):
    pass


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Nothing was changed; the reason is a sentence for the person who asked."""

    reason: str


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """IPVS's: in is from the client, out is to the client. 64 bits, since the slot was made."""

    connections: int = 0
    in_packets: int = 0
    in_bytes: int = 0
    out_packets: int = 0
    out_bytes: int = 0
    active: int = 0
    """Connections of TCP that open or are established, and of SCTP that are; the rest is inactive (IPVS)."""
    inactive: int = 0


class RealStats(msgspec.Struct, frozen=True):
    address: str
    port: int
    weight: int
    method: Method
    counters: Counters


class ServiceStats(msgspec.Struct, frozen=True):
    key: ServiceKey
    claimed: bool
    """False where the kernel has not the address (on the interface asked for): the fastpath leaves it alone."""
    counters: Counters
    reals: tuple[RealStats, ...]


class Stats(msgspec.Struct, frozen=True, tag=True):
    services: tuple[ServiceStats, ...]


class PortStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    """``shared`` or ``owned``."""
    attached: bool
    rx_packets: int = 0
    tx_packets: int = 0
    tx_failed: int = 0


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    turns: int
    busy: float
    """Seconds spent in turns that had packets."""
    rx: int
    handed: int
    """Packets given to the worker that owns them."""
    taken: int
    """Packets that other workers gave to this one."""
    connections: int


class Status(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """drops, punts and passes are by name, and only those that are not 0.

    rx + originated = tx + drops + punts + passes + waiting, exactly. What is between two workers waits.
    """

    pid: int
    uptime: float
    workers: tuple[WorkerStatus, ...]
    connections: int
    capacity: int
    mbufs_in_use: int
    mbufs: int
    rx: int
    tx: int
    originated: int
    waiting: int
    drops: dict[str, int]
    punts: dict[str, int]
    passes: dict[str, int]
    ports: tuple[PortStatus, ...]
    guard: str
    """One phrase: ``standing``, ``none``, or what is wrong with it."""
    settings: tuple[str, ...] = ()
    """Each kernel setting that was changed and will be put back, as ``name = value (was value)``."""
    warnings: tuple[str, ...] = ()
    """What the host's own firewall would do and does not here; each a sentence."""
    marks: tuple[MarkRule, ...] = ()
    """The program that gives packets their firewall marks."""


Reply = Done | Refused | Table | Stats | Status
