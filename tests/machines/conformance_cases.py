# SPDX-License-Identifier: Apache-2.0
"""The cases of the conformance table: elections. Adverts that are refused are in ``conformance_refusals.py``."""

from __future__ import annotations

from tests.machines.conformance import (
    LOW,
    Beat,
    Case,
    Hear,
    Is,
    Mark,
    Say,
    Sent,
    Silence,
    Step,
    Told,
    Wait,
)

V2 = "version 2\nadvert_int 1\npriority 100"
V3 = "version 3\nadvert_int 0.5\npriority 100"
KINDS = {"v2": (V2, 4), "v3": (V3, 4), "v6": (V3, 6)}
MASTER, BACKUP = Is("MASTER"), Is("BACKUP")
LED = (Wait(5), MASTER)
"""Alone for a master-down interval of 3.61."""


def each(
    name: str, rule: str, *steps: Step, more: str = "", kinds: str = "v2 v3 v6", **other: str
) -> list[Case]:
    """The same for both versions and families."""
    return [
        Case(f"{name} ({kind})", rule, f"{KINDS[kind][0]}\n{more}", steps, KINDS[kind][1], **other)
        for kind in kinds.split()
    ]


START = [
    *each("alone it becomes master after 3 intervals and skew", "RFC 9568 6.4.2 (395)", Wait(2.5), BACKUP, *LED),
    *each("initial state MASTER does not shorten the wait", "keepalived", Wait(2.5), BACKUP, Wait(2.5), MASTER,
          more="state MASTER", kinds="v2 v3"),
    *each("an owner is master at once", "RFC 9568 6.4.1 (105)", Wait(1), MASTER, Mark(), Wait(5), Sent(4, 7, 255),
          more="state MASTER\npriority 255", kinds="v2 v3 v6"),
    *each("an owner needs no word of its state", "keepalived.conf(5), priority", Wait(1), MASTER,
          more="priority 255", kinds="v3"),
    *each("down_timer_adverts", "keepalived.conf(5)", Wait(5), BACKUP, Wait(3), MASTER,
          more="down_timer_adverts 6", kinds="v3", since="2.3"),
    *each("adverts come at the interval", "RFC 9568 6.4.3 (605)", *LED, Mark(), Wait(10), Sent(9, 11, 100)),
    *each("five announcements, and five again", "keepalived.conf(5), garp_master_*", Mark(), Wait(5), Told(5, 5),
          Wait(10), Told(10, 10), more="garp_master_delay 1", kinds="v3 v6"),
    *each("no second burst", "keepalived.conf(5), garp_master_delay", Mark(), Wait(15), Told(3, 3),
          more="garp_master_delay 0\ngarp_master_repeat 3", kinds="v3"),
    *each("announcements are refreshed", "keepalived.conf(5), garp_master_refresh", *LED, Wait(6), Mark(), Wait(6),
          Told(4, 8), more="garp_master_delay 1\ngarp_master_refresh 1\ngarp_master_refresh_repeat 2", kinds="v3"),
]  # fmt: skip

BACKUPS = [
    *each("a higher master is left alone", "RFC 9568 6.4.2 (430)", Beat(Say(200)), Wait(8), BACKUP),
    *each("an equal one is left alone", "RFC 9568 6.4.2 (430)", Beat(Say(100, LOW)), Wait(8), BACKUP),
    *each("an owner is left alone", "RFC 9568 6.4.2 (430)", Beat(Say(255)), Wait(8), BACKUP, kinds="v3"),
    *each("a lower one is taken over from", "RFC 9568 6.4.2 (450)", Beat(Say(50)), Wait(6), MASTER),
    *each("adverts of a lower one do not prolong the wait", "RFC 9568 6.4.2 (450)", Beat(Say(50), 0.5), Wait(5),
          MASTER, kinds="v3"),
    *each("nopreempt leaves a lower one alone", "RFC 9568 6.1, Preempt_Mode", Beat(Say(50)), Wait(8), BACKUP,
          Silence(), *LED, more="state BACKUP\nnopreempt"),
    *each("priority 0 leaves the skew to wait", "RFC 9568 6.4.2 (420)", Beat(Say(200)), Wait(6), BACKUP, Silence(),
          Hear(Say(0)), Wait(1.6), MASTER),
    *each("a silent master is missed for 3 intervals and skew", "RFC 9568 6.1", Beat(Say(200)), Wait(6.5), Silence(),
          Wait(2), BACKUP, Wait(2.7), MASTER),
    *each("the skew of a high priority is short", "RFC 9568 6.1, Skew_Time", Beat(Say(255)), Wait(6.5), Silence(),
          Hear(Say(0)), Wait(0.6), MASTER, more="priority 254", kinds="v3 v6"),
    *each("the master's interval is learnt", "RFC 9568 6.1", Beat(Say(200, other={"advert_int": 2.0}), 4), Wait(9),
          BACKUP, Silence(), Wait(10), BACKUP, Wait(7), MASTER, kinds="v3 v6"),
    *each("preempt_delay", "keepalived.conf(5)", Beat(Say(50)), Wait(7), BACKUP, Wait(10), MASTER,
          more="state BACKUP\npreempt_delay 5", kinds="v3 v6"),
    *each("preempt_delay does not keep it from a dead master's place", "keepalived.conf(5)", Beat(Say(50)), Wait(3),
          Silence(), *LED, more="state BACKUP\npreempt_delay 100", kinds="v3"),
    *each("preempt_delay ends with a higher advert", "vrrp_state_backup", Beat(Say(50)), Wait(3), Silence(),
          Hear(Say(200)), Beat(Say(50)), Wait(9), BACKUP, more="state BACKUP\npreempt_delay 5", kinds="v3"),
    *each("a change of masters is followed", "RFC 9568 6.4.2", Beat(Say(150)), Wait(3), Silence(),
          Beat(Say(200, LOW)), Wait(8), BACKUP, kinds="v3"),
    *each("a backup sends nothing", "RFC 9568 6.4.2", Beat(Say(200)), Wait(3), Mark(), Wait(8), Sent(0, 0),
          Told(0, 0)),
]  # fmt: skip

MASTERS = [
    *each("a higher one is given way to at once", "RFC 9568 6.4.3 (725)", *LED, Hear(Say(200)), Wait(0.5), BACKUP),
    *each("an equal one of a higher address is given way to", "RFC 9568 6.4.3 (725)", *LED, Hear(Say(100)), Wait(0.5),
          BACKUP),
    *each("an equal one of a lower address is not", "RFC 9568 6.4.3 (740)", *LED, Hear(Say(100, LOW)), Wait(0.5),
          MASTER),
    *each("a lower one is answered each time", "keepalived; RFC 9568 6.4.3 (745)", *LED, Mark(), Beat(Say(50), 0.5),
          Wait(10), Sent(16, 24), MASTER),
    *each("lower_prio_no_advert", "keepalived.conf(5)", *LED, Mark(), Beat(Say(50), 0.5), Wait(10), Sent(8, 12),
          more="lower_prio_no_advert", kinds="v3"),
    *each("priority 0 is answered each time", "RFC 9568 6.4.3 (705)", *LED, Mark(), Beat(Say(0), 0.5), Wait(10),
          Sent(16, 24), MASTER),
    *each("after a lower one the link is told anew", "keepalived.conf(5), garp_lower_prio_repeat", *LED, Wait(6),
          Mark(), Hear(Say(50)), Wait(3), Told(2, 2),
          more="garp_master_delay 1\ngarp_lower_prio_repeat 2\ngarp_lower_prio_delay 60", kinds="v3 v6"),
    *each("and once more after a while", "keepalived.conf(5), garp_lower_prio_delay", *LED, Wait(6), Mark(),
          Hear(Say(50)), Wait(8), Told(4, 4),
          more="garp_master_delay 1\ngarp_lower_prio_repeat 2\ngarp_lower_prio_delay 1", kinds="v3"),
    *each("garp_lower_prio_repeat 0", "keepalived.conf(5)", *LED, Wait(6), Mark(), Hear(Say(50)), Wait(8), Told(0, 0),
          more="garp_master_delay 1\ngarp_lower_prio_repeat 0", kinds="v3"),
    *each("nopreempt does not protect a master", "keepalived.conf(5)", *LED, Hear(Say(200)), Wait(0.5), BACKUP,
          more="state BACKUP\nnopreempt", kinds="v3"),
    *each("it comes back when the higher one is gone", "RFC 9568 6.4.2", *LED, Hear(Say(200)), Wait(2), BACKUP,
          Wait(2.7), MASTER),
    *each("one last word to a higher one", "keepalived.conf(5), higher_prio_send_advert", *LED, Wait(0.3), Mark(),
          Hear(Say(200)), Wait(2), Sent(1, 1), more="higher_prio_send_advert", kinds="v3",
          machine="one advert more cannot be told from a regular one"),
    *each("and none without being told so", "RFC 9568 6.4.3 (725)", *LED, Wait(0.3), Mark(), Hear(Say(200)), Wait(2),
          Sent(0, 0), kinds="v3", machine="one advert more cannot be told from a regular one"),
]  # fmt: skip

OWNERS = [
    *each("an owner answers others", "keepalived (RFC 9568 7.1 would have it drop them)", Wait(1), Mark(),
          Beat(Say(200), 0.5), Wait(10), Sent(16, 24, 255), MASTER, more="state MASTER\npriority 255", kinds="v3"),
    *each("owner_ignore_adverts", "RFC 9568 7.1", Wait(1), Mark(), Beat(Say(200), 0.5), Wait(10), Sent(8, 12), MASTER,
          more="state MASTER\npriority 255\nowner_ignore_adverts", kinds="v3", since="2.3"),
    *each("of two owners the lower address gives way", "RFC errata 8298", Wait(1), Beat(Say(255)), Wait(2), BACKUP,
          more="state MASTER\npriority 255", kinds="v3 v6"),
    *each("the higher address insists", "RFC errata 8298", Wait(1), Hear(Say(255, LOW)), Wait(1), MASTER,
          more="state MASTER\npriority 255", kinds="v3 v6",
          differs="2.2.7 gives way for good, at any address; later keepaliveds do as the errata says"),
    *each("and gives way as 254 where the other does not", "RFC errata 8298", Wait(1), Beat(Say(255, LOW), 1.5),
          Wait(9), BACKUP, Silence(), Wait(5), MASTER, Mark(), Wait(3), Sent(2, 4, 255),
          more="state MASTER\npriority 255", kinds="v3", since="2.3"),
]  # fmt: skip

CASES = [*START, *BACKUPS, *MASTERS, *OWNERS]
