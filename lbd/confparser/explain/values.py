# SPDX-License-Identifier: Apache-2.0
"""LB02xx: values."""

from __future__ import annotations

from lbd.confparser.explain.story import Story, global_defs, story, vi

STORIES: dict[str, Story] = {
    "LB0201": story(
        "The value is not one that the keyword takes. The line (in a list: the entry) is left out, so the default"
        " counts. Numbers have a range and no unit, names have one spelling, masks are prefix lengths.",
        vi("priority 300"),
        vi("priority 200"),
    ),
    "LB0202": story(
        "The value is changed to the nearest one that works, as keepalived does; the message says to which.",
        vi("garp_master_repeat 0"),
        vi("garp_master_repeat 1"),
    ),
    "LB0203": story(
        "Words stand where none may: behind a name, or between a keyword and its list. What is in the block is left"
        " out where keepalived leaves it out.",
        vi(name="VI 1"),
        vi(name="VI_1"),
    ),
    "LB0204": story(
        "The keyword or list may stand once and stands twice. Which one counts is in the message.",
        "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_2\n    }\n    group {\n        VI_1\n    }\n}\n"
        + vi() + vi(name="VI_2", vrid=52),
        "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_2\n    }\n}\n" + vi() + vi(name="VI_2", vrid=52),
    ),
    "LB0205": story(
        "The value is wrong and keepalived 2.2.7 reads it without a word, so its exit code is 0 and so is lbd's. The"
        " default counts.",
        global_defs("vrrp_skip_check_adv_addr maybe"),
        global_defs("vrrp_skip_check_adv_addr on"),
    ),
}  # fmt: skip
