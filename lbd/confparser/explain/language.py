# SPDX-License-Identifier: Apache-2.0
"""LB01xx: the language, whatever the keyword."""

from __future__ import annotations

from lbd.confparser.explain.story import Story, checked, global_defs, story, vi, vs

_FINE = global_defs("router_id lb1")

STORIES: dict[str, Story] = {
    "LB0101": story(
        "A quote has no partner on its line; quotes do not span lines. The keyword counts as given, its value as"
        " unknown.",
        'global_defs {\n    router_id "lb1\n}\n',
        'global_defs {\n    router_id "lb1"\n}\n',
    ),
    "LB0102": story(
        "A } has no block to close. It is passed over. Where a block's lines go on behind it, it is that one that is"
        " too many.",
        vi() + "}\n",
        vi(),
    ),
    "LB0103": story(
        "A block is not closed. The message is where its } was most likely meant: before a keyword that may not stand"
        " in the block, before a line no further to the right than the block's name, or before the next root block.",
        "global_defs {\n    router_id lb1\n" + vi(),
        _FINE + vi(),
    ),
    "LB0104": story(
        "A { stands behind something that has no block, or behind nothing. What is in the braces is left out, or,"
        " where no } is left for it, the brace alone is.",
        vi("priority 100 {\n    weight 1\n}"),
        vi("priority 100"),
    ),
    "LB0105": story(
        "The keyword needs a block and no { follows. Where a } is left over, the block is read as if it were there.",
        "vrrp_instance VI_1\n    interface eth0\n    virtual_router_id 51\n    virtual_ipaddress {\n"
        "        10.0.0.1/24\n    }\n}\n",
        vi(),
    ),
    "LB0106": story(
        "Blocks stand in blocks more than 32 deep. No keyword needs five.",
        "linkbeat_interfaces " + "{\nx " * 33 + "\n}" * 33 + "\n",
        _FINE,
    ),
    "LB0107": story(
        "There is no such keyword here. The line, or the whole block, is left out (keepalived drops the line and reads"
        " what is in the block as if it stood outside). Case counts. Some words stand at the root and not in"
        " global_defs: net_namespace, instance, use_pid_dir. 'lbctl config docs KEYWORD' says where one may stand.",
        vi("priorty 150"),
        vi("priority 150"),
    ),
    "LB0108": story(
        "Words behind the value are ignored, as in keepalived. Two keywords on one line do not work.",
        vi("priority 100 200"),
        vi("priority 100"),
    ),
    "LB0109": story(
        "The keyword needs a value. keepalived ends at once with 2, so lbd refuses the start.",
        vi("priority"),
        vi("priority 100"),
    ),
    "LB0110": story(
        "A value is missing. The line, or the option in it, is left out.",
        global_defs("router_id"),
        global_defs("router_id lb1"),
    ),
    "LB0111": story(
        "A definition contains itself (which hangs keepalived 2.2.7), grows beyond 256 KiB, or the file ends in its"
        " midst, behind a backslash.",
        "$A=$B\n$B=$A\n$A\n",
        "$A=$B\n$B=router_id lb1\nglobal_defs {\n    $A\n}\n",
    ),
    "LB0112": story(
        "Nobody defined this $NAME up to here; a definition counts for the lines behind it. It stays as it is, which"
        " is what you want in a password and hardly elsewhere. The name ends at white space, a comma, a ) or the end"
        " of the line: write ${NAME} inside a word.",
        global_defs("router_id $NAME"),
        "$NAME=lb1\n" + global_defs("router_id $NAME"),
    ),
    "LB0113": story(
        "~SEQ or ~LST cannot be read: the line is dropped. ~SEQ(VAR, LAST), ~SEQ(VAR, FIRST, LAST) and"
        " ~SEQ(VAR, FIRST, STEP, LAST) count; ~LST(VAR, a, b) and ~LST({V,W}, {a,b}, {c,d}) list. At most 100,000"
        " values.",
        "~SEQ(N, one) $V=$N\n",
        "~SEQ(N, 1) $V=$N\n",
    ),
    "LB0114": story(
        "The keyword has a newer name. It works; keepalived's configuration test counts it (5) all the same.",
        checked("HTTP_GET {\nnb_get_retry 3\nurl {\npath /\n}\n}"),
        checked("HTTP_GET {\nretry 3\nurl {\npath /\n}\n}"),
    ),
    "LB0115": story(
        "lbd understands this and does not act on it yet; the message names the consequence. It is said at every start"
        " and changes no exit code. 'lbctl config docs KEYWORD' tells the state of each keyword.",
        global_defs("lvs_netlink_cmd_rcv_bufs 65536", "umask 022"),
        _FINE,
    ),
    "LB0116": story(
        "The keyword is right and has no effect in lbd, because what it tunes is not there; the message says why."
        " Nothing need be changed.",
        global_defs("lvs_flush"),
        _FINE,
    ),
    "LB0117": story(
        "A block that must hold something is empty, and is left out.",
        "virtual_server_group G {\n}\n",
        "virtual_server_group G {\n    10.0.0.1 80\n}\n" + vs(head="group G"),
    ),
    "LB0118": story(
        "The keyword is a flag: it is on because it stands there, whatever follows. 'alpha no' on a virtual server"
        " switches alpha on, in keepalived as here. To have it off, leave it out.",
        vs("alpha no"),
        vs("alpha"),
    ),
    "LB0119": story(
        "Nobody defined this ${NAME} up to here, or a built-in one cannot have a value. keepalived takes the braces"
        " for a block and loses its way; here the keyword counts as given and its value as unknown.",
        vi("priority ${PRIORITY}"),
        "$PRIORITY=150\n" + vi("priority ${PRIORITY}"),
    ),
}
