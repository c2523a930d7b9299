# SPDX-License-Identifier: Apache-2.0
"""The flame graph of the worker: names, stacks, and boxes as wide as their samples."""

from collections import Counter
from xml.etree import ElementTree

import pytest

from benchmarks.bench_worker import Names, folded, plain
from benchmarks.flame import Box, boxes, drawn

STACKS = Counter({("worker", "a", "b"): 3, ("worker", "a"): 1, ("worker", "c"): 4, ("worker", "c", "b"): 2})


def test_boxes_are_as_wide_as_their_samples() -> None:
    assert sorted(boxes(STACKS)) == [
        Box("a", 1, 0, 4),
        Box("b", 2, 1, 4),
        Box("b", 2, 8, 10),
        Box("c", 1, 4, 10),
        Box("worker", 0, 0, 10),
    ]


def test_the_picture_is_xml_with_a_title_a_box() -> None:
    picture = ElementTree.fromstring(drawn(STACKS + Counter({("worker", "<&>"): 1})))
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 6
    assert "<&>, 9.1 %" in titles


def test_no_sample_is_no_picture() -> None:
    with pytest.raises(ValueError, match="no sample"):
        drawn(Counter())


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("__pyx_f_3lbd_8fastpath_6worker_run_burst", "run_burst"),
        ("__pyx_f_3lbd_8fastpath_5stage_7deliver_st_deliver.cold", "st_deliver"),
        ("lbd_match8", "match8"),
        ("rte_pktmbuf_free", "rte_pktmbuf_free"),
    ],
)
def test_cythons_names_lose_their_modules(symbol: str, name: str) -> None:
    assert plain(symbol) == name


def test_samples_of_the_worker_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names.__new__(Names)
    monkeypatch.setattr(names, "address", lambda symbol, offset: int(offset, 16), raising=False)
    inlined = {0x12: ("worker_loop", "run_burst", "st_parse")}
    monkeypatch.setattr(names, "stacks", lambda addresses: {a: inlined[a] for a in addresses}, raising=False)
    samples = (
        " lcore-worker-1     7f00 worker_loop+0x12 (/tmp/_dp.cpython-311-x86_64-linux-gnu.so)\n"
        " lcore-worker-1     7f02 [unknown] (/usr/lib/librte_net_pcap.so.23.0)\n"
        " python             7f03 main+0x1 (/usr/bin/python3)\n"
    )
    assert folded(samples, names) == {
        ("worker", "run_burst", "st_parse"): 1,
        ("worker", "librte_net_pcap"): 1,
    }
