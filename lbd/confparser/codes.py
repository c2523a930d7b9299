# SPDX-License-Identifier: Apache-2.0
"""The one table of message codes: stable names that people search for, and what each does to ``-t``'s exit code.

A code is never given a second meaning; each has its
story in ``explain``, which a test demands. ``exit_code`` 0 marks messages that keepalived does not have
(lint, "not yet"): they never change the verdict of a configuration test.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Severity(enum.Enum):
    ERROR = "error"
    """What is written cannot be done: the word, line or block is left out."""
    WARNING = "warning"
    """It runs, but not as written."""
    SECURITY = "security"
    REMARK = "remark"
    """It runs as written, and is likely not what was meant: lint."""


class Code(NamedTuple):
    severity: Severity
    exit_code: int
    title: str
    fatal: bool = False
    """True where a start is refused, as keepalived's would be."""
    absent: tuple[str, ...] = ()
    """The keywords one of which is missed: a misspelt one is message enough."""
    refers: bool = False
    """Something is named that is not there: a misspelt block that would have been it is message enough."""

    @property
    def lint(self) -> bool:
        return self.severity is Severity.REMARK


_E, _W, _S = Severity.ERROR, Severity.WARNING, Severity.SECURITY

CODES: dict[str, Code] = {
    # files
    "LB0001": Code(_E, 4, "the configuration file cannot be read", fatal=True),
    "LB0002": Code(_W, 0, "an include matches no file"),
    "LB0003": Code(_W, 0, "an included file is skipped"),
    "LB0004": Code(_E, 5, "an include includes itself"),
    "LB0005": Code(_S, 6, "a strict include matches no file", fatal=True),
    "LB0006": Code(_W, 0, "the file is not UTF-8"),
    "LB0007": Code(_E, 5, "the configuration is too large"),
    "LB0008": Code(_E, 5, "a line is too long"),
    "LB0009": Code(_W, 0, "a line is longer than keepalived reads"),
    "LB0010": Code(_E, 5, "a line holds a NUL byte"),
    "LB0011": Code(_E, 5, "too many messages"),
    # the language
    "LB0101": Code(_E, 5, "unmatched quote"),
    "LB0102": Code(_E, 5, "unexpected }"),
    "LB0103": Code(_E, 5, "missing }"),
    "LB0104": Code(_E, 5, "unexpected {"),
    "LB0105": Code(_E, 5, "missing {"),
    "LB0106": Code(_E, 5, "blocks are nested too deeply"),
    "LB0107": Code(_E, 5, "unknown keyword"),
    "LB0108": Code(_W, 0, "extra words are ignored"),
    "LB0109": Code(_E, 2, "a mandatory value is missing", fatal=True),
    "LB0110": Code(_E, 5, "a value is missing"),
    "LB0111": Code(_E, 5, "a definition does not end"),
    "LB0112": Code(_W, 0, "an undefined name is used"),
    "LB0113": Code(_E, 5, "a generator that cannot be read"),
    "LB0114": Code(_W, 5, "a deprecated keyword"),
    "LB0115": Code(_W, 0, "a keyword that this version does not act on yet"),
    "LB0116": Code(_W, 0, "a keyword without effect here"),
    "LB0117": Code(_E, 5, "a block is empty"),
    "LB0118": Code(_W, 0, "a flag takes no value"),
    "LB0119": Code(_E, 5, "an undefined name in braces"),
    # values
    "LB0201": Code(_E, 5, "an invalid value"),
    "LB0202": Code(_W, 5, "a value is adjusted"),
    "LB0203": Code(_E, 5, "extra words where none may stand"),
    "LB0204": Code(_W, 5, "a keyword given twice"),
    "LB0205": Code(_W, 0, "an invalid value that keepalived passes over"),
    # VRRP
    "LB0301": Code(_E, 5, "a duplicate name"),
    "LB0302": Code(_E, 5, "the virtual router ID is used twice on an interface"),
    "LB0303": Code(
        _E,
        5,
        "the instance lacks something it cannot run without",
        absent=("interface", "virtual_router_id", "auth_type", "auth_pass", "key"),
    ),
    "LB0304": Code(_E, 5, "no such interface", fatal=True),
    "LB0305": Code(_W, 5, "an instance without virtual addresses", absent=("virtual_ipaddress",)),
    "LB0306": Code(_E, 5, "an address of the other family"),
    "LB0307": Code(_W, 5, "state and preemption do not agree"),
    "LB0308": Code(_W, 5, "VRRP version and setting do not agree"),
    "LB0309": Code(_E, 5, "a sync group names an instance that does not exist", refers=True),
    "LB0310": Code(_E, 5, "an instance is in two sync groups"),
    "LB0311": Code(_W, 5, "a sync group is too small", absent=("group",), refers=True),
    "LB0312": Code(_W, 5, "unicast settings without peers", absent=("unicast_peer",)),
    "LB0313": Code(_W, 0, "the first IPv6 address is not link-local"),
    "LB0315": Code(_E, 5, "a reference to a tracker that is not defined before it", refers=True),
    "LB0316": Code(_E, 5, "a tracked script does not exist"),
    "LB0317": Code(_W, 5, "a tracker that tracks nothing new"),
    "LB0318": Code(_W, 5, "a setting of virtual MACs without one"),
    "LB0319": Code(_E, 5, "a route or rule that cannot be set"),
    "LB0320": Code(_W, 5, "a route or rule is adjusted"),
    "LB0321": Code(_W, 5, "a setting that strict mode does not allow"),
    "LB0322": Code(_W, 5, "two instances with one interface of their own"),
    "LB0323": Code(_E, 5, "a setting of an interface that does not exist"),
    "LB0324": Code(_W, 5, "a tracker that is never up"),
    "LB0325": Code(_W, 5, "a weight where none may be"),
    # services
    "LB0401": Code(_E, 5, "a virtual server without real servers", absent=("real_server",)),
    "LB0402": Code(_W, 5, "lb_algo is missing", absent=("lb_algo", "lvs_sched")),
    "LB0403": Code(_W, 5, "lb_kind is missing", absent=("lb_kind", "lvs_method")),
    "LB0404": Code(_W, 5, "protocol is missing", absent=("protocol",)),
    "LB0405": Code(_W, 5, "quorum is more than the weights can reach", absent=("real_server", "weight")),
    "LB0406": Code(_W, 5, "hysteresis is not below quorum"),
    "LB0407": Code(_W, 5, "a real server given twice"),
    "LB0408": Code(_W, 5, "the port of a real server cannot differ"),
    "LB0409": Code(_E, 5, "a real server of the other family"),
    "LB0410": Code(_E, 0, "no such virtual_server_group", refers=True),
    "LB0411": Code(_E, 5, "FullNAT without local addresses", absent=("laddr_group_name",), refers=True),
    "LB0412": Code(_E, 0, "SNAT and virtual_server match belong together"),
    "LB0413": Code(_W, 5, "an unknown scheduler"),
    "LB0415": Code(_W, 5, "an unknown forwarding method"),
    "LB0416": Code(_E, 0, "this kind of service is not there yet"),
    "LB0417": Code(_W, 5, "one-packet scheduling needs UDP"),
    "LB0418": Code(_W, 5, "a service for all ports needs persistence"),
    "LB0419": Code(_W, 5, "a flag of another scheduler"),
    "LB0420": Code(_W, 5, "a keyword that needs sorry_server before it", absent=("sorry_server",)),
    "LB0421": Code(_W, 5, "protocol is ignored for a firewall mark"),
    "LB0422": Code(_W, 0, "a service given twice"),
    "LB0423": Code(_E, 5, "the service is of another family than ip_family says"),
    "LB0425": Code(_E, 0, "no such group of clients", refers=True),
    # checks
    "LB0501": Code(_E, 5, "HTTP_GET without url", absent=("url",)),
    "LB0502": Code(_E, 5, "an url without path", absent=("path",)),
    "LB0504": Code(_E, 5, "a block lacks something it is nothing without", absent=("misc_path",)),
    "LB0505": Code(_E, 5, "a check that cannot succeed"),
    "LB0506": Code(_W, 0, "settings of a pattern that do not go together"),
    # scripts
    "LB0601": Code(
        _S, 6, "scripts without enable_script_security", absent=("enable_script_security", "global_defs")
    ),
    "LB0602": Code(_S, 6, "a secret that others can read"),
    "LB0603": Code(_E, 5, "no such user or group"),
    "LB0604": Code(_E, 5, "a name that cannot be resolved"),
}

_LINT = {
    # VRRP
    "LB0701": "state MASTER without priority",
    "LB0703": "a router that is its own peer",
    "LB0704": "unicast without a source address",
    "LB0705": "a well-known password",
    "LB0706": "adverts in a hurry",
    "LB0708": "adverts from a virtual address",
    "LB0709": "an address of two instances",
    "LB0710": "a virtual address in no subnet of its interface",
    "LB0711": "a virtual address that is none of a host",
    "LB0712": "a weight that changes no priority",
    "LB0713": "a script slower than its interval",
    "LB0714": "a tracker that nobody tracks",
    "LB0715": "a sync group of unlike priorities",
    "LB0716": "a sync group of unlike preemption",
    "LB0717": "VRRP on the loopback interface",
    "LB0718": "strict mode without accept",
    # virtual servers
    "LB0802": "persistence beside one-packet scheduling",
    "LB0803": "persistence beside a hash",
    "LB0804": "syn_proxy without FullNAT",
    "LB0805": "a virtual server that is its own real server",
    "LB0806": "a sorry server that is a real server",
    "LB0807": "half a notification of the quorum",
    "LB0808": "dead servers keep their clients",
    "LB0809": "weights that the scheduler does not look at",
    "LB0810": "a virtual server whose address does not move",
    "LB0811": "a group that nobody uses",
    "LB0812": "a local address that is a virtual one",
    "LB0813": "persistence for too many clients at once",
    "LB0814": "ha_suspend without an address",
    "LB0815": "a quorum that cannot be lost",
    "LB0816": "an address twice in virtual_server_groups",
    # real servers and checks
    "LB0840": "a service without checks",
    "LB0841": "a real server without check beside others with",
    "LB0842": "alpha without a check",
    "LB0843": "thresholds the wrong way round",
    "LB0844": "a real server on no other machine",
    "LB0845": "a real server with a virtual address",
    "LB0846": "half a notification of a real server",
    "LB0847": "a notification that never comes",
    "LB0860": "a check slower than its beat",
    "LB0861": "a dead server is noticed late",
    "LB0862": "a check of another port",
    "LB0863": "UDP checked over TCP",
    "LB0864": "TCP checked without a connection",
    "LB0865": "TLS where none is, or none where TLS is",
    "LB0866": "server errors count as success",
    "LB0867": "a check's script slower than its beat",
    "LB0868": "a check twice",
    "LB0869": "checks in a hurry",
    # the rest
    "LB0901": "script security without script_user",
    "LB0902": "scripts run as root",
    "LB0903": "mail without a server",
    "LB0904": "mail to nobody",
    "LB0905": "a keyword given twice",
    "LB0906": "connection synchronisation by nobody",
    "LB0907": "mail from nobody",
    "LB0908": "an empty global_defs",
}
CODES |= {code: Code(Severity.REMARK, 0, title) for code, title in _LINT.items()}

RETIRED = {"LB0503": "this check is not there yet"}
"""Codes that earlier versions gave. They are not used again."""
