"""From a space's TOML to its shared blocks: one builder for each family.

`mbconv`: stem, a first block of fixed shape, elastic stages of inverted residuals, a head (OFA's
MobileNetV3 and ProxylessNAS). `resnet`: ResNet-D's three-convolution stem (the middle one may be
left out), max pooling, elastic stages of bottlenecks, with a choice of widths by stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supernet.space.block_chain import Chain
from supernet.space.codes import Layout
from supernet.space.elastic_stages import layout_of, read_stage
from supernet.space.fields import Fields
from supernet.space.shared_blocks import Channels, Unit, make_divisible


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLayout:
    """What a family makes of a TOML: the units in the order of the walk, and the encoding."""

    units: tuple[Unit, ...]
    layout: Layout


def read_mbconv(
    fields: Fields, resolutions: Sequence[int], in_channels: int, classes: int
) -> FamilyLayout:
    """Read a space of inverted residuals; `InputError` names a wrong field."""
    multiplier = fields.number("width_multiplier", default=1.0)
    divisor = fields.integer("divisor", default=8)

    def widen(width: int) -> int:
        return make_divisible(width * multiplier, divisor)

    stem, first, head = fields.table("stem"), fields.table("first"), fields.table("head")
    tables = fields.tables("stages")
    stages = [read_stage(table) for table in tables]
    layout = layout_of(resolutions, [s.depths for s in stages], stages, first_stage=0, widths=[])
    chain = Chain(in_channels, divisor, layout)
    chain.add_fixed("stem", "stem", stem, widen)
    chain.add_fixed("first", "mbconv", first, widen)
    for number, stage in enumerate(stages):
        out = Channels.fixed(widen(stage.width))
        for before in (chain.channels, out):
            narrow = before.at(())
            if make_divisible(round(narrow * stage.expands[0]), divisor) <= narrow:
                # Such a block would have no expanding convolution to share with the others.
                expected = f"ratios that widen {narrow} channels"
                raise tables[number].error("expands", list(stage.expands), expected)
        chain.add_stage(f"s{number + 1}", "mbconv", stage, number, out)
    chain.add_head(head, widen, classes)
    for table in (stem, first, head):
        table.done()
    return FamilyLayout(units=chain.units, layout=layout)


def read_resnet(
    fields: Fields, resolutions: Sequence[int], in_channels: int, classes: int
) -> FamilyLayout:
    """Read a space of bottlenecks; `InputError` names a wrong field."""
    divisor = fields.integer("divisor", default=8)
    multipliers = fields.numbers("widths")
    stem = fields.table("stem")
    stages = [read_stage(table, kernels=(3,)) for table in fields.tables("stages")]
    stem_depths = stem.integers("depths", minimum=0, default=(0, 1))
    if stem_depths[-1] > 1:
        raise stem.error("depths", list(stem_depths), "[0], [1] or [0, 1]")
    layout = layout_of(
        resolutions,
        [stem_depths, *(s.depths for s in stages)],
        stages,
        first_stage=1,
        widths=[multipliers] * (2 + len(stages)),
    )

    def elastic(choice: int, base: int, halved: bool = False) -> Channels:
        """Widths for each code in the column of choice number `choice`."""
        column = layout.width_start + choice
        widths = []
        for code in layout.columns[column].values:
            width = make_divisible(base * (code / layout.width_scale), divisor)
            widths.append((code, make_divisible(width // 2, divisor) if halved else width))
        return Channels(by_code=tuple(widths), column=column)

    chain = Chain(in_channels, divisor, layout)
    width = stem.integer("width")
    chain.add_deep_stem(stem, elastic(0, width, halved=True), elastic(1, width))
    for number, stage in enumerate(stages):
        out = elastic(2 + number, stage.width)
        chain.add_stage(f"s{number + 1}", "bottleneck", stage, number + 1, out)
    chain.add_classifier(classes)
    stem.done()
    return FamilyLayout(units=chain.units, layout=layout)


FAMILIES: dict[str, Callable[[Fields, Sequence[int], int, int], FamilyLayout]] = {
    "mbconv": read_mbconv,
    "resnet": read_resnet,
}
