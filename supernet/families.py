"""From a space's TOML to its units: one builder a family; every space of a family is data.

`mbconv`: stem, a first block of fixed shape, elastic stages of inverted residuals, a head (OFA's
MobileNetV3 and ProxylessNAS). `resnet`: ResNet-D's three-convolution stem (the middle one may be
left out), max pooling, elastic stages of bottlenecks, with a choice of widths by stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.spec import ACTS
from supernet.codes import Column, Layout
from supernet.fields import Fields
from supernet.units import BlockPlace, Channels, Unit, make_divisible

_DEEPEST = 32  # blocks of a stage; what is more is a slip of the pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Choices of one elastic stage, as its table gives them."""

    width: int
    stride: int
    act: str
    se: bool
    depths: tuple[int, ...]
    kernels: tuple[int, ...]
    expands: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a family makes of a TOML: the units in the order of the walk, and the encoding."""

    units: tuple[Unit, ...]
    layout: Layout


def read_mbconv(fields: Fields, resolutions: Sequence[int], in_channels: int, classes: int) -> Plan:
    """Read a space of inverted residuals; `InputError` names a wrong field."""
    multiplier = fields.number("width_multiplier", default=1.0)
    divisor = fields.integer("divisor", default=8)

    def widen(width: int) -> int:
        return make_divisible(width * multiplier, divisor)

    stem, first, head = fields.table("stem"), fields.table("first"), fields.table("head")
    tables = fields.tables("stages")
    stages = [_read_stage(table, kernels=None) for table in tables]
    layout = _layout(resolutions, [s.depths for s in stages], stages, first_stage=0, widths=[])
    chain = _Chain(in_channels, divisor, layout)
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
    return Plan(units=chain.units, layout=layout)


def read_resnet(fields: Fields, resolutions: Sequence[int], in_channels: int, classes: int) -> Plan:
    """Read a space of bottlenecks; `InputError` names a wrong field."""
    divisor = fields.integer("divisor", default=8)
    multipliers = fields.numbers("widths")
    stem = fields.table("stem")
    stages = [_read_stage(table, kernels=(3,)) for table in fields.tables("stages")]
    stem_depths = stem.integers("depths", minimum=0, default=(0, 1))
    if stem_depths[-1] > 1:
        raise stem.error("depths", list(stem_depths), "[0], [1] or [0, 1]")
    layout = _layout(
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

    chain = _Chain(in_channels, divisor, layout)
    width = stem.integer("width")
    chain.add_deep_stem(stem, elastic(0, width, halved=True), elastic(1, width))
    for number, stage in enumerate(stages):
        out = elastic(2 + number, stage.width)
        chain.add_stage(f"s{number + 1}", "bottleneck", stage, number + 1, out)
    chain.add_classifier(classes)
    stem.done()
    return Plan(units=chain.units, layout=layout)


FAMILIES: dict[str, Callable[[Fields, Sequence[int], int, int], Plan]] = {
    "mbconv": read_mbconv,
    "resnet": read_resnet,
}


class _Chain:
    """Units added one after the other; each takes what the one before gives."""

    def __init__(self, in_channels: int, divisor: int, layout: Layout) -> None:
        self.channels = Channels.fixed(in_channels)
        self._divisor, self._layout = divisor, layout
        self._units: list[Unit] = []

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(self._units)

    def add(self, unit: Unit) -> None:
        """Add a unit; what it gets from those before it is filled in."""
        placed = replace(
            unit,
            in_channels=self.channels,
            strides=tuple(before.stride for before in self._units),
            divisor=self._divisor,
            expand_scale=self._layout.expand_scale,
        )
        self._units.append(placed)
        self.channels = unit.out_channels

    def add_fixed(self, name: str, kind: str, table: Fields, widen: Callable[[int], int]) -> None:
        """Add the stem, or the first block, which keeps its width inside."""
        is_stem = kind == "stem"
        unit = Unit(
            name=name,
            kind=kind,
            out_channels=Channels.fixed(widen(table.integer("width"))),
            stride=table.integer("stride", default=2 if is_stem else 1),
            kernel=table.integer("kernel", odd=True, default=3),
            act=table.text("act", allowed=ACTS),
            se=False if is_stem else table.flag("se", default=False),
            residual=not is_stem,
        )
        self.add(unit)

    def add_deep_stem(self, table: Fields, hidden: Channels, out: Channels) -> None:
        """Add ResNet-D's stem: two or three 3x3 convolutions and a max pooling."""
        act, stride = table.text("act", allowed=ACTS), table.integer("stride", default=2)
        first = Unit(name="stem.conv0", kind="stem", out_channels=hidden, kernel=3, act=act)
        self.add(replace(first, stride=stride))
        # d0 counts this convolution, so it also says whether the network has it.
        self.add(replace(first, name="stem.conv1", residual=True, presence=1))
        self.add(replace(first, name="stem.conv2", out_channels=out))
        self.add(Unit(name="stem.pool", kind="max_pool", out_channels=out, stride=2, kernel=3))

    def add_stage(self, name: str, kind: str, stage: Stage, depth: int, out: Channels) -> None:
        """Add a stage's blocks up to its largest depth; the first one strides and widens."""
        for index in range(stage.depths[-1]):
            slot = self._layout.slots.index((depth, index))
            kernel_column = self._layout.kernel_start + slot
            unit = Unit(
                name=f"{name}.b{index}",
                kind=kind,
                out_channels=out,
                stride=stage.stride if index == 0 else 1,
                act=stage.act,
                se=stage.se,
                residual=True,
                presence=kernel_column,
                kernel_column=kernel_column,
                expand_column=self._layout.expand_start + slot,
                place=BlockPlace(stage=depth, index=index),
            )
            self.add(unit)

    def add_head(self, table: Fields, widen: Callable[[int], int], classes: int) -> None:
        """Add the last convolution, the pooling, perhaps a mix of features, and the classifier."""
        act = table.text("act", allowed=ACTS)
        expanded = Channels.fixed(widen(table.integer("final_expand")))
        final = Unit(name="head.final_expand", kind="final_expand", out_channels=expanded, act=act)
        self.add(final)
        mixed = None
        if "feature_mix" in table:
            mixed = Channels.fixed(widen(table.integer("feature_mix")))
        self.add_classifier(classes, mixed, act)

    def add_classifier(
        self, classes: int, mixed: Channels | None = None, act: str = "none"
    ) -> None:
        self.add(Unit(name="head.avg_pool", kind="avg_pool", out_channels=self.channels))
        if mixed is not None:
            mix = Unit(name="head.feature_mix", kind="feature_mix", out_channels=mixed, act=act)
            self.add(mix)
        out = Channels.fixed(classes)
        self.add(Unit(name="head.classifier", kind="classifier", out_channels=out))


def _read_stage(table: Fields, kernels: tuple[int, ...] | None) -> Stage:
    stage = Stage(
        width=table.integer("width"),
        stride=table.integer("stride"),
        act=table.text("act", allowed=ACTS),
        se=table.flag("se", default=False),
        depths=table.integers("depths", maximum=_DEEPEST),
        kernels=table.integers("kernels", odd=True, default=kernels),
        expands=table.numbers("expands"),
    )
    table.done()
    return stage


def _layout(
    resolutions: Sequence[int],
    depths: Sequence[tuple[int, ...]],
    stages: Sequence[Stage],
    *,
    first_stage: int,
    widths: Sequence[tuple[float, ...]],
) -> Layout:
    """Columns of the encoding; the elastic stages have the depth columns from `first_stage` on."""
    slots = [(i, k) for i, s in enumerate(stages) for k in range(s.depths[-1])]
    expand_scale = _scale([e for s in stages for e in s.expands])
    width_scale = _scale([w for choices in widths for w in choices])
    columns = [Column(name="resolution", values=tuple(resolutions))]
    columns += [Column(name=f"d{i}", values=choices) for i, choices in enumerate(depths)]
    columns += [
        Column(name=f"ks{j}", values=stages[stage].kernels) for j, (stage, _) in enumerate(slots)
    ]
    columns += [
        Column(name=f"e{j}", values=_coded(stages[stage].expands, expand_scale))
        for j, (stage, _) in enumerate(slots)
    ]
    columns += [
        Column(name=f"w{j}", values=_coded(choices, width_scale))
        for j, choices in enumerate(widths)
    ]
    return Layout(
        columns=tuple(columns),
        slots=tuple((first_stage + stage, index) for stage, index in slots),
        depths=len(depths),
        widths=len(widths),
        expand_scale=expand_scale,
        width_scale=width_scale,
    )


def _scale(values: Sequence[float]) -> int:
    return 1 if all(float(value).is_integer() for value in values) else 100


def _coded(values: Sequence[float], scale: int) -> tuple[int, ...]:
    return tuple(round(value * scale) for value in values)
