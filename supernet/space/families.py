"""Build the shared blocks of a space from its TOML, by family.

`mbconv`: stem, a first block of fixed shape, elastic stages of inverted residuals, a head (OFA's
MobileNetV3 and ProxylessNAS). `resnet`: ResNet-D's three-convolution stem (the middle one may be
left out), max pooling, elastic stages of bottlenecks, with a choice of widths by stage. `single`:
one network without choices, given by its blocks.
"""

from dataclasses import dataclass
from itertools import pairwise

from bench.errors import InputError
from bench.reading import wrong_value
from supernet.space.block_chain import BlockChain
from supernet.space.codes import Layout
from supernet.space.elastic_stages import layout_of
from supernet.space.shared_blocks import Channels, Unit, make_divisible
from supernet.space.tables import MbconvTable, ResnetTable, SingleTable, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLayout:
    """Shared blocks in order, and the encoding, of a space."""

    units: tuple[Unit, ...]
    layout: Layout


def lay_mbconv(table: MbconvTable, where: str) -> FamilyLayout:
    """Build a space of inverted residuals; `InputError` where a stage does not widen."""

    def widen(width: int) -> int:
        return make_divisible(width * table.width_multiplier, table.divisor)

    stages = table.stages
    layout = layout_of(
        table.resolutions, [s.depths for s in stages], stages, first_stage=0, widths=[]
    )
    chain = BlockChain(table.in_channels, table.divisor, layout)
    chain.add_fixed(table.stem, widen)
    chain.add_fixed(table.first, widen)
    for number, stage in enumerate(stages):
        out = Channels.fixed(widen(stage.width))
        for before in (chain.channels, out):
            narrow = before.at(())
            if make_divisible(round(narrow * stage.expands[0]), table.divisor) <= narrow:
                # Such a block would have no expanding convolution to share with the others.
                expected = f"ratios that widen {narrow} channels"
                problem = wrong_value(f"stages[{number}].expands", stage.expands, expected)
                raise InputError(f"{where}: {problem}")
        chain.add_stage(f"s{number + 1}", "mbconv", stage, number, out)
    chain.add_head(table.head, widen, table.classes)
    return FamilyLayout(units=chain.units, layout=layout)


def lay_resnet(table: ResnetTable) -> FamilyLayout:
    """Build a space of bottlenecks."""
    stages = table.stages
    layout = layout_of(
        table.resolutions,
        [table.stem.depths, *(s.depths for s in stages)],
        stages,
        first_stage=1,
        widths=[table.widths] * (2 + len(stages)),
    )

    def elastic(choice: int, base: int, halved: bool = False) -> Channels:
        """Widths for each code in the column of choice number `choice`."""
        column = layout.width_start + choice
        widths = []
        for code in layout.columns[column].values:
            width = make_divisible(base * (code / layout.width_scale), table.divisor)
            widths.append((code, make_divisible(width // 2, table.divisor) if halved else width))
        return Channels(by_code=tuple(widths), column=column)

    chain = BlockChain(table.in_channels, table.divisor, layout)
    width = table.stem.width
    chain.add_deep_stem(table.stem, elastic(0, width, halved=True), elastic(1, width))
    for number, stage in enumerate(stages):
        out = elastic(2 + number, stage.width)
        chain.add_stage(f"s{number + 1}", "bottleneck", stage, number + 1, out)
    chain.add_classifier(table.classes)
    return FamilyLayout(units=chain.units, layout=layout)


def lay_single(table: SingleTable, where: str) -> FamilyLayout:
    """Build a space of one network; `InputError` where its blocks do not fit each other."""
    specs = table.specs
    for number, (before, spec) in enumerate(pairwise(specs), start=1):
        given = (before.out_channels, before.out_size)
        if given != (spec.in_channels, spec.in_size):
            expected = f"a block of {given[0]} channels of size {given[1]}, as the previous gives"
            raise InputError(
                f"{where}: {wrong_value(f'blocks[{number}]', table.blocks[number], expected)}"
            )
    units = tuple(
        Unit(
            name="head.classifier" if spec.kind == "classifier" else f"b{number}",
            kind=spec.kind,
            out_channels=Channels(),
            fixed=spec,
        )
        for number, spec in enumerate(specs)
    )
    layout = layout_of(table.resolutions, [], [], first_stage=0, widths=[])
    return FamilyLayout(units=units, layout=layout)


def lay(table: Table, where: str) -> FamilyLayout:
    """Build the space of a TOML; `where` begins the errors."""
    match table:
        case MbconvTable():
            return lay_mbconv(table, where)
        case ResnetTable():
            return lay_resnet(table)
        case SingleTable():
            return lay_single(table, where)
