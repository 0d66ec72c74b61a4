"""Networks as the package `ofa` prints them, by hand: which network of a space each one is."""

from typing import Any

import pytest

from bench.errors import InputError
from supernet.space.arch import ArchConfig
from supernet.space.ofa_arch import arch_of_ofa, is_ofa_arch
from supernet.space.space import SearchSpace

MBV3, RESNET = SearchSpace.load("ofa-mbv3-w1.0"), SearchSpace.load("ofa-resnet50d")
PROXYLESS, TINY = SearchSpace.load("ofa-proxyless-w1.3"), SearchSpace.load("tiny")

KS = [3, 5, 7, 3] * 5
E = [3, 4, 6, 6] * 5
D = [2, 3, 4, 2, 3]
KEPT = [1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0]  # blocks that D has
EXPECTED = ArchConfig(
    resolution=224,
    depths=tuple(D),
    kernels=tuple(k * here for k, here in zip(KS, KEPT, strict=True)),
    expands=tuple(e * here for e, here in zip(E, KEPT, strict=True)),
)
PLAIN: dict[str, Any] = {"ks": KS, "e": E, "d": D, "r": [224]}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"r": 224},
        {"r": 224.0},
        {"r": None, "image_size": 224},
        {"r": None, "image_size": [224]},
        {"r": None, "resolution": 224},
        {"image_size": 224},
        {"wid": None},
        {"wid": 0},
        {"w": 1.0},
        {"wid": [None] * 5},
        {"e": [float(e) for e in E]},
        {"ks": [k if here else 0 for k, here in zip(KS, KEPT, strict=True)]},
        {"ks": [k if here else None for k, here in zip(KS, KEPT, strict=True)]},
        {"ks": [k for k, here in zip(KS, KEPT, strict=True) if here]},
        {"ks": tuple(KS), "d": tuple(D)},
        {"latency": 12.5, "accuracy": 0.76, "name": "mine"},
    ],
    ids=str,
)
def test_formats_of_a_mobilenet(change: dict[str, Any]) -> None:
    fields = {**PLAIN, **change}

    assert is_ofa_arch(fields)
    assert arch_of_ofa(fields, MBV3) == EXPECTED


def test_one_value_a_stage_and_one_for_all() -> None:
    by_stage = {"ks": [3, 5, 7, 3, 5], "e": [3, 4, 6, 3, 4], "d": 2, "r": 128}
    arch = arch_of_ofa(by_stage, MBV3)
    assert arch.depths == (2,) * 5
    assert arch.kernels == (3, 3, 0, 0, 5, 5, 0, 0, 7, 7, 0, 0, 3, 3, 0, 0, 5, 5, 0, 0)
    assert arch.expands == (3, 3, 0, 0, 4, 4, 0, 0, 6, 6, 0, 0, 3, 3, 0, 0, 4, 4, 0, 0)

    assert arch_of_ofa({"ks": 7, "e": 6, "d": 4, "r": 224}, MBV3) == MBV3.largest(224)
    assert arch_of_ofa({"ks": 3, "e": 3, "d": 2, "r": 128}, MBV3) == MBV3.smallest(128)
    assert arch_of_ofa({"ks": 7, "e": 6, "d": 4, "r": 224}, PROXYLESS) == PROXYLESS.largest(224)
    tiny = arch_of_ofa({"ks": [3, 5, 3], "e": 3, "d": [1, 2, 1], "r": TINY.resolutions[0]}, TINY)
    assert tiny.kernels == (3, 0, 5, 5, 0, 3, 0, 0)


@pytest.mark.parametrize("d", [[2, 3, 4, 2, 3], [2, 3, 4, 2, 3, 1], [2, 3, 4, 2, 3, 4]])
def test_the_last_stage_of_proxyless_has_one_block(d: list[int]) -> None:
    arch = arch_of_ofa({"ks": [*KS, 7], "e": [*E, 6], "d": d, "r": 160}, PROXYLESS)

    assert arch.depths == (2, 3, 4, 2, 3, 1)
    assert (arch.kernels[-1], arch.expands[-1]) == (7, 6)
    stages = arch_of_ofa({"ks": [3, 3, 3, 3, 3, 5], "e": 3, "d": d, "r": 160}, PROXYLESS)
    assert (stages.kernels[0], stages.kernels[-1]) == (3, 5)


def test_a_resnet_has_added_depths_and_indices_of_widths() -> None:
    e = [0.2, 0.25, 0.35, 0.2] * 4 + [0.2, 0.35]
    fields = {"d": [2, 0, 1, 1, 2], "e": e, "w": [0, 1, 2, 2, 1, 0], "image_size": 192}

    arch = arch_of_ofa(fields, RESNET)

    assert arch.resolution == 192
    assert arch.depths == (1, 2, 3, 5, 4)
    present = [1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert arch.expands == tuple(x * here for x, here in zip(e, present, strict=True))
    assert arch.kernels == tuple(3 * here for here in present)
    assert arch.widths == (0.65, 0.8, 1.0, 1.0, 0.8, 0.65)
    same = {**fields, "w": [0.65, 0.8, 1.0, 1.0, 0.8, 0.65]}
    assert arch_of_ofa(same, RESNET) == arch
    stem = {**fields, "d": [0, 0, 1, 1, 2]}
    assert arch_of_ofa(stem, RESNET).depths == (0, 2, 3, 5, 4)
    assert arch_of_ofa({"d": 2, "e": 0.35, "w": 2, "r": 224}, RESNET) == RESNET.largest(224)
    assert arch_of_ofa({"d": 0, "e": 0.2, "w": 0, "r": 128}, RESNET) == RESNET.smallest(128)
    by_stage = arch_of_ofa({"d": 0, "e": [0.2, 0.25, 0.35, 0.2], "w": 0, "r": 128}, RESNET)
    assert by_stage.expands[4:10] == (0.25, 0.25, 0, 0, 0.35, 0.35)


@pytest.mark.parametrize(
    ("space", "change", "message"),
    [
        (MBV3, {"r": None}, "has no r, image_size or resolution"),
        (MBV3, {"r": [128, 160]}, r"r is \[128, 160\], expected a single size"),
        (MBV3, {"image_size": 192}, "r 224 and image_size 192, which must be equal"),
        (MBV3, {"r": "224"}, "r has '224', expected a number"),
        (MBV3, {"r": True}, "r has True, expected a number"),
        (MBV3, {"r": 224.5}, "r has 224.5, expected a whole number"),
        (MBV3, {"r": 223}, "resolution of network 0 is 223"),
        (MBV3, {"ks": None}, "lacks ks; add it"),
        (MBV3, {"ks": [3] * 19}, r"ks has 19 values, expected 20 .*, 5 .*, 14 "),
        (MBV3, {"ks": [3.5] * 20}, "ks has 3.5, expected a whole number"),
        (MBV3, {"ks": [None] * 20}, "ks0 of network 0 is 0, .* allows 3, 5, 7"),
        (MBV3, {"e": 5}, "e0 of network 0 is 5, .* allows 3, 4, 6"),
        (MBV3, {"e": float("nan")}, "e has nan, expected a number"),
        (MBV3, {"d": [2, 2, 2, 2]}, "d has 4 values, expected 5 in ofa-mbv3-w1.0"),
        (MBV3, {"d": [2, 2, 2, 2, 5]}, "d4 of network 0 is 5"),
        (MBV3, {"d": "4"}, "d has '4', expected a number"),
        (MBV3, {"wid": 1.2}, "wid is 1.2, but ofa-mbv3-w1.0 has one width, 1;"),
        (MBV3, {"bits": [8] * 20}, "has a field 'bits' of several values"),
        (RESNET, {"e": 0.2}, "lacks w, its widths"),
        (RESNET, {"e": 0.2, "d": 3, "w": 0}, r"d\[1\] is 3, .* allows 0, 1, 2 added blocks"),
        (RESNET, {"e": 0.2, "d": [3, 0, 0, 0, 0], "w": 0}, r"d\[0\] is 3, .* allows 0 to 2"),
        (RESNET, {"e": 0.2, "d": 0, "w": 3}, "w is 3, expected indices from 0 to 2"),
        (RESNET, {"e": 0.2, "d": 0, "w": 1.0}, "w is 1.0, which may be indices or multipliers"),
        (RESNET, {"e": 0.2, "d": 0, "w": 0.7}, "w0 of network 0 is 0.7"),
        (RESNET, {"e": 0.2, "d": 0, "w": [0] * 5}, "w has 5 values, expected 6"),
        (PROXYLESS, {}, "ks has 20 values, expected 21"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    space: SearchSpace, change: dict[str, Any], message: str
) -> None:
    fields = {**PLAIN, **change}
    if space is RESNET:
        fields = {**fields, "ks": None, "d": change.get("d", 0)}

    with pytest.raises(InputError, match=message):
        arch_of_ofa(fields, space)


def test_a_size_may_be_given_beside() -> None:
    assert arch_of_ofa({**PLAIN, "r": None}, MBV3, 224) == EXPECTED
    assert arch_of_ofa(PLAIN, MBV3, 128) == EXPECTED
