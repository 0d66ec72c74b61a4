import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.blocks.shape import ACTS, KINDS
from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.target import Target

widths = st.integers(1, 4096)


@st.composite
def specs(draw: st.DrawFn) -> BlockSpec:
    kind = draw(st.sampled_from(KINDS))
    residual = draw(st.booleans())
    in_channels = draw(widths)
    keeps = residual and kind != "bottleneck"
    return BlockSpec(
        kind=kind,
        in_size=draw(st.integers(1, 512)),
        in_channels=in_channels,
        mid_channels=draw(widths),
        out_channels=in_channels if keeps else draw(widths),
        kernel=draw(st.sampled_from([1, 3, 5, 7])),
        stride=1 if keeps else draw(st.integers(1, 3)),
        act=draw(st.sampled_from(ACTS)),
        se=draw(st.integers(0, 512)),
        residual=residual,
    )


@given(specs())
def test_a_key_is_parsed_back(spec: BlockSpec) -> None:
    assert BlockSpec.parse(spec.key) == spec


@given(st.text())
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not the key of a block"):
        BlockSpec.parse(text)


@pytest.mark.parametrize("number", ["1" * 10, "1" * 5000, "\u0663"], ids=["10", "5000", "arabic"])
def test_implausible_numbers_in_a_key_are_refused(number: str) -> None:
    with pytest.raises(InputError, match="not the key of a block"):
        BlockSpec.parse(f"max_pool-{number}x8-m0-o8-k3-s2-none-se0-r0")


def test_key_is_as_documented() -> None:
    spec = BlockSpec.parse("mbconv-28x40-m240-o40-k5-s1-hswish-se64-r1")
    assert spec == BlockSpec(
        kind="mbconv",
        in_size=28,
        in_channels=40,
        mid_channels=240,
        out_channels=40,
        kernel=5,
        act="hswish",
        se=64,
        residual=True,
    )
    assert (spec.in_bytes, spec.out_bytes) == (4 * 28 * 28 * 40, 4 * 28 * 28 * 40)


@pytest.mark.parametrize(
    ("in_size", "stride", "out_size"), [(224, 2, 112), (15, 2, 8), (7, 1, 7), (1, 2, 1), (10, 3, 4)]
)
def test_out_size_is_rounded_up(in_size: int, stride: int, out_size: int) -> None:
    spec = BlockSpec(kind="stem", in_size=in_size, in_channels=3, out_channels=8, stride=stride)
    assert spec.out_size == out_size


def test_global_pooling_leaves_one_pixel() -> None:
    spec = BlockSpec(kind="avg_pool", in_size=7, in_channels=8, out_channels=8)
    assert spec.out_size == 1


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("conv-8x8-m0-o8-k1-s1-none-se0-r0", "block kind is 'conv', expected one of stem"),
        ("stem-8x8-m0-o8-k1-s1-gelu-se0-r0", "activation is 'gelu', expected one of none"),
        ("stem-0x8-m0-o8-k1-s1-none-se0-r0", "in_size of a stem is 0"),
        ("stem-8x8-m0-o8-k4-s1-none-se0-r0", "kernel of a stem is 4, expected an odd number"),
        ("mbconv-8x8-m0-o8-k3-s1-none-se0-r0", "mid_channels of a mbconv is 0"),
        ("mbconv-8x8-m8-o8-k3-s2-none-se0-r1", "a residual mbconv must keep its shape"),
        ("mbconv-8x8-m8-o9-k3-s1-none-se0-r1", "a residual mbconv must keep its shape"),
    ],
)
def test_impossible_block_is_refused(key: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BlockSpec.parse(key)


def test_the_key_of_a_target_has_all_its_fields() -> None:
    target = Target(
        device="amd-epyc",
        backend="torch",
        backend_version="2.13.0",
        threads=2,
        cores="0,1",
        options=(("mode", "eager"), ("cache", "cold")),
    )
    assert target.key == "amd-epyc/torch-2.13.0/fp32/t2/c0,1/b1/cache=cold/mode=eager"
    assert target.column == "amd_epyc_torch_fp32_t2_b1_ms"
    assert target.with_options(cache="warm").options == (("cache", "warm"), ("mode", "eager"))
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_targets_with_options_in_another_order_are_equal() -> None:
    def with_options(*options: tuple[str, str]) -> Target:
        return Target(device="d", backend="b", backend_version="1", options=options)

    assert with_options(("a", "1"), ("b", "2")) == with_options(("b", "2"), ("a", "1"))


@pytest.mark.parametrize("field", ["threads", "batch"])
def test_a_target_has_at_least_one_thread_and_image(field: str) -> None:
    with pytest.raises(InputError, match=f"{field} must be at least 1, got 0"):
        Target(device="d", backend="b", backend_version="1", **{field: 0})  # type: ignore[arg-type]


def test_a_target_with_missing_fields_is_refused() -> None:
    with pytest.raises(InputError, match="a target: backend is missing, expected a string"):
        Target.from_json({"device": "d"})


def test_spec_imports_no_torch() -> None:
    code = "import bench.blocks.spec, sys; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
