"""Summary of a space in figures and in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from bench.blocks.spec import BlockSpec
from supernet.space.arch import ArchConfig
from supernet.space.codes import Layout


class Space(Protocol):
    """What is summarised of a `SearchSpace`."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def resolutions(self) -> tuple[int, ...]: ...
    @property
    def in_channels(self) -> int: ...
    @property
    def classes(self) -> int: ...
    @property
    def layout(self) -> Layout: ...

    def count(self) -> int: ...
    def largest(self) -> ArchConfig: ...
    def smallest(self) -> ArchConfig: ...
    def blocks(self, arch: ArchConfig) -> Sequence[BlockSpec]: ...
    def unique_blocks(self) -> Sequence[BlockSpec]: ...


def space_headline(space: Space) -> dict[str, Any]:
    """Return a space's name, family, resolutions and size as JSON values."""
    return {
        "name": space.name,
        "family": space.family,
        "resolutions": list(space.resolutions),
        "networks": space.count(),  # of one resolution
    }


def space_summary(space: Space) -> dict[str, Any]:
    """Return a space's choices, blocks, smallest and largest network as JSON values."""
    return {
        **space_headline(space),
        "in_channels": space.in_channels,
        "classes": space.classes,
        "unique_blocks": len(space.unique_blocks()),
        "smallest": _size(space, "smallest"),
        "largest": _size(space, "largest"),
        "columns": {column.name: list(column.values) for column in space.layout.columns},
    }


def _size(space: Space, which: str) -> dict[str, int]:
    arch = space.largest() if which == "largest" else space.smallest()
    blocks = space.blocks(arch)
    return {
        "resolution": arch.resolution,
        "blocks": len(blocks),
        "params": sum(block.params for block in blocks),
        "macs": sum(block.macs for block in blocks),
    }


def space_facts(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what `space_summary` returned as words, with names."""
    for name in ("name", "family", "networks", "in_channels", "classes", "unique_blocks"):
        yield name.replace("_", " "), str(summary[name])
    for name in ("smallest", "largest"):
        size = summary[name]
        yield (
            name,
            f"{size['resolution']} px, {size['blocks']} blocks, "
            f"{size['params'] / 1e6:.2f} M parameters, {size['macs'] / 1e6:.1f} M MACs",
        )
    for names, values in _grouped(summary["columns"]):
        yield names, ", ".join(map(str, values))


def _grouped(columns: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    """Join neighbouring columns with equal choices, so that 46 columns take a few lines."""
    groups: list[tuple[str, str, list[int]]] = []
    for name, values in columns.items():
        same_kind = groups and groups[-1][0].rstrip("0123456789") == name.rstrip("0123456789")
        if same_kind and groups[-1][2] == values:
            groups[-1] = (groups[-1][0], name, values)
        else:
            groups.append((name, name, values))
    return [
        (first if first == last else f"{first}..{last}", values) for first, last, values in groups
    ]
