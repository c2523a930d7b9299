# SPDX-License-Identifier: Apache-2.0
"""The part of libpcre2-8 that ``regex`` needs (pcre2api(3)), through ctypes: keepalived's patterns are PCRE2's.

Of the bindings that exist none has partial matches, offset limits or match limits, and without the last a pattern can
take for ever. There is no JIT: its partial matches pass over the offset limit (10.42). Constants are those of pcre2.h,
which are its ABI.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

OPTIONS = {
    "allow_empty_class": 1 << 0,
    "alt_bsux": 1 << 1,
    "auto_callout": 1 << 2,
    "caseless": 1 << 3,
    "dollar_endonly": 1 << 4,
    "dotall": 1 << 5,
    "dupnames": 1 << 6,
    "extended": 1 << 7,
    "firstline": 1 << 8,
    "match_unset_backref": 1 << 9,
    "multiline": 1 << 10,
    "never_ucp": 1 << 11,
    "never_utf": 1 << 12,
    "no_auto_capture": 1 << 13,
    "no_auto_possess": 1 << 14,
    "no_dotstar_anchor": 1 << 15,
    "no_start_optimize": 1 << 16,
    "ucp": 1 << 17,
    "ungreedy": 1 << 18,
    "utf": 1 << 19,
    "never_backslash_c": 1 << 20,
    "alt_circumflex": 1 << 21,
    "alt_verbnames": 1 << 22,
    "use_offset_limit": 1 << 23,
}
"""``regex_options`` of keepalived.conf(5)."""

PARTIAL_HARD, NOTBOL = 0x20, 0x1
NOMATCH, PARTIAL = -1, -2
_LIMITS = (-47, -48, -53, -63)
"""Match limit, memory, depth limit, heap limit."""
_MATCH_INVALID_UTF = 0x04000000
_MAX_LOOKBEHIND = 15
_MATCH_LIMIT = 500_000
"""Steps from one place of the text; a few milliseconds. pcre2's own is twenty times that."""
_HEAP_KIB = 128


class PatternError(ValueError):
    """The text says what is wrong, and at which byte."""


class LimitError(Exception):
    """The pattern backtracks without end on this text."""


class Match(NamedTuple):
    code: int
    """NOMATCH, PARTIAL, or not negative."""
    begin: int
    end: int


@cache
def _library() -> ctypes.CDLL:
    lib = ctypes.CDLL("libpcre2-8.so.0")
    pointer, size, u32 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
    lib.pcre2_compile_8.restype = pointer
    lib.pcre2_compile_8.argtypes = [ctypes.c_char_p, size, u32, pointer, pointer, pointer]
    lib.pcre2_pattern_info_8.argtypes = [pointer, u32, pointer]
    lib.pcre2_match_data_create_8.restype = pointer
    lib.pcre2_match_data_create_8.argtypes = [u32, pointer]
    lib.pcre2_match_context_create_8.restype = pointer
    lib.pcre2_match_context_create_8.argtypes = [pointer]
    lib.pcre2_set_match_limit_8.argtypes = lib.pcre2_set_heap_limit_8.argtypes = [pointer, u32]
    lib.pcre2_set_offset_limit_8.argtypes = [pointer, size]
    lib.pcre2_match_8.argtypes = [pointer, pointer, size, size, u32, pointer, pointer]
    lib.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(size)
    lib.pcre2_get_ovector_pointer_8.argtypes = [pointer]
    lib.pcre2_get_error_message_8.argtypes = [ctypes.c_int, ctypes.c_char_p, size]
    for name in ("code", "match_data", "match_context"):
        getattr(lib, f"pcre2_{name}_free_8").argtypes = [pointer]
    return lib


class Code:
    """A compiled pattern, and what one match of it needs. For one thread."""

    def __init__(self, pattern: bytes, options: Sequence[str] = ()) -> None:
        """Raises PatternError, and OSError where libpcre2-8 is not installed."""
        self._lib = lib = _library()
        bits = OPTIONS["use_offset_limit"]
        for name in options:
            if name not in OPTIONS:
                raise PatternError(f"there is no regex option {name}")
            bits |= OPTIONS[name]
        self.utf = bool(bits & OPTIONS["utf"])
        number, offset = ctypes.c_int(), ctypes.c_size_t()
        if self.utf:
            bits |= _MATCH_INVALID_UTF
        self._code = lib.pcre2_compile_8(
            pattern, len(pattern), bits, ctypes.byref(number), ctypes.byref(offset), None
        )
        if not self._code:
            raise PatternError(f"regex: {_words(lib, number.value)} at byte {offset.value}")
        self._data = lib.pcre2_match_data_create_8(1, None)
        self._context = lib.pcre2_match_context_create_8(None)
        lib.pcre2_set_match_limit_8(self._context, _MATCH_LIMIT)
        lib.pcre2_set_heap_limit_8(self._context, _HEAP_KIB)
        self._found = lib.pcre2_get_ovector_pointer_8(self._data)
        most = ctypes.c_uint32()
        lib.pcre2_pattern_info_8(self._code, _MAX_LOOKBEHIND, ctypes.byref(most))
        self.lookbehind = max(most.value, 1) * (4 if self.utf else 1)
        """Bytes before a place that a match there may look at; ^ looks at one, and is not counted."""

    def match(self, text: bytearray, start: int, last: int, flags: int) -> Match:
        """The first match that begins in start … last. Raises LimitError."""
        lib = self._lib
        lib.pcre2_set_offset_limit_8(self._context, last)
        subject = (ctypes.c_char * len(text)).from_buffer(text) if text else b""
        code = lib.pcre2_match_8(self._code, subject, len(text), start, flags, self._data, self._context)
        if code in _LIMITS:
            raise LimitError
        if code < PARTIAL:
            raise RuntimeError(f"pcre2_match: {_words(lib, code)}")
        return Match(code, *(self._found[:2] if code != NOMATCH else (0, 0)))

    def __del__(self) -> None:
        for name in ("code", "match_data", "match_context"):
            if held := getattr(self, {"code": "_code", "match_data": "_data"}.get(name, "_context"), None):
                getattr(self._lib, f"pcre2_{name}_free_8")(held)


def _words(lib: ctypes.CDLL, code: int) -> str:
    text = ctypes.create_string_buffer(256)
    lib.pcre2_get_error_message_8(code, text, len(text))
    return text.value.decode(errors="replace")
