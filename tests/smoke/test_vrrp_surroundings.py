# SPDX-License-Identifier: Apache-2.0
"""What a master holds besides its adverts: addresses with all their options, routes, rules, and a virtual MAC."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.smoke.program import becomes
from tests.smoke.vrrp_link import Link

pytestmark = pytest.mark.root

STATIC = """static_ipaddress {
    192.0.2.1/32 dev eth0
    192.0.2.2/32 dev eth0 no_track
}
static_routes {
    198.51.100.0/24 dev eth0 table 77
}
static_rules {
    from 192.0.2.1 table 77 preference 700
}
"""
INSTANCE = """vrrp_instance A {
    interface eth0
    virtual_router_id 1
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.88.4.1/24 brd + label eth0:vip scope site
        10.88.4.2 peer 10.88.4.3/32
    }
    virtual_ipaddress_excluded {
        fd88:4::1/64 home
        fd88:4::2/128
        fd88:4::3/128 preferred_lft forever
    }
    virtual_routes {
        203.0.113.0/25 via 10.88.0.20 src 10.88.4.1 metric 7 mtu lock 1400 advmss 1300 initcwnd 20 quickack 1
        203.0.113.128/25 nexthop via 10.88.0.20 dev eth0 weight 3 nexthop via 10.88.0.5 dev eth0
        blackhole 203.0.114.0/24 table 1000
        2001:db8:7::/48 via fe80::20 dev eth0 metric 55 pref high
    }
    virtual_rules {
        from 10.88.4.0/24 to 203.0.113.0/24 table 1000 priority 500
        fwmark 0x10/0xff iif eth0 ipproto tcp sport 1-1024 dport 80-443 table 1000 priority 501
        not from 2001:db8::/32 uidrange 10-20 blackhole priority 502
        to 10.1.0.0/16 goto 32766 priority 503
        to 10.2.0.0/16 table 254 suppress_prefixlength 8 priority 504
    }
}
"""


@pytest.fixture
def link() -> Iterator[Link]:
    with Link("around") as link:
        yield link


def shown(link: Link, *command: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = msgspec.json.decode(link.router.run("ip", "-j", *command) or "[]")
    return lines


def addresses(link: Link) -> dict[str, dict[str, Any]]:
    return {info["local"]: info for one in shown(link, "addr") for info in one.get("addr_info", ()) if info}


def routes(link: Link, *which: str) -> dict[str, dict[str, Any]]:
    return {route["dst"]: route for route in shown(link, *which, "route", "show", "table", "all")}


def rules(link: Link) -> dict[int, dict[str, Any]]:
    return {r["priority"]: r for family in ("-4", "-6") for r in shown(link, family, "rule")}


async def test_addresses_routes_and_rules(link: Link) -> None:
    program = link.start("lbd", STATIC + INSTANCE)
    await program.says("Entering MASTER STATE", 15)
    await becomes(lambda: 504 in rules(link), "all of it is there", 5)
    held = addresses(link)
    assert (held["10.88.4.1"]["label"], held["10.88.4.1"]["broadcast"]) == ("eth0:vip", "10.88.4.255")
    assert (held["10.88.4.1"]["prefixlen"], held["10.88.4.1"]["scope"]) == (24, "site")
    assert held["10.88.4.2"]["address"] == "10.88.4.3"
    assert held["fd88:4::1"].get("home")
    assert held["fd88:4::2"]["preferred_life_time"] == 0
    assert held["fd88:4::3"]["preferred_life_time"] == 2**32 - 1
    four, six = routes(link), routes(link, "-6")
    assert four["203.0.113.0/25"]["prefsrc"] == "10.88.4.1"
    assert four["203.0.113.0/25"]["protocol"] == "keepalived"
    (metrics,) = four["203.0.113.0/25"]["metrics"]
    assert (metrics["mtu"], metrics["advmss"], metrics["initcwnd"]) == (1400, 1300, 20)
    assert [hop["weight"] for hop in four["203.0.113.128/25"]["nexthops"]] == [3, 1]
    assert (four["203.0.114.0/24"]["type"], four["203.0.114.0/24"]["table"]) == ("blackhole", "1000")
    assert (six["2001:db8:7::/48"]["metric"], six["2001:db8:7::/48"]["pref"]) == (55, "high")
    assert four["198.51.100.0/24"]["table"] == "77"
    ruled = rules(link)
    assert (ruled[500]["src"], ruled[500]["dst"], ruled[500]["table"]) == ("10.88.4.0", "203.0.113.0", "1000")
    assert (ruled[501]["fwmark"], ruled[501]["fwmask"]) == ("0x10", "0xff")
    assert (ruled[501]["dport_start"], ruled[501]["sport_end"]) == (80, 1024)
    assert "not" in ruled[502]
    assert ruled[502]["action"] == "blackhole"
    assert ruled[503]["goto"] == 32766
    assert ruled[504]["suppress_prefixlen"] == 8
    assert ruled[700]["table"] == "77"
    # a static address is put back at once, unless it says no_track
    link.router.ip("addr del 192.0.2.1/32 dev eth0", "addr del 192.0.2.2/32 dev eth0")
    await becomes(lambda: "192.0.2.1" in addresses(link), "the static address is back", 5)
    assert "192.0.2.2" not in addresses(link)
    # a reload touches what differs, and nothing else
    mark = program.mark()
    changed = INSTANCE.replace("        10.88.4.2 peer 10.88.4.3/32\n", "").replace(
        " priority 503", " priority 509"
    )
    (link.directory / "lbd.conf").write_text(STATIC + changed)
    program.send(signal.SIGHUP)
    await becomes(lambda: 509 in rules(link) and "10.88.4.2" not in addresses(link), "the reload is done", 10)
    assert 503 not in rules(link)
    assert "10.88.4.1" in addresses(link)
    assert "Entering" not in program.text(mark)
    assert await program.end(15) == 0
    assert set(addresses(link)) == {"127.0.0.1", "::1", "10.88.0.10", "fe80::10", "192.0.2.2"} - {"192.0.2.2"}
    assert set(rules(link)) == {0, 32766, 32767}
    assert not [
        d for d in (*routes(link), *routes(link, "-6")) if d.startswith(("203.0.", "2001:db8:7", "198.51"))
    ]


VMAC = """vrrp_instance V{vrid} {{
    interface eth0
    virtual_router_id {vrid}
    version 3
    advert_int 0.1
    use_vmac
    {more}
    virtual_ipaddress {{
        {address}
    }}
}}
"""


async def test_virtual_macs(link: Link) -> None:
    """Adverts and announcements come from the virtual router's MAC; the interface goes with the instance."""
    text = (
        VMAC.format(vrid=7, more="", address="10.88.4.7")
        + VMAC.format(vrid=8, more="vmac_xmit_base", address="10.88.4.8")
        + VMAC.format(vrid=7, more="", address="fe80::88:7/64").replace("V7", "V76")
    )
    program = link.start("lbd", text)
    for name in ("V7", "V8", "V76"):
        await program.says(rf"\({name}\) Entering MASTER STATE", 15)
    macs = {one["ifname"]: one["address"] for one in shown(link, "link")}
    assert macs["vrrp.7"] == "00:00:5e:00:01:07"
    assert macs["vrrp.8"] == "00:00:5e:00:01:08"
    assert macs["vrrp6.7"] == "00:00:5e:00:02:07"
    await becomes(lambda: "10.88.4.7" in addresses(link), "the address is there", 5)
    on = {
        info["local"]: one["ifname"]
        for one in shown(link, "addr")
        for info in one.get("addr_info", ())
        if info
    }
    assert (on["10.88.4.7"], on["10.88.4.8"], on["fe80::88:7"]) == ("vrrp.7", "vrrp.8", "vrrp6.7")
    link.sources.clear()
    await becomes(lambda: _read(link) >= {(4, 7), (4, 8), (6, 7)}, "adverts come", 5)
    assert link.sources[4, 7] == {"00005e000107"}
    assert link.sources[6, 7] == {"00005e000207"}
    assert link.sources[4, 8] == {macs["eth0"].replace(":", "")}
    assert link.announced["10.88.4.7"] == "00005e000107"
    assert link.router.run("sysctl", "-n", "net.ipv4.conf.eth0.arp_ignore").strip() == "1"
    assert await program.end(15) == 0
    assert {one["ifname"] for one in shown(link, "link")} == {"lo", "eth0"}
    assert link.router.run("sysctl", "-n", "net.ipv4.conf.eth0.arp_ignore").strip() == "0"


def _read(link: Link) -> set[tuple[int, int]]:
    link.read()
    return set(link.sources)
