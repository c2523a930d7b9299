# SPDX-License-Identifier: Apache-2.0
"""The contract's values: what is sorted by them can be."""

import itertools

from lbd.fastpath.api import Protocol, ServiceKey


def test_services_have_an_order_that_is_whole() -> None:
    addresses, ports = ("10.0.0.1", "fd00::1"), (53, 80)
    wanted = [
        ServiceKey(a, port, p) for a in addresses for port in ports for p in (Protocol.TCP, Protocol.UDP)
    ]
    for order in itertools.islice(itertools.permutations(wanted), 0, 40_320, 997):
        assert sorted(order) == wanted
