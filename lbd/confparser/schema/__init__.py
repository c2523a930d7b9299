# SPDX-License-Identifier: Apache-2.0
"""THE table: for every directive where it may stand, its arguments, range, default and meaning.

One module of rows per block family; this one puts the root together. Nothing else in the parser names a keyword but
the builders that read values out.
"""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.global_defs import GLOBAL_DEFS
from lbd.confparser.schema.row import (
    NOTHING,
    Block,
    Keyword,
    Missing,
    Status,
    block,
    later,
    later_flag,
    works_block,
)
from lbd.confparser.schema.service import GROUP, LOCAL_GROUP, VIRTUAL_SERVER
from lbd.confparser.schema.trackers import DEFINITIONS
from lbd.confparser.schema.vrrp import VRRP_INSTANCE, VRRP_SYNC_GROUP

__all__ = ["ROOT", "ROOT_BLOCKS", "Block", "Keyword", "Missing", "Status"]

_NAME = values.text("a name")
_ONE_NAME = values.text("a name", exact=True)
_OPTIONAL_NAME = values.text("a name", optional=True)
_UNCHECKED = block(unchecked=True)
_NO_STATIC = "they are not set"
_NO_NAMESPACE = "lbd runs in the namespace it is started in: use ip netns exec"


def _later_block(name: str, head: values.Value, meaning: str, consequence: str, **more: object) -> Keyword:
    return later(name, head, "", meaning, consequence, block=_UNCHECKED, **more)


_BLOCKS = [
    works_block("global_defs", NOTHING, GLOBAL_DEFS, "settings of the whole"),
    works_block("vrrp_instance", _ONE_NAME, VRRP_INSTANCE, "one virtual router", missing=Missing.REPORTED),
    works_block("vrrp_sync_group", _ONE_NAME, VRRP_SYNC_GROUP, "instances that change together",
                missing=Missing.REPORTED),
    works_block("virtual_server", addresses.service_head(), VIRTUAL_SERVER, "one balanced service"),
    works_block("virtual_server_group", _NAME, GROUP, "addresses of one service"),
    works_block("local_address_group", _NAME, LOCAL_GROUP, "local addresses of FNAT", source="DPVS"),
    _later_block("static_ipaddress", NOTHING, "addresses of this machine", _NO_STATIC),
    _later_block("static_routes", NOTHING, "routes of this machine", _NO_STATIC),
    _later_block("static_rules", NOTHING, "rules of this machine", _NO_STATIC),
    _later_block("track_group", _NAME, "ties static items to instances", _NO_STATIC, missing=Missing.REPORTED),
    _later_block("garp_group", NOTHING, "pace of gratuitous ARP", "there is no pace"),
    *DEFINITIONS,
    _later_block("interface_up_down_delays", NOTHING, "debounce of links", "links count at once"),
    _later_block("linkbeat_interfaces", NOTHING, "links to poll", "the kernel reports links"),
    _later_block("SSL", NOTHING, "keys of SSL_GET", "SSL_GET is not there yet"),
    _later_block("deny_address_group", _NAME, "clients to refuse", "every client is let in", source="DPVS"),
    _later_block("allow_address_group", _NAME, "clients to let in", "every client is let in", source="DPVS"),
    _later_block("tunnel_group", _NAME, "tunnels", "no tunnels are set up", source="DPVS"),
]  # fmt: skip

_WORDS = [
    later_flag("linkbeat_use_polling", "poll the links", "the kernel reports links"),
    later("net_namespace", _NAME, "none", "the namespace to run in", _NO_NAMESPACE, missing=Missing.REPORTED),
    later("net_namespace_ipvs", _OPTIONAL_NAME, "net_namespace", "the namespace of IPVS", _NO_NAMESPACE),
    later_flag("namespace_with_ipsets", "ipsets in the namespace", _NO_NAMESPACE),
    later_flag("use_pid_dir", "PID files under /run/keepalived", "PID files keep their place"),
    later("instance", _NAME, "none", "name in file names", "file names do not have it", missing=Missing.REPORTED),
    later("child_wait_time", values.number(0, 4294967295), "5", "seconds to wait for children at the end",
          "it is 5 seconds"),
]  # fmt: skip

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
