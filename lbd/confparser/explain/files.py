# SPDX-License-Identifier: Apache-2.0
"""LB00xx: files, and what can be read of them."""

from __future__ import annotations

from lbd.confparser.explain.story import Example, Story, global_defs, story, vi

_FINE = global_defs("router_id lb1")
_INCLUDED = {"vrrp.conf": vi()}

STORIES: dict[str, Story] = {
    "LB0001": story(
        "The main file does not exist, is a directory or a device, or may not be read. A start is refused and a"
        " configuration test ends with 4 (keepalived 2.2.7 says so too, and ends with 0).",
        Example(None),
        _FINE,
    ),
    "LB0002": story(
        "An include names a file that is not there. As in keepalived that is no error: the rest is read. Use"
        " includem, includew or includea where a missing file is a mistake. Quotes are a part of the name.",
        "include vrrp.conf\n",
        Example("include vrrp.conf\n", _INCLUDED),
    ),
    "LB0003": story(
        "A file that an include matches is a directory or a device, has an execute bit (keepalived takes it for a"
        " program), or may not be read. It is skipped.",
        Example("include vrrp.conf\n", _INCLUDED, program="vrrp.conf"),
        Example("include vrrp.conf\n", _INCLUDED),
    ),
    "LB0004": story(
        "A file includes itself, directly or by way of others. The second reading is skipped.",
        Example("include part.conf\n", {"part.conf": "include part.conf\n"}),
        Example("include part.conf\n", {"part.conf": _FINE}),
    ),
    "LB0005": story(
        "A checked include (includer, includem, includew, includeb, includea, or include under include_check or"
        " --all-config) does not find or cannot read what it insists on. A start is refused; keepalived ends with 6.",
        "includem vrrp.conf\n",
        Example("includem vrrp.conf\n", _INCLUDED),
    ),
    "LB0006": story(
        "The file is not UTF-8. It is read as Latin-1, which accepts every byte: only names and texts may look odd.",
        "global_defs {\n    router_id café\n}\n".encode("latin-1"),
        "global_defs {\n    router_id café\n}\n",
    ),
    "LB0007": story(
        "A bound was reached: 1,000,000 lines, 100,000 of them made by definitions and generators, 4,096 includes 32"
        " deep, 16 MiB a file, 262,144 addresses. What is beyond is not read.",
        "~SEQ(A, 60000) ~SEQ(B, 60000) $IGNORED=$A\n",
        "~SEQ(A, 6) ~SEQ(B, 6) $IGNORED=$A\n",
    ),
    "LB0008": story(
        "A line is longer than 65,536 characters. It is dropped: it is hardly text.",
        "global_defs {\n    router_id lb1\n    # " + "x" * 70_000 + "\n}\n",
        _FINE,
    ),
    "LB0009": story(
        "A line is longer than the 1,023 characters of keepalived's buffer. lbd reads all of it; keepalived would"
        " take the rest for another line.",
        "global_defs {\n    router_id lb1 # " + "x" * 1100 + "\n}\n",
        _FINE,
    ),
    "LB0010": story(
        "A line holds a NUL byte: the file was cut by a full disk, or is no text. The line is dropped.",
        "global_defs {\n    router_id lb1\n    \0\n}\n",
        _FINE,
    ),
    "LB0011": story(
        "There are a thousand messages: the rest is not shown. It is likely not a configuration at all, or a brace"
        " near its top is wrong.",
        "nonsense\n" * 1200,
        _FINE,
    ),
}
