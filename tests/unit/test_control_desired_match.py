# SPDX-License-Identifier: Apache-2.0
"""``virtual_server match``: from the file to the fastpath's words."""

from __future__ import annotations

from pathlib import Path

from lbd.confparser.load import load
from lbd.control.desired import desired
from lbd.control.health import Health
from lbd.fastpath import api

TEXT = """
virtual_server match inside {
    protocol %s
    lb_algo wrr
    lb_kind SNAT
    src-range 10.0.0.1-10.0.0.99:1024-65535
    dst-range 192.0.2.1-192.0.2.9
    iif eth0
    oif eth1
    real_server 203.0.113.1 0 {
        weight 3
    }
}
"""


def services(tmp_path: Path, protocol: str) -> tuple[api.Service, ...]:
    file = tmp_path / "keepalived.conf"
    file.write_text(TEXT % protocol)
    loaded = load(str(file))
    assert not loaded.diagnostics
    assert loaded.config is not None
    return desired(loaded.config, Health()).services


def test_every_word_arrives(tmp_path):
    (service,) = services(tmp_path, "UDP")
    assert service.key == api.ServiceKey(
        "0.0.0.0",
        0,
        api.Protocol.UDP,
        api.Match(
            source=api.Span("10.0.0.1", "10.0.0.99", 1024, 65535),
            destination=api.Span("192.0.2.1", "192.0.2.9"),
            iif="eth0",
            oif="eth1",
        ),
    )
    assert service.reals == (api.Real("203.0.113.1", 0, 3, api.Method.SNAT),)
    assert service.scheduler == "wrr"


def test_ping_is_of_its_family(tmp_path):
    (service,) = services(tmp_path, "ICMP")
    assert service.key.protocol is api.Protocol.ICMP
