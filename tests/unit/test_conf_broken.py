# SPDX-License-Identifier: Apache-2.0
"""Broken configurations: one defect, one message, at the exact place.

``«`` and ``»`` mark in the text where the message must point; they are taken out before the file is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from lbd.confparser import CODES, load

VI = """vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    %s
    virtual_ipaddress {
        10.0.0.1/24
    }
}
"""
VIPS = """vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.1/24
        %s
    }
}
"""
VS = """virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    %s
    real_server 10.0.1.1 80 {
        weight 1
    }
}
"""
RS = """virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.1.1 80 {
        %s
    }
}
"""
SERVERS = """virtual_server %s {
    %s
    %s
    real_server 10.0.1.1 80 {
        weight 1
    }
}
"""


class Case(NamedTuple):
    name: str
    code: str
    exit_code: int
    text: str


# fmt: off
CASES = [
    # the language
    Case("unknown word", "LB0107", 5, VI % "«priorty» 100"),
    Case("unknown at the root", "LB0107", 5, "«frobnicate» yes\n" + VI % ""),
    Case("unknown block is one message", "LB0107", 5, "«frobnicate» x {\n a b\n c {\n  d\n }\n}\n" + VI % ""),
    Case("typo of a block", "LB0107", 5, VS % "«reel_server» 10.0.1.9 80 {\n weight 1\n TCP_CHECK {\n }\n }"),
    Case("unmatched quote", "LB0101", 5, 'global_defs {\n    router_id «"lb»\n}\n'),
    Case("extra closing brace", "LB0102", 5, VI % "" + "«}»\n"),
    Case(
        "missing brace, next root",
        "LB0103",
        5,
        "global_defs {\n router_id a\n«vrrp_instance» V {\n interface eth0\n"
        " virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n",
    ),
    Case("missing brace at the end", "LB0103", 5, "«global_defs» {\n router_id a\n"),
    Case("brace without keyword", "LB0104", 5, "«{»\n a b\n}\n"),
    Case("brace after a word without block", "LB0104", 5, VI % "«priority» 100 {\n x\n }"),
    Case("block without brace", "LB0105", 5, "global_defs«»\n" + VI % ""),
    Case("nested too deep", "LB0106", 5, "linkbeat_interfaces {\n" + "a {\n" * 31 + "a «{»\n" + "}\n" * 33),
    Case("missing mandatory value", "LB0109", 2, VI % "priority«»"),
    Case("missing value", "LB0110", 5, "global_defs {\n    router_id«»\n}\n"),
    Case("endless definition", "LB0111", 5, "$X=$Y\n$Y=$X\n«$X»\n"),
    Case("undefined name", "LB0112", 0, "global_defs {\n    router_id «$NAME»\n}\n"),
    Case("generator", "LB0113", 5, "~SEQ(«a, x») router_id $a\n"),
    Case("generator without an end", "LB0113", 5, "«~SEQ(»a, x router_id $a\n"),
    Case("generator of billions", "LB0113", 5, "~SEQ(«a, 4000000000») router_id $a\n"),
    Case("more values than names", "LB0113", 5, "~LST(«{a,b}, {1,2,3}») router_id $a\n"),
    Case("deprecated", "LB0114", 5, RS % "HTTP_GET {\n url {\n path /\n }\n «nb_get_retry» 3\n }"),
    Case("not yet", "LB0115", 0, VS % "«snmp_name» five"),
    Case("no effect", "LB0116", 0, "global_defs {\n    «lvs_flush»\n}\n"),
    Case("extra words", "LB0108", 0, VI % "priority 100 «200 300»"),
    Case("a name of two words", "LB0203", 5, (VI % "").replace("VI_1", "VI_1 «x y»")),
    Case("words before a list", "LB0203", 5, (VI % "").replace("virtual_ipaddress", "virtual_ipaddress «x»")),
    Case("words after a method", "LB0201", 5, (VS % "").replace("NAT", "NAT «csum»")),
    Case("a flag with a value", "LB0118", 0, VS % "alpha «no»"),
    Case("NUL", "LB0010", 5, "global_defs {\n    router_id a«\0»b\n}\n"),
    # values
    Case("out of range", "LB0201", 5, VI % "priority «300»"),
    Case("not a number", "LB0201", 5, VI % "priority «high»"),
    Case("rest after a number", "LB0201", 5, VI % "priority 100«abc»"),
    Case("bad boolean", "LB0201", 5, VI % "lower_prio_no_advert «maybe»"),
    Case("bad address", "LB0201", 5, VIPS % "«10.0.0.311/24»"),
    Case("bad prefix", "LB0201", 5, VIPS % "10.0.0.2/«33»"),
    Case("the only address is wrong", "LB0201", 5, (VIPS % "").replace("10.0.0.1/24", "10.0.0.1/«33»")),
    Case("dotted mask", "LB0201", 5, VIPS % "10.0.0.2/«255.255.255.0»"),
    Case("unknown option of an address", "LB0201", 5, VIPS % "10.0.0.2/24 «foo»"),
    Case("label too long", "LB0201", 5, VIPS % "10.0.0.2/24 label «abcdefghijklmnop»"),
    Case("option without value", "LB0110", 5, VIPS % "10.0.0.2/24 dev«»"),
    Case("status code", "LB0201", 5, RS % "HTTP_GET {\n url {\n path /\n status_code 200 «9999»\n }\n }"),
    Case("digest", "LB0201", 5, RS % "HTTP_GET {\n url {\n path /\n digest «abcd»\n }\n }"),
    Case("repeat of 0", "LB0202", 5, VI % "garp_master_repeat «0»"),
    Case("range that ends before it begins", "LB0201", 5, "local_address_group L {\n 10.0.0.9-«5» eth0\n}\n"),
    Case(
        "network with host bits",
        "LB0201",
        5,
        "virtual_server_group G {\n 10.0.0.1/«24» 80\n 10.0.0.9 80\n}\n",
    ),
    Case("passed over by keepalived", "LB0205", 0, "global_defs {\n vrrp_skip_check_adv_addr «maybe»\n}\n"),
    # VRRP
    Case(
        "duplicate instance", "LB0301", 5, VI % "" + (VI % "").replace("VI_1", "«VI_1»").replace("51", "52")
    ),
    Case("duplicate VRID", "LB0302", 5, VI % "" + (VI % "").replace("VI_1", "VI_2").replace("51", "«51»")),
    Case(
        "no interface",
        "LB0303",
        5,
        "«vrrp_instance V» {\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n",
    ),
    Case(
        "no VRID",
        "LB0303",
        5,
        "«vrrp_instance V» {\n interface eth0\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n",
    ),
    Case("no addresses", "LB0305", 5, "«vrrp_instance V» {\n interface eth0\n virtual_router_id 1\n}\n"),
    Case("other family", "LB0306", 5, VIPS % "«fd00::1»"),
    Case("nopreempt and MASTER", "LB0307", 5, VI % "state MASTER\n «nopreempt»"),
    Case("preempt_delay and MASTER", "LB0307", 5, VI % "state MASTER\n «preempt_delay» 3"),
    Case("fraction in version 2", "LB0308", 5, VI % "advert_int «0.5»"),
    Case("two versions", "LB0308", 5, VI % "version 3\n version «2»"),
    Case("version 2 after an IPv6 address", "LB0308", 5,
         "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n fe80::1\n }\n"
         " version «2»\n}\n"),
    Case("centiseconds in version 3", "LB0308", 5, VI % "version 3\n advert_int «0.015»"),
    Case(
        "authentication in version 3",
        "LB0308",
        5,
        VI % "version 3\n «authentication» {\n auth_type PASS\n auth_pass x\n }",
    ),
    Case("long password", "LB0202", 5, VI % "authentication {\n auth_type PASS\n auth_pass «123456789»\n }"),
    Case("no password", "LB0303", 5, VI % "«authentication» {\n auth_type PASS\n }"),
    Case("unicast without peers", "LB0312", 5, VI % "«unicast_src_ip» 10.0.0.5"),
    Case(
        "first IPv6 address",
        "LB0313",
        0,
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n «fd00::1/64»\n }\n}\n",
    ),
    Case("own interface tracked", "LB0317", 5, VI % "track_interface {\n «eth0»\n }"),
    Case("vmac_xmit_base alone", "LB0318", 5, VI % "«vmac_xmit_base»"),
    Case("snmp_name of two words", "LB0203", 5, VS % "snmp_name a «b»"),
    Case("script that is not there", "LB0315", 5, VI % "track_script {\n «nochk»\n }"),
    Case("sync group of nobody", "LB0311", 5, "«vrrp_sync_group G» {\n group {\n }\n}\n"),
    Case("sync group of one", "LB0311", 5, "«vrrp_sync_group G» {\n group {\n VI_1\n }\n}\n" + VI % ""),
    Case(
        "unknown member",
        "LB0309",
        5,
        "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n «VI_9»\n }\n}\n"
        + VI % ""
        + (VI % "").replace("VI_1", "VI_2").replace("51", "52"),
    ),
    # services
    Case(
        "no servers",
        "LB0401",
        5,
        "virtual_server «10.0.0.1 80» {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n}\n",
    ),
    Case("no scheduler", "LB0402", 5, SERVERS % ("«10.0.0.1 80»", "lb_kind NAT", "protocol TCP")),
    Case("no method", "LB0403", 5, SERVERS % ("«10.0.0.1 80»", "lb_algo rr", "protocol TCP")),
    Case("no protocol", "LB0404", 5, SERVERS % ("«10.0.0.1 80»", "lb_algo rr", "lb_kind NAT")),
    Case("quorum", "LB0405", 5, VS % "quorum «5»"),
    Case("hysteresis", "LB0406", 5, (VS % "quorum 1\n hysteresis «3»")),
    Case(
        "duplicate server",
        "LB0407",
        5,
        (VS % "").rstrip("}\n") + "}\n    real_server «10.0.1.1 80» {\n    }\n}\n",
    ),
    Case(
        "DR and another port",
        "LB0408",
        5,
        (VS % "").replace("NAT", "DR").replace("10.0.1.1 80", "10.0.1.1 «8080»"),
    ),
    Case("server of the other family", "LB0409", 5, (VS % "real_server «fd00::1» 80 {\n }")),
    Case("unknown group", "LB0410", 0, (VS % "").replace("10.0.0.1 80", "«group NOPE»")),
    Case("FNAT without local addresses", "LB0411", 5, (VS % "").replace("NAT", "«FNAT»")),
    Case("FNAT with an unknown group", "LB0411", 5, (VS % "laddr_group_name «nope»").replace("NAT", "FNAT")),
    Case(
        "FNAT without addresses of the family",
        "LB0411",
        5,
        "local_address_group L {\n fd00::1 eth0\n}\n" + (VS % "laddr_group_name «L»").replace("NAT", "FNAT"),
    ),
    Case("SNAT", "LB0412", 0, (VS % "").replace("NAT", "«SNAT»")),
    Case("unknown scheduler", "LB0413", 5, VS % "lb_algo «loadbalance»"),
    Case("unknown method", "LB0415", 5, VS % "lb_kind «nat»"),
    Case(
        "firewall mark",
        "LB0416",
        0,
        "virtual_server «fwmark 5» {\n lb_algo rr\n lb_kind NAT\n real_server 10.0.1.1 80 {\n }\n}\n",
    ),
    Case("flag of another scheduler", "LB0419", 5, VS % "sh-port"),
    Case("inhibit before sorry_server", "LB0420", 5, VS % "«sorry_server_inhibit»"),
    Case("service twice", "LB0422", 0, VS % "" + (VS % "").replace("10.0.0.1 80", "«10.0.0.1 80»")),
    Case("ip_family", "LB0423", 5, VS % "ip_family «inet6»"),
    # checks
    Case("HTTP_GET without url", "LB0501", 5, RS % "«HTTP_GET» {\n }"),
    Case("keyword not there yet", "LB0115", 0, RS % "«snmp_name» five"),
    Case("MISC_CHECK without script", "LB0504", 5, RS % "«MISC_CHECK» {\n }"),
    Case("script security", "LB0601", 6, VI % "«notify» /bin/sh"),
]
# fmt: on


def marked(text: str) -> tuple[str, int, int, int]:
    """The text without marks; line, column and end column of what was marked."""
    start = text.index("«")
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    end = text.index("»") - start - 1
    return text.replace("«", "").replace("»", ""), line, column, column + end


NOT_THE_ONLY_ONE = {
    "script that is not there": "LB0115",
    "own interface tracked": "LB0115",
    "vmac_xmit_base alone": "LB0115",
    "flag of another scheduler": "LB0115",
    "firewall mark": "",
    "service that lacks all": "",
    "script security": "LB0115",
    "MISC_CHECK without script": "LB0115",
    "nested too deep": "LB0116",
    "deprecated": "",
}
"""Cases whose keyword is one of those that are not carried out yet: it says so as well."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_defect_one_message_at_its_place(case: Case, tmp_path: Path) -> None:
    text, line, column, end = marked(case.text) if "«" in case.text else (case.text, 0, 0, 0)
    file = tmp_path / "broken.conf"
    file.write_text(text)
    loaded = load(str(file), config_id="host")
    other = NOT_THE_ONLY_ONE.get(case.name)
    found = [d for d in loaded.diagnostics if d.code != other or d.code == case.code]
    assert [d.code for d in found] == [case.code], [d.human() for d in loaded.diagnostics]
    if line:
        assert (found[0].line, found[0].column, found[0].end_column) == (line, column, end), found[0].human()
    assert found[0].file == str(file)
    assert loaded.exit_code == case.exit_code
    assert (loaded.config is None) == CODES[case.code].fatal


def test_case_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
