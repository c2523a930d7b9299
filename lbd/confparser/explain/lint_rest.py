# SPDX-License-Identifier: Apache-2.0
"""LB086x and LB09xx: remarks about checks, scripts, mail and the file."""

from __future__ import annotations

from lbd.confparser.explain.story import Story, checked, global_defs, rs, story, vi, vs

_SECURE = global_defs("enable_script_security", "script_user nobody")
_HTTP = "HTTP_GET {\nconnect_timeout 3\nurl {\npath /\nstatus_code %s\n}\n}"


def _misc(timeout: int) -> str:
    return _SECURE + checked(f"MISC_CHECK {{\nmisc_path /bin/true\nmisc_timeout {timeout}\ndelay_loop 10\n}}")


STORIES: dict[str, Story] = {
    "LB0860": story(
        "The check may wait longer for an answer than the time from one check to the next: the beat is lost just when a"
        " server is slow. Lower connect_timeout or raise delay_loop.",
        vs("delay_loop 2"),
        vs("delay_loop 5"),
    ),
    "LB0861": story(
        "delay_loop, and retry times a timeout and a pause, add up: for so long clients are sent to a dead server.",
        vs("delay_loop 60", "retry 10", "delay_before_retry 10"),
        vs("delay_loop 10", "retry 2", "delay_before_retry 2"),
    ),
    "LB0862": story(
        "The one check of this server looks at another port than clients are sent to: the service may be dead and the"
        " check content.",
        checked("TCP_CHECK {\nconnect_port 22\n}"),
        checked("TCP_CHECK {\nconnect_port 80\n}"),
    ),
    "LB0863": story(
        "A check over TCP says that the machine lives, not that its UDP service does. UDP_CHECK or DNS_CHECK ask it.",
        vs().replace("protocol TCP", "protocol UDP"),
        checked("UDP_CHECK {\npayload 00\n}").replace("protocol TCP", "protocol UDP"),
    ),
    "LB0864": story(
        "UDP_CHECK, DNS_CHECK and PING_CHECK do not connect by TCP: the service may be dead and the check content.",
        checked("PING_CHECK {\n}"),
        checked("TCP_CHECK {\n}"),
    ),
    "LB0865": story(
        "HTTP_GET speaks clear text and SSL_GET speaks TLS. On port 443 a server expects TLS, on port 80 none.",
        vs(head="10.0.0.1 443", servers=rs(_HTTP % "200", address="10.0.1.1 443", check="")),
        vs(servers=rs(_HTTP % "200", check="")),
    ),
    "LB0866": story(
        "status_code lists what counts as a success. A server that answers 5xx says itself that it cannot serve.",
        checked(_HTTP % "200 503"),
        checked(_HTTP % "200"),
    ),
    "LB0867": story(
        "The script may still run when it is due again: the beat is lost just when something is slow.",
        _misc(30),
        _misc(5),
    ),
    "LB0868": story(
        "Two checks of one server are the same, line by line. One of them is enough.",
        checked("TCP_CHECK {\nconnect_timeout 3\n}\nTCP_CHECK {\nconnect_timeout 3\n}"),
        checked("TCP_CHECK {\nconnect_timeout 3\n}\nTCP_CHECK {\nconnect_port 81\n}"),
    ),
    "LB0869": story(
        "Checks several times a second, from every director, are a load on a server; retry and connect_timeout make"
        " them no more certain.",
        checked("TCP_CHECK {\nconnect_timeout 0.05\ndelay_loop 0.1\n}"),
        checked("TCP_CHECK {\nconnect_timeout 0.05\ndelay_loop 1\n}"),
    ),
    "LB0901": story(
        "With script security scripts run as the user keepalived_script if script_user names no other. Where that user"
        " does not exist, keepalived runs them as root, and says so.",
        global_defs("enable_script_security"),
        _SECURE,
    ),
    "LB0902": story(
        "script_user root gives every script all rights on this machine. A user of its own, with the few it needs, is"
        " safer.",
        global_defs("enable_script_security", "script_user root"),
        _SECURE,
    ),
    "LB0903": story(
        "There are addresses to mail to and no server to send by.",
        global_defs("notification_email {\nops@example.net\n}"),
        global_defs("notification_email {\nops@example.net\n}", "notification_email_from lb@example.net",
                    "smtp_server 192.0.2.25"),
    ),
    "LB0904": story(
        "Mail is asked for and no address is given: nobody is told.",
        vi("smtp_alert"),
        global_defs("notification_email {\nops@example.net\n}", "notification_email_from lb@example.net",
                    "smtp_server 192.0.2.25") + vi("smtp_alert"),
    ),
    "LB0905": story(
        "A keyword that has one value stands twice in its block. The last one counts, as in keepalived; the first is a"
        " leftover.",
        vi("priority 100", "priority 150"),
        vi("priority 150"),
    ),
    "LB0906": story(
        "lvs_sync_daemon follows the state of a vrrp_instance that is not there.",
        global_defs("lvs_sync_daemon eth0 VI_9") + vi(),
        global_defs("lvs_sync_daemon eth0 VI_1") + vi(),
    ),
    "LB0907": story(
        "Mail needs a sender that the server takes; without one it is keepalived@ the name of this host.",
        global_defs("notification_email {\nops@example.net\n}", "smtp_server 192.0.2.25"),
        global_defs("notification_email {\nops@example.net\n}", "notification_email_from lb@example.net",
                    "smtp_server 192.0.2.25"),
    ),
    "LB0908": story(
        "An empty global_defs sets nothing. It may have lost its lines to a condition or a missing include.",
        "global_defs {\n}\n",
        global_defs("router_id lb1"),
    ),
}  # fmt: skip
