# SPDX-License-Identifier: Apache-2.0
"""authentication (RFC 2338) and auth_hmac (keepalived 2.4) of a vrrp_instance."""

from __future__ import annotations

import os
import stat

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import Authentication, AuthHmac, HmacKey

_SHORTEST, _LONGEST = 32, 64
"""Octets of an HMAC key."""


class _BadKeyError(Exception):
    """Why a key is left out."""

    def __init__(self, why: str, code: str = "LB0201") -> None:
        super().__init__(why)
        self.code = code


def kind(instance: Item) -> str:
    """As written, with a password or without effect: ``PASS``, ``AH`` or nothing."""
    block = instance.last("authentication")
    if block is None or block.last("auth_pass") is None:
        return ""
    return str(block.get("auth_type", ""))


def authentication(instance: Item, version: int, context: Context) -> tuple[Authentication, bytes]:
    """Of version 2 only; a password of more than 8 octets as keepalived treats it."""
    block = instance.last("authentication")
    chosen = block.last("auth_type") if block is not None else None
    if block is None or chosen is None:
        return Authentication.NONE, b""
    name = instance.value
    password = block.last("auth_pass")
    if password is None:
        message = f"({name}) authentication without auth_pass: ignored"
        context.report.add("LB0303", message, block.node.place())
    elif version == 3:
        message = f"({name}) VRRP version 3 has no authentication: ignored (RFC 9568 section 9)"
        context.report.add("LB0308", message, block.node.place())
    else:
        return Authentication(chosen.value), _password(name, password, context)
    return Authentication.NONE, b""


def _password(name: str, item: Item, context: Context) -> bytes:
    data: bytes = item.value.encode()
    if len(data) > 8:
        message = f"({name}) auth_pass is longer than 8 bytes: the first 8 are used"
        context.report.add("LB0202", message, item.node.place(1))
    return data[:8]


def hmac(instance: Item, advert_int: float, context: Context) -> AuthHmac | None:
    """None without a block, or with one that has no key."""
    block = instance.last("auth_hmac")
    if block is None:
        return None
    keys: dict[int, HmacKey] = {}
    for item in block.all("key"):
        try:
            key = HmacKey(id=item.value[0], secret=_secret(item))
        except _BadKeyError as error:
            message = f"({instance.value}) key {item.value[0]}: {error}: left out"
            context.report.add(error.code, message, item.node.place(1))
            continue
        if key.id in keys:
            context.report.add("LB0204", f"({instance.value}) key {key.id} is given twice", item.node.place(1))
        keys.setdefault(key.id, key)
    if not keys:
        message = f"({instance.value}) auth_hmac has no key: ignored"
        context.report.add("LB0303", message, block.node.place(), expected="key ID SECRET")
        return None
    active = block.get("active_key", next(iter(keys)))
    if active not in keys:
        message = f"({instance.value}) active_key {active} is none of the keys: {next(iter(keys))} is used"
        context.report.add("LB0201", message, (block.last("active_key") or block).node.place())
        active = next(iter(keys))
    return AuthHmac(
        keys=tuple(keys.values()),
        active_key=active,
        time_window=block.get("time_window", max(3 * advert_int, 5.0)),
        anti_replay=block.get("anti_replay", "time"),
        mode=block.get("mode", "enforce"),
    )


def _secret(item: Item) -> bytes:
    """Raises _BadKeyError. The message never holds the secret."""
    form, colon, rest = item.value[1].partition(":")
    if colon and form == "hex":
        try:
            secret = bytes.fromhex(rest)
        except ValueError:
            raise _BadKeyError("not hexadecimal digits") from None
    elif colon and form == "file":
        secret = _from_file(rest)
    else:
        secret = item.value[1].encode()
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise _BadKeyError(f"{len(secret)} octets, where {_SHORTEST} to {_LONGEST} are needed")
    return secret


def _from_file(path: str) -> bytes:
    """The file's octets without the last line end. One that others may read is a security error, and not used."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _BadKeyError(f"{path}: {error.strerror}") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _BadKeyError(f"{path} is not a file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _BadKeyError(f"others than its owner have rights to {path}", "LB0602")
        return os.read(file, 2 * _LONGEST).rstrip(b"\r\n")
    finally:
        os.close(file)
