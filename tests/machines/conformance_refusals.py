# SPDX-License-Identifier: Apache-2.0
"""The cases of the conformance table: which adverts are taken, and under what name others are refused.

The peer says 200 all the time. A router that takes it stays BACKUP, one that refuses it becomes MASTER.
"""

from __future__ import annotations

import struct
from typing import Any

from lbd.model import Authentication, HmacKey, VirtualAddress
from lbd.vrrp.advert import Refusal
from tests.machines.conformance import LOW, Beat, Case, Hear, Is, Refused, Say, Silence, Step, Wait
from tests.machines.conformance_cases import KINDS, V2, V3

PASS = f"{V2}\nauthentication {{\nauth_type PASS\nauth_pass secret\n}}"
AH = f"{V2}\nauthentication {{\nauth_type AH\nauth_pass secret\n}}"
SECRET = "0123456789abcdef0123456789abcdef"
HMAC = f"{V3}\nauth_hmac {{\nkey 1 {SECRET}\nkey 2 {SECRET[::-1]}\n}}"
UNICAST = f"{V3}\nunicast_peer {{\nHIGH\n}}"
UNICAST_CHECKED = f"{V3}\nunicast_peer {{\nHIGH min_ttl 250 max_ttl 254\n}}"


def taken(name: str, rule: str, conf: str, family: int = 4, **more: Any) -> Case:
    return _case(name, rule, conf, family, (Wait(6), Is("BACKUP")), more)


def refused(name: str, reason: Refusal, rule: str, conf: str, family: int = 4, **more: Any) -> Case:
    return _case(name, rule, conf, family, (Wait(6), Is("MASTER"), Refused(reason)), more)


def _case(
    name: str, rule: str, conf: str, family: int, steps: tuple[Step, ...], more: dict[str, Any]
) -> Case:
    about = {word: more.pop(word) for word in ("machine", "since", "differs") if word in more}
    return Case(name, rule, conf, (Beat(Say(200, **more)), *steps), family, **about)


def every(name: str, reason: Refusal, rule: str, kinds: str = "v2 v3 v6", **more: Any) -> list[Case]:
    return [refused(f"{name} ({kind})", reason, rule, *KINDS[kind], **more) for kind in kinds.split()]


def flipped(at: int) -> Any:
    """One bit of that byte is another."""
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def padded(count: int) -> Any:
    return lambda data: data + bytes(count)


TRIMMED = "the kernel takes padding off before anybody sees it"
DROPPED = (
    "2.2.7 drops the advert, so that two masters may stand; later keepaliveds use it (RFC 9568 section 7.1)"
)


def reserved(data: bytes) -> bytes:
    """The four bits before the interval are set, and the checksum is right (RFC 1624)."""
    before, after = struct.unpack_from("!H", data, 4)[0], struct.unpack_from("!H", data, 4)[0] | 0xF000
    total = (~struct.unpack_from("!H", data, 6)[0] & 0xFFFF) + (~before & 0xFFFF) + after
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return data[:4] + struct.pack("!HH", after, ~total & 0xFFFF) + data[8:]


OTHERS = (VirtualAddress(address="10.88.9.9", prefix=32, dev="eth0"),)

SHAPE = [
    *every("what passed a router", Refusal.TTL, "RFC 9568 5.1.1.3", ttl=254),
    refused("version 2 to version 3", Refusal.VERSION, "RFC 9568 7.1", V3, other={"version": 2}),
    refused("version 3 to version 2", Refusal.VERSION, "RFC 3768 7.1", V2, other={"version": 3}),
    *every("another type than advert", Refusal.INVALID_TYPE, "RFC 9568 5.2.2", "v2 v3",
           change=lambda data: bytes([data[0] & 0xF0 | 2]) + data[1:]),
    *every("seven bytes", Refusal.LENGTH, "RFC 9568 7.1", "v2 v3 v6", change=lambda data: data[:7]),
    *every("more addresses than bytes", Refusal.LENGTH, "RFC 9568 7.1", "v2 v3 v6",
           change=lambda data: data[:3] + b"\x09" + data[4:]),
    *every("a wrong checksum", Refusal.CHECKSUM, "RFC 9568 7.1", "v2 v3", change=flipped(7)),
    refused("a wrong checksum (v6)", Refusal.CHECKSUM, "RFC 9568 7.1", V3, 6, change=flipped(7)),
    *every("no advert: twenty bytes more", Refusal.LENGTH, "keepalived", "v3", change=padded(23)),
    *every("a trailer that nobody asked for", Refusal.LENGTH, "keepalived 2.4", "v3", change=padded(28)),
    refused("padding of a byte too much", Refusal.LENGTH, "keepalived", V3, change=padded(15)),
    taken("Ethernet's padding", "keepalived", V3, change=padded(14), machine=TRIMMED),
    taken("Ethernet's padding, without a VLAN tag", "keepalived", V3, change=padded(10), machine=TRIMMED),
    refused("another interval, version 2", Refusal.ADVERTISEMENT_INTERVAL, "RFC 3768 7.1", V2,
            other={"advert_int": 2.0}),
    taken("another interval, version 3", "RFC 9568 7.1", V3, other={"advert_int": 1.0}),
    taken("another list of addresses", "RFC 9568 7.1", V3, other={"virtual_ipaddress": OTHERS}, differs=DROPPED),
    taken("more addresses", "RFC 9568 7.1", V3, other={"virtual_ipaddress": OTHERS * 3}, differs=DROPPED),
    taken("no addresses", "RFC 9568 7.1", V3, other={"virtual_ipaddress": ()}, differs=DROPPED),
    taken("reserved bits are set", "RFC 9568 5.2.6", V3, change=reserved),
    Case("another VRID", "RFC 9568 7.1", V3,
         (Beat(Say(200, other={"virtual_router_id": 250})), Wait(6), Is("MASTER"))),
]  # fmt: skip

SUMS = [
    refused("version 3 without pseudo header", Refusal.CHECKSUM, "keepalived (RFC 9568 5.2.8 would take it)", V3,
            other={"v3_checksum_as_v2": True}),
    taken("v3_checksum_as_v2 takes the sum without pseudo header", "keepalived.conf(5)",
          f"{V3}\nv3_checksum_as_v2", since="2.3"),
    taken("v3_checksum_as_v2 takes any sum", "keepalived", f"{V3}\nv3_checksum_as_v2", change=flipped(7),
          since="2.3"),
    taken("unicast of a very old peer: the group in the pseudo header", "keepalived, old_unicast_checksum", UNICAST,
          other={"old_unicast_checksum": True}),
]  # fmt: skip

AUTH = [
    taken("the password", "RFC 2338 10.5.2", PASS),
    refused("another password", Refusal.AUTH_FAILURE, "RFC 2338 10.5.2", PASS, other={"auth_pass": b"other"}),
    refused("no password", Refusal.AUTH_TYPE_MISMATCH, "RFC 2338 7.1", PASS, other={"auth_type": Authentication.NONE}),
    refused("a password that nobody asked for", Refusal.AUTH_TYPE_MISMATCH, "RFC 2338 7.1", V2,
            other={"auth_type": Authentication.PASS, "auth_pass": b"secret"}),
    refused("authentication of type 9", Refusal.AUTH_INVALID_TYPE, "RFC 2338 5.3.6", PASS,
            change=lambda data: data[:4] + b"\x09" + data[5:]),
    taken("an Authentication Header", "RFC 2338 10.5.3", AH),
    refused("AH: one of another key", Refusal.AUTH_FAILURE, "RFC 2402 3.4.4", AH, other={"auth_pass": b"other"}),
    refused("AH: one over a changed advert", Refusal.AUTH_FAILURE, "RFC 2402 3.4.4", AH, change=flipped(46)),
    refused("AH: one of another SPI", Refusal.AUTH_FAILURE, "keepalived", AH, change=flipped(25)),
    refused("AH: none where one is configured", Refusal.AUTH_TYPE_MISMATCH, "keepalived", AH,
            other={"auth_type": Authentication.PASS}, machine="keepalived does not open a socket for it"),
    refused("AH: one where none is configured", Refusal.AUTH_TYPE_MISMATCH, "keepalived", V2,
            other={"auth_type": Authentication.AH}, machine="keepalived does not open a socket for it"),
    Case("AH: one that was used before", "RFC 2402 3.4.3", AH,
         (Hear(Say(200)), Beat(Say(200, again=True)), Wait(6), Is("MASTER"), Refused(Refusal.AUTH_FAILURE))),
]  # fmt: skip

CASTS = [
    taken("a unicast advert of the peer", "keepalived.conf(5), unicast_peer", UNICAST),
    taken("one with any TTL", "keepalived", UNICAST, ttl=64),
    taken("a unicast advert of another", "keepalived", UNICAST, source=LOW),
    refused("a unicast advert of another, with check_unicast_src", Refusal.UNICAST_SOURCE, "keepalived.conf(5)",
            f"{UNICAST}\ncheck_unicast_src", source=LOW, since="2.3"),
    taken("TTL within min_ttl and max_ttl", "keepalived.conf(5)", UNICAST_CHECKED, ttl=252),
    refused("TTL below min_ttl", Refusal.PEER_TTL, "keepalived.conf(5)", UNICAST_CHECKED, ttl=64),
    refused("TTL above max_ttl", Refusal.PEER_TTL, "keepalived.conf(5)", UNICAST_CHECKED, ttl=255),
    refused("multicast to a unicast router", Refusal.CAST, "keepalived", UNICAST, unicast=False),
    refused("unicast to a multicast router", Refusal.CAST, "keepalived", V3, unicast=True),
    taken("a unicast advert of the peer (v6)", "keepalived.conf(5), unicast_peer", UNICAST, 6),
]  # fmt: skip

BAD_KEY = (HmacKey(id=1, secret=b"x" * 32), HmacKey(id=2, secret=b"y" * 32))


def hmac(**changes: Any) -> dict[str, Any]:
    """What the peer has in its auth_hmac instead."""
    return {"other": {"auth_hmac": changes}}


TRAILERS = [
    taken("a trailer", "keepalived 2.4, auth_hmac", HMAC, since="2.4"),
    taken("a trailer (v6)", "keepalived 2.4, auth_hmac", HMAC, 6, since="2.4"),
    taken("HMAC: one of the other key: a roll-over", "keepalived 2.4", HMAC, since="2.4", **hmac(active_key=2)),
    refused("HMAC: none", Refusal.HMAC_MISSING, "keepalived 2.4, enforce", HMAC, since="2.4",
            other={"auth_hmac": None}),
    taken("HMAC: none, under permissive", "keepalived 2.4", HMAC.replace("key 1", "mode permissive\nkey 1"),
          since="2.4", other={"auth_hmac": None}),
    taken("HMAC: none, under receive-only", "keepalived 2.4", HMAC.replace("key 1", "mode receive-only\nkey 1"),
          since="2.4", other={"auth_hmac": None}),
    refused("HMAC: one of another key", Refusal.HMAC_INVALID, "keepalived 2.4", HMAC, since="2.4",
            **hmac(keys=BAD_KEY)),
    refused("HMAC: one of a key that is not there", Refusal.HMAC_UNKNOWN_KEY, "keepalived 2.4", HMAC, since="2.4",
            **hmac(keys=(HmacKey(id=7, secret=b"x" * 32),), active_key=7)),
    refused("HMAC: one over another priority", Refusal.HMAC_INVALID, "keepalived 2.4", HMAC, since="2.4",
            change=flipped(2)),
    refused("HMAC: one of another kind", Refusal.HMAC_MALFORMED, "keepalived 2.4", HMAC, since="2.4",
            change=flipped(12)),
    refused("HMAC: one of a clock that is wrong by a minute", Refusal.HMAC_STALE, "keepalived 2.4, time_window", HMAC,
            since="2.4", wall=60.0),
    taken("HMAC: one of a clock that is wrong by a second", "keepalived 2.4, time_window", HMAC, since="2.4", wall=1.0),
    Case("HMAC: one that was used before", "keepalived 2.4", HMAC,
         (Hear(Say(200)), Beat(Say(200, again=True)), Wait(6), Is("MASTER"), Refused(Refusal.HMAC_REPLAY)),
         since="2.4"),
    taken("HMAC: any clock, under anti_replay monotonic", "keepalived 2.4",
          HMAC.replace("key 1", "anti_replay monotonic\nkey 1"), since="2.4", wall=3600.0),
    Case("a known peer's trailer of an unknown peer", "keepalived 2.4", f"{HMAC}\nunicast_peer {{\nHIGH\n}}",
         (Beat(Say(200, LOW)), Wait(6), Is("MASTER"), Refused(Refusal.UNICAST_SOURCE), Silence()), since="2.4"),
]  # fmt: skip

CASES = [*SHAPE, *SUMS, *AUTH, *CASTS, *TRAILERS]
