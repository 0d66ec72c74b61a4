"""`experiments.robust_fits`: what falls short, by hand; and the MACs of FBNet's codes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from experiments.fbnet_macs import macs_of, operator_macs
from experiments.robust_fits import Draw, read, table, verdict

DRAW = Draw(
    space="onehot",
    column="there_ms",
    networks=50,
    seed=0,
    spearman={"ours": 0.9, "ridge": 0.904, "MACs": 0.5, "constant": 0.0},
    mape={"ours": 0.1, "ridge": 0.1, "MACs": 0.2, "constant": 0.3},
    constant=False,
    seconds=1.0,
)
WORSE = replace(DRAW, seed=1, spearman={**DRAW.spearman, "ours": 0.88})


def test_draws_fall_short_by_more_than_five_thousandths_or_as_constants() -> None:
    assert verdict([DRAW]) == []
    assert verdict([WORSE]) == ["onehot there_ms 50 1: 0.0240 below ridge"]
    assert verdict([replace(DRAW, constant=True)]) == ["onehot there_ms 50 0: predicts a constant"]


def test_a_row_has_mean_and_worst_draw_and_the_least_difference() -> None:
    *_, row = table([DRAW, WORSE])

    assert row == (
        "| there_ms (onehot) | 50 | 2 | 0.890, 0.880 | 0.904, 0.904 | 0.500, 0.500 | 0 | -0.0240 |"
    )


def test_results_are_read_again_but_for_a_line_that_was_cut_short(tmp_path: Path) -> None:
    kept = tmp_path / "results.jsonl"
    whole = json.dumps(asdict(DRAW))
    kept.write_text(f"{whole}\n{json.dumps(asdict(WORSE))[:40]}")

    assert read(kept) == {DRAW.key: DRAW}
    assert read(tmp_path / "none.jsonl") == {}


def test_macs_of_operators_by_hand() -> None:
    result = operator_macs()

    assert result.shape == (22, 9)
    # First position: 16 to 16 channels at 112 px, stride 1: two pointwise and a 3x3 depthwise.
    assert result[0, 0] == 112**2 * (16 * 16 + 9 * 16 + 16 * 16)
    assert result[0, 1] == 112**2 * (16 * 16 / 2 + 9 * 16 + 16 * 16 / 2)
    assert result[0, 8] == 0
    # Second: to 24 channels at 56 px; expansion 6 with kernel 5, and a pointwise convolution.
    assert result[1, 7] == 112**2 * 16 * 96 + 56**2 * (25 * 96 + 96 * 24)
    assert result[1, 8] == 56**2 * 16 * 24
    codes = np.zeros((2, 22), dtype=np.int64)
    codes[1] = 8
    assert macs_of(codes)[0] == result[:, 0].sum()
    assert macs_of(codes)[1] == result[:, 8].sum()
