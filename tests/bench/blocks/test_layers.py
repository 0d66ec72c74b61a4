import pytest

from bench.blocks.layers import layers_of
from bench.blocks.spec import BlockSpec
from bench.errors import InputError


def parse(key: str) -> BlockSpec:
    return BlockSpec.parse(key)


@pytest.mark.parametrize(
    ("key", "macs", "params"),
    [
        # 112^2 x 16 x 27 taps; weights and a norm's scale and shift
        ("stem-224x3-m0-o16-k3-s2-hswish-se0-r0", 112**2 * 16 * 27, 16 * 27 + 32),
        # residual stem of ResNet-D
        ("stem-8x4-m0-o4-k3-s1-relu-se0-r1", 64 * 4 * 36, 4 * 36 + 8),
        # expand 8^2 x 2 x 6, depthwise 4^2 x 6 x 9, se 2 x 6 x 2, project 4^2 x 6 x 3
        (
            "mbconv-8x2-m6-o3-k3-s2-relu-se2-r0",
            64 * 12 + 16 * 54 + 24 + 16 * 18,
            (12 + 12) + (54 + 12) + (24 + 8) + (18 + 6),
        ),
        # no expansion where the hidden width is the input's
        ("mbconv-8x4-m4-o4-k5-s1-relu6-se0-r1", 64 * 100 + 64 * 16, (100 + 8) + (16 + 8)),
        # reduce 6^2 x 4 x 2, spatial 3^2 x 2 x 18, expand 3^2 x 2 x 8, downsample 3^2 x 4 x 8
        (
            "bottleneck-6x4-m2-o8-k3-s2-relu-se0-r1",
            36 * 8 + 9 * 36 + 9 * 16 + 9 * 32,
            (8 + 4) + (36 + 4) + (16 + 16) + (32 + 16),
        ),
        # identity shortcut
        (
            "bottleneck-6x4-m2-o4-k3-s1-relu-se0-r1",
            36 * (8 + 36 + 8),
            (8 + 4) + (36 + 4) + (8 + 8),
        ),
        ("max_pool-8x4-m0-o4-k3-s2-none-se0-r0", 0, 0),
        ("final_expand-7x4-m0-o8-k1-s1-hswish-se0-r0", 49 * 32, 32 + 16),
        ("avg_pool-7x8-m0-o8-k1-s1-none-se0-r0", 0, 0),
        ("feature_mix-1x8-m0-o5-k1-s1-hswish-se0-r0", 40, 40),
        ("classifier-1x5-m0-o10-k1-s1-none-se0-r0", 50, 60),
    ],
)
def test_macs_and_params_equal_those_by_hand(key: str, macs: int, params: int) -> None:
    spec = parse(key)
    assert (spec.macs, spec.params) == (macs, params)


def test_layers_of_a_bottlenecks_shortcut() -> None:
    def names(key: str) -> list[str]:
        shortcut = layers_of(parse(key)).shortcut
        assert shortcut is not None
        return [layer.name for layer in shortcut]

    assert names("bottleneck-6x4-m2-o4-k3-s1-relu-se0-r1") == []
    assert names("bottleneck-6x4-m2-o8-k3-s1-relu-se0-r1") == ["downsample"]
    assert names("bottleneck-6x4-m2-o4-k3-s2-relu-se0-r1") == ["pool", "downsample"]


@pytest.mark.parametrize("residual", [True, False])
def test_residual_mbconv_has_an_identity(residual: bool) -> None:
    layers = layers_of(parse(f"mbconv-8x4-m8-o4-k3-s1-relu-se0-r{int(residual)}"))
    assert layers.shortcut == (() if residual else None)


def test_each_layer_starts_with_the_size_of_the_one_before() -> None:
    layers = layers_of(parse("mbconv-15x2-m6-o3-k3-s2-relu-se2-r0"))
    assert [(layer.in_size, layer.out_size) for layer in layers.main] == [
        (15, 15),
        (15, 8),
        (8, 8),
        (8, 8),
    ]


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_pooling_keeps_channels(kind: str) -> None:
    with pytest.raises(InputError, match="keeps its channels"):
        layers_of(BlockSpec(kind=kind, in_size=8, in_channels=4, out_channels=5))


def test_classifier_takes_one_pixel() -> None:
    with pytest.raises(InputError, match="takes a 1x1 feature map"):
        layers_of(BlockSpec(kind="classifier", in_size=2, in_channels=4, out_channels=5))
