# SPDX-License-Identifier: Apache-2.0
"""Mutated frames: each ends by one name and none is lost (the bench checks the sums). ``make soak`` runs millions."""

from __future__ import annotations

import pytest

from lbd.fastpath import _dp
from tests.packets import mutations

FRAMES = 20_000


@pytest.mark.parametrize("seed", range(3))
def test_mutations(bench, seed):
    fed = mutations.run(bench, FRAMES, seed)
    assert sum(fed.values()) == FRAMES // 32 * 32
    assert "live" not in fed
    # the catalogue is worth something only if it reaches many ends
    assert len(fed) >= 12, fed
    assert set(bench.counts()) <= set(_dp.NAMES)
