# SPDX-License-Identifier: Apache-2.0
"""LB05xx and LB06xx: checks and commands."""

from __future__ import annotations

from lbd.confparser.explain.story import CHECK, Example, Story, checked, global_defs, story, vi

_FROM = "notification_email_from lbd@example.com"
_HMAC = "".join(
    (
        "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    version 3\n    auth_hmac {\n",
        "        key 1 file:${_PWD}/key\n    }\n    virtual_ipaddress {\n        10.0.0.1/24\n    }\n}\n",
    )
)

STORIES: dict[str, Story] = {
    "LB0501": story(
        "HTTP_GET and SSL_GET check urls and have none: the check is left out, and the server counts as healthy."
        " (keepalived 2.2.7 crashes.)",
        checked("HTTP_GET {\nretry 1\n}"),
        checked("HTTP_GET {\nurl {\npath /\n}\n}"),
    ),
    "LB0502": story(
        "An url without path cannot be asked for: it is left out.",
        checked("HTTP_GET {\nurl {\npath /\n}\nurl {\nstatus_code 200\n}\n}"),
        checked("HTTP_GET {\nurl {\npath /\n}\n}"),
    ),
    "LB0504": story(
        "The block lacks a line without which it can do nothing, and is left out.",
        checked("MISC_CHECK {\nmisc_timeout 3\n}"),
        global_defs("enable_script_security", "script_user nobody")
        + checked("MISC_CHECK {\nmisc_path /bin/true\nmisc_timeout 3\n}"),
    ),
    "LB0505": story(
        "No answer can be long enough and short enough: the check always fails, and so does its server.",
        checked(CHECK, "UDP_CHECK {\nrequire_reply\nmin_reply_length 300\n}"),
        checked(CHECK, "UDP_CHECK {\nrequire_reply\nmin_reply_length 300\nmax_reply_length 400\n}"),
    ),
    "LB0506": story(
        "Settings of a regex do not go together, or there is no regex. They are ignored.",
        checked("HTTP_GET {\nurl {\npath /\nregex_no_match\n}\n}"),
        checked("HTTP_GET {\nurl {\npath /\nregex error\nregex_no_match\n}\n}"),
    ),
    "LB0601": story(
        "Commands are configured and enable_script_security is not: they run as root even where others may write to"
        " them. keepalived says so too, and its configuration test ends with 6. Write enable_script_security and"
        " script_user into global_defs.",
        vi("notify /bin/true"),
        global_defs("enable_script_security", "script_user nobody") + vi("notify /bin/true"),
    ),
    "LB0602": story(
        "The file with the secret can be read or written by others than its owner: chmod 600.",
        Example(_HMAC, {"key": "0123456789abcdef0123456789abcdef"}),
        Example(_HMAC, {"key": "0123456789abcdef0123456789abcdef"}, private="key"),
    ),
    "LB0603": story(
        "There is no such user or group on this machine. The command would run as somebody else, so it is not run.",
        global_defs("enable_script_security", "script_user nobodyatall") + vi(),
        global_defs("enable_script_security", "script_user nobody") + vi(),
    ),
    "LB0604": story(
        "The name of the mail server has no address now, and is not looked up again: no mail is sent. Write its"
        " address.",
        global_defs("smtp_server mail.invalid", _FROM) + vi(),
        global_defs("smtp_server 10.0.0.25", _FROM) + vi(),
    ),
}
