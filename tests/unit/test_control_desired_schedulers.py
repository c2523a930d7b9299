# SPDX-License-Identifier: Apache-2.0
"""From the words of keepalived.conf to what the dataplane is asked for: scheduler, flags, limits, persistence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lbd.confparser.load import load
from lbd.confparser.schema.service import _ALGORITHMS  # the names that a file may use
from lbd.control.desired import desired
from lbd.control.health import Health
from lbd.fastpath import api
from lbd.fastpath.validity import SCHEDULERS, validate

TEXT = """virtual_server %s {
    protocol UDP
    lb_kind NAT
    %s
    real_server %s {
        %s
    }
}
"""


def service(
    path: Path, words: str, *, server: str = "weight 3", ipv6: bool = False, codes: Sequence[str] = ()
) -> api.Service:
    file = path / "keepalived.conf"
    where = ("fd00::1 80", "fd00::51 80") if ipv6 else ("10.0.0.1 80", "10.0.1.1 80")
    file.write_text(TEXT % (where[0], words, where[1], server))
    loaded = load(str(file), config_id="host")
    assert [d.code for d in loaded.diagnostics] == list(codes)
    (one,) = desired(loaded.config, Health()).services
    return one


def test_every_scheduler_of_the_table_is_one_of_the_dataplanes():
    assert {name for name in _ALGORITHMS if not name.startswith("(")} == set(SCHEDULERS)


@pytest.mark.parametrize(
    ("words", "port", "fallback"),
    [
        ("lb_algo sh", False, False),
        ("lb_algo sh\n sh-port", True, False),
        ("lb_algo sh\n sh-fallback\n sh-port", True, True),
        ("lb_algo mh\n mh-fallback", False, True),
        ("lb_algo mh\n mh-port", True, False),
        ("lb_algo mh\n flag-1", False, True),
        ("lb_algo sh\n flag-2", True, False),
    ],
)
def test_flags(tmp_path, words, port, fallback):
    made = service(tmp_path, words)
    assert (made.hash_port, made.fallback) == (port, fallback)
    assert made.scheduler == words.split()[1]


@pytest.mark.parametrize("target", ["sip", "qid"])
def test_hash_target(tmp_path, target):
    made = service(tmp_path, f"lb_algo conhash\n hash_target {target}")
    assert made.hash_target is api.HashTarget(target)


@pytest.mark.parametrize(
    ("words", "size", "codes"),
    [
        ("lb_algo mh\n @lbd table_size 65537", 65537, []),
        ("lb_algo mh\n @lbd table_size 65536", 65521, ["LB0202"]),
        ("lb_algo mh\n @lbd table_size 1000000", 131071, ["LB0202"]),
        ("lb_algo sh\n @lbd table_size 4096", 4096, []),
        ("lb_algo dh\n @lbd table_size 1000", 512, ["LB0202"]),
        ("lb_algo rr\n @lbd table_size 1000", 0, ["LB0419"]),
        ("lb_algo mh", 0, []),
    ],
)
def test_size_of_a_table(tmp_path, words, size, codes):
    """Whatever a file says, the dataplane takes it."""
    made = service(tmp_path, words, codes=codes)
    assert made.table_size == size
    validate(made, {})


def test_limits(tmp_path):
    made = service(tmp_path, "lb_algo rr", server="uthreshold 100\n lthreshold 60")
    assert (made.reals[0].upper, made.reals[0].lower) == (100, 60)


@pytest.mark.parametrize(
    ("words", "ipv6", "seconds", "mask"),
    [
        ("", False, 0, ""),
        ("persistence_timeout", False, 360, ""),
        ("persistence_timeout 50", True, 50, ""),
        ("persistence_granularity 255.255.255.0", False, 360, "255.255.255.0"),
        ("persistence_timeout 9\n persistence_granularity 48", True, 9, "ffff:ffff:ffff::"),
    ],
)
def test_persistence(tmp_path, words, ipv6, seconds, mask):
    made = service(tmp_path, f"lb_algo rr\n {words}", ipv6=ipv6)
    assert (made.persistence, made.persistence_mask) == (seconds, mask)
