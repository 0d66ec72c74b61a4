"""What experiments/public_tables.py prints: its figures, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.public_tables import configured, left_out_scale, of, summary
from experiments.public_tables_fitted import errors
from supernet.published.net_config_export import net_config
from supernet.space.space import SearchSpace


def test_a_scale_comes_from_the_other_networks() -> None:
    scaled = left_out_scale(np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 12.0]))

    # Ratios are 2, 2 and 3: without the first or second the median is 2.5, without the third 2.
    assert scaled.tolist() == [2.5, 5.0, 8.0]


def test_errors_in_ms_and_by_share() -> None:
    predicted, true = np.array([9.5, 22.0, 30.0]), np.array([10.0, 20.0, 40.0])

    text = summary(predicted, true)

    assert text == "mean error 4.17 ms, largest 10.00 ms, mean 13.3%, within 10 % 0.33"
    # 5, 10 and 25 %; the 95th percentile is nine tenths of the way from the second to the third.
    assert errors(predicted, true) == "10.0%, 23.5%"


def test_the_authors_files_have_their_latency_in_their_folder(tmp_path: Path) -> None:
    space = SearchSpace.load("ofa-mbv3-w1.0")
    for name in ("s7edge_lat-29ms_top1-70.5", "LG-G8_lat-8ms_top1-71.1", "pixel1_lat-20ms"):
        folder = tmp_path / name
        folder.mkdir()
        config = net_config(space.blocks(space.smallest()))
        (folder / "net.config").write_text(json.dumps(config))

    networks = configured(tmp_path)

    assert [network.latency_ms for network in networks] == [8.0, 29.0]
    assert [network.name for network in of(networks, "s7edge")] == ["s7edge_lat-29ms_top1-70.5"]
    assert of(networks, "note8") == []


@pytest.mark.parametrize("count", [2, 5])
def test_a_right_scale_has_no_error(count: int) -> None:
    predicted = np.arange(1.0, count + 1)

    assert left_out_scale(predicted, 3 * predicted) == pytest.approx(3 * predicted)
