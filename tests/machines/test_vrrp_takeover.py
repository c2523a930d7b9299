# SPDX-License-Identifier: Apache-2.0
"""What a standby is told of authentication: nothing that was heard is heard twice, and nothing is said twice."""

from __future__ import annotations

import msgspec
import pytest

from lbd.model import AuthHmac, Config, HmacKey
from lbd.vrrp.advert import Refusal, RefusedError
from lbd.vrrp.packet import Security
from lbd.vrrp.routers import Routers
from tests.machines.wire import datagram, instance

AUTH = AuthHmac(keys=(HmacKey(id=1, secret=b"k" * 32),), active_key=1, time_window=5.0)
CONF = instance(version=3, auth_hmac=AUTH)
PEER = "10.0.0.2"


def router(wall: float, conf=CONF) -> Routers:
    made = Routers()
    made.configure(Config(vrrp_instances=(conf,)), 0.0)
    made.instances[conf.name].security.wall = lambda: wall
    made.start(conf.name, 0.0)
    return made


@pytest.mark.parametrize("anti_replay", ["time", "monotonic"])
def test_an_advert_that_was_heard_is_refused_by_the_successor(anti_replay):
    conf = msgspec.structs.replace(CONF, auth_hmac=msgspec.structs.replace(AUTH, anti_replay=anti_replay))
    heard = datagram(conf, 200, PEER, security=Security(lambda: 1000.0))
    before = router(1000.5, conf)
    before.receive(conf.name, heard, 1.0)
    after = router(1001.0, conf)
    after.restore(before.snapshot(conf.name, 10), 1.5)
    with pytest.raises(RefusedError) as error:
        after.receive(conf.name, heard, 1.6)
    assert error.value.reason is Refusal.HMAC_REPLAY
    after.receive(conf.name, datagram(conf, 200, PEER, security=Security(lambda: 1001.0)), 1.7)


def test_the_successor_says_nothing_below_what_was_said():
    """Though the clock has been set back by a little meanwhile."""
    before, after, peer = router(1000.0), router(999.0), router(1000.0)
    old = [datagram(CONF, 100, PEER, security=before.instances[CONF.name].security) for _ in range(10)]
    after.restore(before.snapshot(CONF.name, 10), 1.0)
    peer.receive(CONF.name, old[-1], 1.0)
    peer.receive(CONF.name, datagram(CONF, 100, PEER, security=after.instances[CONF.name].security), 2.0)
