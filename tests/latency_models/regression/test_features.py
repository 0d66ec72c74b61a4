"""Features against figures counted by hand."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from latency_models.regression.features import ALL, PHYSICAL, feature_matrix


def named(spec: BlockSpec) -> dict[str, float]:
    return dict(zip(ALL, feature_matrix([spec])[0].tolist(), strict=True))


def test_inverted_residual_by_hand() -> None:
    spec = BlockSpec(
        kind="mbconv",
        in_size=10,
        in_channels=12,
        mid_channels=48,
        out_channels=12,
        kernel=5,
        act="hswish",
        se=16,
        residual=True,
    )
    values = named(spec)

    assert values["macs_pointwise"] == pytest.approx(2 * 100 * 12 * 48 / 1e6)
    assert values["macs_depthwise_5"] == pytest.approx(100 * 48 * 25 / 1e6)
    assert values["macs_depthwise_3"] == 0
    assert values["macs_se"] == pytest.approx(2 * 48 * 16 / 1e6)
    # The project convolution has 12 output channels: 16 lanes' worth of work for 12 channels.
    assert values["padded_8_macs"] == pytest.approx(100 * 12 * 48 * (4 / 12) / 1e6)
    assert values["elements_hswish"] == pytest.approx(2 * 100 * 48 / 1e6)
    assert values["elements_residual"] == pytest.approx(100 * 12 / 1e6)
    assert values["bytes_in"] == pytest.approx(4 * 100 * 12 / 1e6)
    assert values["bytes_inner"] == pytest.approx(4 * 2 * 100 * 48 / 1e6)
    # expand, depthwise, project, four of squeeze-excite, the addition
    assert values["launches"] == 8


def test_work_of_every_kind_adds_up_to_the_macs() -> None:
    specs = [
        BlockSpec(kind="stem", in_size=32, in_channels=3, out_channels=8, kernel=3, stride=2),
        BlockSpec(
            kind="bottleneck", in_size=8, in_channels=8, mid_channels=16, out_channels=32, stride=2
        ),
        BlockSpec(kind="max_pool", in_size=8, in_channels=8, out_channels=8, kernel=3, stride=2),
        BlockSpec(kind="final_expand", in_size=4, in_channels=8, out_channels=64, act="hswish"),
        BlockSpec(kind="avg_pool", in_size=4, in_channels=64, out_channels=64),
        BlockSpec(kind="feature_mix", in_size=1, in_channels=64, out_channels=72, act="hswish"),
        BlockSpec(kind="classifier", in_size=1, in_channels=72, out_channels=10),
    ]
    work = [name for name in PHYSICAL if name.startswith("macs_")]

    matrix = feature_matrix(specs, work)

    np.testing.assert_allclose(matrix.sum(axis=1) * 1e6, [spec.macs for spec in specs])
    assert np.all(feature_matrix(specs, PHYSICAL) >= 0)


def test_no_blocks_are_no_rows() -> None:
    assert feature_matrix([]).shape == (0, len(ALL))
