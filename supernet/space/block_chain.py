"""Chain of blocks: each block gets the channels and the size of the previous one."""

from collections.abc import Callable
from dataclasses import replace

from supernet.space.codes import Layout
from supernet.space.shared_blocks import BlockPlace, Channels, Unit
from supernet.space.tables import DeepStemTable, FirstTable, HeadTable, Stage, StemTable


class BlockChain:
    """Units in sequence; each takes the output of the previous one."""

    def __init__(self, in_channels: int, divisor: int, layout: Layout) -> None:
        self.channels = Channels.fixed(in_channels)
        self._divisor, self._layout = divisor, layout
        self._units: list[Unit] = []

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(self._units)

    def add(self, unit: Unit) -> None:
        """Add a unit; its input is derived from the previous units."""
        placed = replace(
            unit,
            in_channels=self.channels,
            strides=tuple(before.stride for before in self._units),
            divisor=self._divisor,
            expand_scale=self._layout.expand_scale,
        )
        self._units.append(placed)
        self.channels = unit.out_channels

    def add_fixed(self, table: StemTable | FirstTable, widen: Callable[[int], int]) -> None:
        """Add the stem, or the first block, whose hidden width equals its input width."""
        is_stem = isinstance(table, StemTable)
        unit = Unit(
            name="stem" if is_stem else "first",
            kind="stem" if is_stem else "mbconv",
            out_channels=Channels.fixed(widen(table.width)),
            stride=table.stride,
            kernel=table.kernel,
            act=table.act,
            se=isinstance(table, FirstTable) and table.se,
            residual=not is_stem,
        )
        self.add(unit)

    def add_deep_stem(self, table: DeepStemTable, hidden: Channels, out: Channels) -> None:
        """Add ResNet-D's stem: two or three 3x3 convolutions and a max pooling."""
        first = Unit(name="stem.conv0", kind="stem", out_channels=hidden, kernel=3, act=table.act)
        self.add(replace(first, stride=table.stride))
        # d0 counts this convolution, so it also decides whether the network has it.
        self.add(replace(first, name="stem.conv1", residual=True, presence=1))
        self.add(replace(first, name="stem.conv2", out_channels=out))
        self.add(Unit(name="stem.pool", kind="max_pool", out_channels=out, stride=2, kernel=3))

    def add_stage(self, name: str, kind: str, stage: Stage, depth: int, out: Channels) -> None:
        """Add a stage's blocks up to its largest depth; the first one has the stride."""
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

    def add_head(self, table: HeadTable, widen: Callable[[int], int], classes: int) -> None:
        """Add the last convolution, pooling, optional feature mix, and classifier."""
        act, expanded = table.act, Channels.fixed(widen(table.final_expand))
        final = Unit(name="head.final_expand", kind="final_expand", out_channels=expanded, act=act)
        self.add(final)
        mix = table.feature_mix
        mixed = None if mix is None else Channels.fixed(widen(mix))
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
