"""Summary of a space in figures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace


def space_headline(space: "SearchSpace") -> dict[str, Any]:
    """Return a space's name, family, resolutions and size as JSON values."""
    return {
        "name": space.name,
        "family": space.family,
        "resolutions": list(space.resolutions),
        "networks": space.count(),  # of one resolution
    }


def space_summary(space: "SearchSpace") -> dict[str, Any]:
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


def _size(space: "SearchSpace", which: str) -> dict[str, int]:
    arch = space.largest() if which == "largest" else space.smallest()
    blocks = space.blocks(arch)
    return {
        "resolution": arch.resolution,
        "blocks": len(blocks),
        "params": sum(block.params for block in blocks),
        "macs": sum(block.macs for block in blocks),
    }
