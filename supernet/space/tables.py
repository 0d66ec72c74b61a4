"""The tables of a space's TOML: every key with its values, its default and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from bench.blocks.layers import NORM_EPS
from bench.blocks.shape import ACTS
from bench.blocks.spec import BlockSpec
from bench.reading import Rule, Text, is_ascending

LARGEST = 2**15 - 1  # codes are 16-bit integers
_DEEPEST = 32  # blocks of a stage; what is more is a slip of the pen


class Choices(tuple[int, ...]):
    """Whole numbers to choose from, given as a list or as `{from = 128, to = 224, step = 4}`."""

    __slots__ = ()


def read_choices(kind: Any, value: Any) -> Choices:
    """Make choices of a TOML value; the `ValueError` says what is expected, where it differs."""
    del kind
    if isinstance(value, dict):
        if set(value) != {"from", "to", "step"} or not all(map(_is_integer, value.values())):
            raise ValueError("whole numbers {from, to, step}")
        if value["from"] < 0 or value["step"] < 1 or value["to"] > LARGEST:
            raise ValueError(f"a step of at least 1, from at least 0 and an end up to {LARGEST}")
        return Choices(range(value["from"], value["to"] + 1, value["step"]))
    if not isinstance(value, list) or not all(map(_is_integer, value)):
        raise ValueError
    return Choices(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ascending(least: int, most: int = LARGEST, *, odd: bool = False) -> Rule:
    def holds(values: Choices) -> bool:
        return is_ascending(values) and all(
            least <= value <= most and (value % 2 or not odd) for value in values
        )

    end = f", at most {most}" if most < LARGEST else ""
    kind = "odd" if odd else "whole"
    return Rule(holds, f"a list of {kind} numbers of at least {least}, ascending{end}")


_ABSENT_OR_PRESENT, _THREE = Choices((0, 1)), Choices((3,))
Whole = Annotated[int, Meta(ge=1, le=LARGEST)]
Odd = Annotated[Whole, Rule(lambda value: value % 2 == 1, "an odd number of at least 1")]
Number = Annotated[float, Meta(gt=0, le=LARGEST)]
Act = Annotated[str, Rule(lambda value: value in ACTS, f"one of {', '.join(ACTS)}")]
Sizes = Annotated[Choices, _ascending(4)]
Depths = Annotated[Choices, _ascending(1, _DEEPEST)]
Kernels = Annotated[Choices, _ascending(1, odd=True)]
Ratios = Annotated[
    tuple[Annotated[float, Meta(gt=0, le=LARGEST / 100)], ...],
    Rule(
        lambda values: is_ascending(values) and all(round(v * 100) / 100 == v for v in values),
        "a list of numbers above 0, ascending, with at most two decimals",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceTable:
    """Keys of every space."""

    name: Annotated[Text, "name of the space, in archs files and tables"]
    family: Annotated[
        Literal["mbconv", "resnet"], "kind of the elastic blocks; decides the tables below"
    ]
    in_channels: Annotated[Whole, "channels of an image: 3 for colour, 1 for grey"]
    classes: Annotated[int, Meta(ge=2, le=LARGEST), "outputs of the classifier"]
    resolutions: Annotated[Sizes, "sides of the images, in pixels; or {from, to, step}"]
    norm_eps: Annotated[Number, "added to the variance in batch norms"] = NORM_EPS
    divisor: Annotated[Whole, "widths are rounded to a multiple of it, never below 90 %"] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTable:
    """The block of fixed shape after the stem."""

    width: Annotated[Whole, "channels of the fixed block after the stem"]
    kernel: Annotated[Odd, "its side"] = 3
    stride: Annotated[Whole, "its stride"] = 1
    act: Annotated[Act, "its activation"]
    se: Annotated[bool, "squeeze-and-excitation in it"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StemTable:
    """The first convolution."""

    width: Annotated[Whole, "channels of the first convolution"]
    kernel: Annotated[Odd, "its side"] = 3
    stride: Annotated[Whole, "its stride"] = 2
    act: Annotated[Act, "its activation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepStemTable:
    """ResNet-D's stem of two or three convolutions."""

    width: Annotated[Whole, "channels of the stem; half of it inside"]
    stride: Annotated[Whole, "stride of its first convolution"] = 2
    act: Annotated[Act, "its activation"]
    depths: Annotated[
        Choices,
        Rule(lambda value: value in ((0,), (1,), (0, 1)), "[0], [1] or [0, 1]"),
        "middle convolution absent or present",
    ] = _ABSENT_OR_PRESENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An elastic stage of inverted residuals."""

    width: Annotated[Whole, "channels that its blocks give"]
    stride: Annotated[Whole, "stride of the first block; the others have 1"]
    act: Annotated[Act, "activation"]
    se: Annotated[bool, "squeeze-and-excitation in its blocks"] = False
    depths: Annotated[Depths, "numbers of blocks to choose from"]
    kernels: Annotated[Kernels, "sides of the depthwise convolution"]
    expands: Annotated[
        Ratios,
        "hidden channels over input channels; the smallest must widen the block's input and output",
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckStage(Stage):
    """An elastic stage of bottlenecks."""

    kernels: Annotated[Kernels, "sides of the middle convolution"] = _THREE
    expands: Annotated[Ratios, "hidden channels over `width`"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTable:
    """The layers after the stages."""

    final_expand: Annotated[Whole, "channels of the last convolution, before pooling"]
    act: Annotated[Act, "activation of the head"]
    feature_mix: Annotated[Whole | None, "channels of a layer after pooling, if any"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MbconvTable(SpaceTable):
    """A space of inverted residuals."""

    width_multiplier: Annotated[Number, "times every width"] = 1.0
    stem: StemTable
    first: FirstTable
    stages: Annotated[tuple[Stage, ...], Rule(bool, "at least one table [[stages]]")]
    head: HeadTable


@dataclass(frozen=True, slots=True, kw_only=True)
class ResnetTable(SpaceTable):
    """A space of bottlenecks."""

    widths: Annotated[
        Ratios, "width multipliers to choose from: for the stem twice, and for each stage"
    ]
    stem: DeepStemTable
    stages: Annotated[tuple[BottleneckStage, ...], Rule(bool, "at least one table [[stages]]")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleTable:
    """A space of one network, which is given by its blocks."""

    name: Annotated[Text, "name of the space, in archs files and tables"]
    family: Annotated[Literal["single"], "a space of one network, without choices"]
    blocks: Annotated[
        tuple[Text, ...], Rule(bool, "at least one block"), "keys of its blocks, in order"
    ]
    norm_eps: Annotated[Number, "added to the variance in batch norms"] = NORM_EPS

    @property
    def specs(self) -> tuple[BlockSpec, ...]:
        """Its blocks; `InputError` for a key that is none."""
        return tuple(BlockSpec.parse(key) for key in self.blocks)

    @property
    def in_channels(self) -> int:
        return self.specs[0].in_channels

    @property
    def classes(self) -> int:
        return self.specs[-1].out_channels

    @property
    def resolutions(self) -> tuple[int, ...]:
        return (self.specs[0].in_size,)


Table = MbconvTable | ResnetTable | SingleTable
TABLES: Mapping[str, type[Table]] = {
    "mbconv": MbconvTable,
    "resnet": ResnetTable,
    "single": SingleTable,
}
