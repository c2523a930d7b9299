# SPDX-License-Identifier: Apache-2.0
"""THE table: for every directive where it may stand, its arguments, range, default and meaning.

One module of rows per block family; this one puts the root together. Nothing else in the parser names a keyword but
the builders that read values out.
"""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.global_defs import GLOBAL_DEFS
from lbd.confparser.schema.language import LANGUAGE
from lbd.confparser.schema.row import (
    NOTHING,
    PARSER,
    Block,
    Keyword,
    Missing,
    Status,
    block,
    inert,
    later,
    later_flag,
    not_yet,
    of,
    words,
    works,
    works_block,
)
from lbd.confparser.schema.service import (
    ACL_GROUP,
    GROUP,
    LOCAL_GROUP,
    SERVICE_FORMS,
    TUNNEL_GROUP,
    VIRTUAL_SERVER,
)
from lbd.confparser.schema.trackers import DEFINITIONS
from lbd.confparser.schema.vrrp import ROUTE_LINES, RULE_LINES, STATIC_LINES, VRRP_INSTANCE, VRRP_SYNC_GROUP
from lbd.confparser.virtual_lines import link_delay

__all__ = ["LANGUAGE", "PARSER", "ROOT", "ROOT_BLOCKS", "Block", "Keyword", "Missing", "Status"]

_NAME = values.text("a name")
_ONE_NAME = values.text("a name", exact=True)
_OPTIONAL_NAME = values.text("a name", optional=True)
_UNCHECKED = block(unchecked=True)
_NO_NAMESPACE = "lbd runs in the namespace it is started in: use ip netns exec"
_POLLING = "the kernel reports the state of every link"


def _later_block(
    name: str, head: values.Value, inner: Block, meaning: str, consequence: str, **more: object
) -> Keyword:
    return later(name, head, "", meaning, consequence, block=inner, **more)


_NO_PACE = "messages leave one after the other, without a pause"
_GARP_GROUP = block(of("GarpGroup", [
    works("garp_interval", values.seconds(), "none", "seconds between gratuitous ARPs"),
    works("gna_interval", values.seconds(), "none", "seconds between unsolicited neighbour advertisements"),
    works("interface", values.INTERFACE, "", "an interface with a pace of its own", fields=("GarpGroup.interfaces",)),
    works("interfaces", NOTHING, "", "interfaces that share a pace",
          block=block(entry=values.INTERFACE, entries_per_line=True)),
]))  # fmt: skip
_TRACK_GROUP = block([
    works("group", NOTHING, "", "the instances; required", fields=("TrackGroup.members",),
          block=block(entry=values.text("an instance"), entries_per_line=True)),
])  # fmt: skip
_NO_TLS = "there is no SSL_GET"
_SSL = block(of("Ssl", not_yet(_NO_TLS, [
    works("password", values.text("a password"), "none", "password of the key"),
    works("ca", values.text("a file"), "none", "certificates of authorities (PEM)"),
    works("certificate", values.text("a file"), "none", "certificate to show to servers (PEM)"),
    works("key", values.text("a file"), "none", "its private key (PEM)"),
])))  # fmt: skip
_DELAYS = block(entry=link_delay(), words=words(
    works("(interface)", values.rest("IFNAME DOWN [UP]"), "0 0", "an interface, and seconds until a change counts",
          fields=("LinkDelay.down", "LinkDelay.up")),
))  # fmt: skip

_BLOCKS = [
    works_block("global_defs", NOTHING, GLOBAL_DEFS, "settings of the whole; may stand more than once",
                fields=("Config.global_defs",)),
    works_block("vrrp_instance", _ONE_NAME, VRRP_INSTANCE, "one virtual router", missing=Missing.REPORTED,
                fields=("Config.vrrp_instances",)),
    works_block("vrrp_sync_group", _ONE_NAME, VRRP_SYNC_GROUP, "instances that change together",
                missing=Missing.REPORTED, fields=("Config.vrrp_sync_groups",)),
    works_block("virtual_server", addresses.service_head(), VIRTUAL_SERVER, "one balanced service",
                words=SERVICE_FORMS, fields=("Config.virtual_servers",)),
    works_block("virtual_server_group", _NAME, GROUP, "addresses of one service", fields=("VirtualServer.addresses",)),
    works_block("local_address_group", _NAME, LOCAL_GROUP, "local addresses of FNAT", source="DPVS",
                fields=("Config.local_address_groups",)),
    works_block("static_ipaddress", NOTHING, STATIC_LINES, "addresses of this machine",
                 fields=("Config.static_ipaddress",)),
    works_block("static_routes", NOTHING, ROUTE_LINES, "routes of this machine",
                 fields=("Config.static_routes",)),
    works_block("static_rules", NOTHING, RULE_LINES, "routing rules of this machine",
                 fields=("Config.static_rules",)),
    works_block("track_group", _NAME, _TRACK_GROUP, "instances that need the interfaces of static items",
                missing=Missing.REPORTED, fields=("Config.track_groups",)),
    works_block("garp_group", NOTHING, _GARP_GROUP, "pace of gratuitous ARP on interfaces",
                 fields=("Config.garp_groups",)),
    *DEFINITIONS,
    works_block("interface_up_down_delays", NOTHING, _DELAYS, "how long a link must be down or up to count",
                fields=("Config.interface_up_down_delays",)),
    inert("linkbeat_interfaces", NOTHING, "netlink", "links to poll by MII, ETHTOOL or IOCTL", _POLLING,
          block=_UNCHECKED),
    _later_block("SSL", NOTHING, _SSL, "what SSL_GET shows to servers", "there is no SSL_GET", fields=("SslGet.ssl",)),
    _later_block("deny_address_group", _NAME, ACL_GROUP, "clients to refuse", "every client is let in", source="DPVS",
                 fields=("Config.deny_address_groups",)),
    _later_block("allow_address_group", _NAME, ACL_GROUP, "clients to let in", "every client is let in",
                 source="DPVS", fields=("Config.allow_address_groups",)),
    _later_block("tunnel_group", _NAME, TUNNEL_GROUP, "tunnel interfaces", "no tunnels are set up: use ip link",
                 source="DPVS", fields=("Config.tunnels",)),
]  # fmt: skip

_WORDS = of("GlobalDefs", [
    inert("linkbeat_use_polling", NOTHING, "off", "poll all links", _POLLING),
    later("net_namespace", _NAME, "none", "the network namespace to run in", _NO_NAMESPACE, missing=Missing.REPORTED),
    later("net_namespace_ipvs", _OPTIONAL_NAME, "net_namespace", "the network namespace of IPVS", _NO_NAMESPACE),
    later_flag("namespace_with_ipsets", "ipsets inside the namespace", _NO_NAMESPACE),
    later_flag("use_pid_dir", "PID files under /run/keepalived", "PID files keep their place"),
    later("instance", _NAME, "none", "a name in the names of files", "names of PID files do not have it",
          missing=Missing.REPORTED),
    later("child_wait_time", values.number(0, 4294967295), "5", "seconds to wait for children at the end",
          "children get the time they need"),
])  # fmt: skip

ROOT = block([*_BLOCKS, *_WORDS])


def _inner(of: Block) -> set[str]:
    names = set(of.keywords)
    for row in of.keywords.values():
        if row.block is not None:
            names |= _inner(row.block)
    return names


ROOT_BLOCKS = frozenset(row.name for row in _BLOCKS) - {
    name for row in _BLOCKS if row.block is not None for name in _inner(row.block)
}
"""Blocks that stand at the top and nowhere else: inside another block they betray a missing brace."""
