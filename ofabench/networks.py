"""Networks tables and archs files joined with their spaces, for the commands."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.files import read_bytes

if TYPE_CHECKING:
    from bench.measurement import Measurement
    from latency_models.networks import NetworksTable
    from latency_models.predictors import LatencyPredictor
    from supernet.space import ArchConfig, SearchSpace

ONEHOT = "onehot"  # no space by itself: columns of whole numbers are categories


def space_of(table: "NetworksTable", asked: str | None) -> "SearchSpace":
    """Space of a table: the one asked for, else the one that its metadata name."""
    from supernet.space import SearchSpace

    name = asked or table.space
    if name is None:
        raise InputError("the networks table does not name its space: give it with --space")
    if name == ONEHOT:
        raise InputError("onehot knows no blocks: only fit, evaluate and predict take it")
    return SearchSpace.load(name)


def networks_table(measurements: Sequence["Measurement"], asked: str | None) -> "NetworksTable":
    """Table of the measured networks of a sweep; their labels say which they are."""
    from latency_models.networks import NetworksTable
    from supernet.space import SearchSpace, parse_line
    from supernet.verify import references_ms

    networks = [one for one in measurements if one.workload.role == "network"]
    if not networks:
        raise InputError("the sweep holds no whole networks: sweep with --networks N")
    lines = [parse_line(one.workload.label) for one in networks]
    names = {name for name, _ in lines}
    if len(names) > 1:
        raise InputError(f"the networks are of several spaces: {', '.join(sorted(names))}")
    space = SearchSpace.load(asked or names.pop())
    frame = space.to_frame([arch for _, arch in lines])
    references = references_ms(measurements)
    return NetworksTable.from_measurements(frame, networks, asked or space.name, references)


def level_between(networks: "NetworksTable", predictor: "LatencyPredictor") -> float | None:
    """How much slower the machine was for the networks than for the predictor; None if unknown."""
    from supernet.verify import level_since

    then = predictor.provenance.get("references") or {}
    return level_since(networks.provenance.get("references") or {}, then)


def read_archs(path: Path, asked: str | None) -> Iterator[tuple["SearchSpace", "ArchConfig"]]:
    """Read the networks of an archs file, each with its space; empty lines are passed over.

    `asked` is a space file for the lines' space where that is not a shipped one.
    """
    from supernet.space import SearchSpace, parse_line

    spaces: dict[str, SearchSpace] = {}
    if asked is not None:
        own = SearchSpace.load(asked)
        spaces[own.name] = own
    try:
        lines = read_bytes(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            name, arch = parse_line(line)
            if name not in spaces:
                spaces[name] = SearchSpace.load(name)
            yield spaces[name], spaces[name].canonical(arch)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
