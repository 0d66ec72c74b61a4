"""Several tables compared: ratios to the first, and ranks of each pair."""

from dataclasses import replace

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.target import Target
from latency_models.evaluation.compare_targets import compare_targets
from latency_models.tables.table import LatencyTable, frame_of

FIRST = Target(device="cpu", backend="onnx", backend_version="1")


def table(backend: str, latencies_ms: dict[int, float], space: str = "tiny") -> LatencyTable:
    """A table of blocks by their size; an odd size is a stem's."""
    specs = [
        BlockSpec(kind="stem", in_size=size, in_channels=8, out_channels=8)
        if size % 2
        else BlockSpec(kind="mbconv", in_size=size, in_channels=8, out_channels=8, mid_channels=8)
        for size in latencies_ms
    ]
    rows = frame_of(specs, latency_ms=[*latencies_ms.values()])
    target = replace(FIRST, backend=backend)
    return LatencyTable(target=target, provenance={"space": space}, rows=rows)


def test_ratios_and_ranks_by_hand() -> None:
    first = table("onnx", {1: 1.0, 2: 2.0, 4: 3.0, 6: 4.0})
    second = table("torch", {1: 2.0, 2: 6.0, 4: 9.0, 6: 8.0})
    third = table("tflite", {2: 1.0, 4: 0.5, 8: 9.0})

    found = compare_targets({"onnx": first, "torch": second, "tflite": third})

    # Ratios of torch are 2, 3, 3 and 2, whose geometric median is sqrt(6).
    assert found.ratios["torch"].to_dict() == pytest.approx(
        {"all blocks": 6**0.5, "mbconv": 3.0, "stem": 2.0}
    )
    assert found.ratios.loc["mbconv", "tflite"] == pytest.approx((0.5 * 0.5 / 3) ** 0.5)
    assert np.isnan(found.ratios["tflite"]["stem"])
    # Ranks 1 2 3 4 and 1 2 4 3: 1 - 6 * 2 / (4 * 15).
    pairs = {(each.first, each.second): each for each in found.ranks}
    assert pairs["onnx", "torch"].correlation == pytest.approx(0.8)
    assert pairs["onnx", "tflite"].correlation == pytest.approx(-1)
    assert (pairs["torch", "tflite"].blocks, len(pairs)) == (2, 3)
    changes = found.against_first["torch"].by_change["ratio"].tolist()
    assert changes == pytest.approx([2.0, 3.0, 3.0, 2.0])  # equal changes, in the table's order


def test_the_wide_table_has_ratios() -> None:
    found = compare_targets({"a": table("onnx", {2: 2.0, 4: 3.0}), "b": table("torch", {4: 6.0})})

    wide = found.wide
    assert wide.columns[-1] == "b_ratio"
    assert wide["b_ratio"].fillna(0).tolist() == [0.0, 2.0]
    assert found.first == "a"


def test_a_pair_without_common_blocks_has_no_rank_and_none_with_the_first_is_refused() -> None:
    first = table("onnx", {2: 2.0, 4: 3.0})
    found = compare_targets(
        {"a": first, "b": table("torch", {2: 1.0}), "c": table("tflite", {4: 1.0})}
    )
    assert (found.ranks[2].blocks, found.ranks[2].correlation) == (0, None)

    with pytest.raises(
        InputError, match=r"no block in common \(of the spaces tiny and huge\); swe"
    ):
        compare_targets(
            {"a": first, "b": table("torch", {2: 1.0}), "c": table("x", {6: 1.0}, "huge")}
        )
