# SPDX-License-Identifier: Apache-2.0
"""Our exit code of a configuration test against that of a real keepalived 2.2.7, one probe a line of the data file.

The probes were judged as root on a machine with the interfaces below. What differs on purpose stands in DIFFERENCES
with its reason, and a difference that is gone must leave the table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from lbd.confparser import load

DATA = Path(__file__).parent / "data" / "keepalived-2.2.7-verdicts.jsonl"

INTERFACES = (
    *(
        "lo",
        "eth0",
        "eth1",
        "eth2",
        "eth3",
        "eth4",
        "bond0",
        "bond0.200",
        "bond1",
        "p33p1",
        "dpdk0",
        "dpdk0.kni",
    ),
    *("ens33", "eno1", "enp1s0", "enp0s3", "enp0s8", "br0", "wlan0"),
)

_DPVS = "a word of DPVS's keepalived, which lbd knows"
_NEWER = "a word of keepalived after 2.2.7, which lbd knows"
_HOST = "depends on the machine: name resolution, number of CPUs"

DIFFERENCES: dict[str, tuple[int, str]] = {
    "85_vs_badsched": (0, _DPVS),
    "A6_dpvs_laddr": (0, _DPVS),
    "J_vs_syn_proxy": (0, _DPVS),
    "J_vshead_13": (0, _DPVS),
    "E_thread_timer_expired": (0, _NEWER),
    "E_timer_expired_backup": (0, _NEWER),
    "E_v3_checksum_as_v2": (0, _NEWER),
    "O_snmp_vs_stats_update_interval_5": (0, _NEWER),
    "F_script_interval_0.5": (0, _NEWER),
    "O_lvs_sync_daemon_eth0_VI_1_id_300": (0, "the words of lvs_sync_daemon are not read yet"),
    "O_smtp_server_nosuch.invalid": (0, _HOST),
    "O_vrrp_cpu_affinity_9999": (0, _HOST),
}


class Probe(NamedTuple):
    name: str
    exit_code: int
    text: str


def probes() -> list[Probe]:
    lines = DATA.read_text().splitlines()
    return [Probe(**json.loads(line)) for line in lines]


@pytest.mark.parametrize("probe", probes(), ids=lambda probe: probe.name)
def test_the_verdict_is_keepaliveds(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(probe.text)
    loaded = load(str(file), config_id="host", interfaces=INTERFACES)
    expected = DIFFERENCES.get(probe.name, (probe.exit_code, ""))[0]
    assert loaded.exit_code == expected, [d.short() for d in loaded.diagnostics]


def test_every_difference_is_one() -> None:
    verdicts = {probe.name: probe.exit_code for probe in probes()}
    for name, (ours, reason) in DIFFERENCES.items():
        assert verdicts[name] != ours
        assert reason


_WORKS_HERE = {
    "E_v3_checksum_as_v2",
    "E_timer_expired_backup",
    "E_thread_timer_expired",
    "O_vrrp_cpu_affinity_9999",  # how many CPUs there are is for the start
    "F_script_interval_0.5",  # keepalived 2.3 takes fractions
    "85_vs_badsched",  # conhash, which is DPVS's
    "O_smtp_server_nosuch.invalid",  # a name that nobody resolves in this test
}


@pytest.mark.parametrize(
    "probe", [p for p in probes() if p.exit_code and p.name not in _WORKS_HERE], ids=lambda probe: probe.name
)
def test_what_keepalived_objects_to_is_never_silent(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(probe.text)
    assert load(str(file), config_id="host", interfaces=INTERFACES).diagnostics
