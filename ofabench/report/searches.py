"""A search's file as a report shows it: one chosen network, or a front of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError
from ofabench.report.outcome import finite
from supernet.search.result_file import FORMAT
from supernet.space.arch import ArchConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedNetwork:
    """One network that a search chose; costs by the names of their constraints."""

    space: str
    arch: ArchConfig
    accuracy: float
    predictions: Mapping[str, float]
    limits: Mapping[str, float]
    bounds: Mapping[str, float]  # predictions with the margin of `--confidence`
    std_ms: Mapping[str, float]
    units: Mapping[str, str]
    evaluated: int
    history: tuple[tuple[int, float], ...]  # networks evaluated, best accuracy so far

    def latencies(self) -> dict[str, float]:
        """Predicted ms by target, among all that was predicted."""
        return {name: self.predictions[name] for name in self.std_ms if name in self.predictions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search's file: the networks that it found; `front` says that they are one front."""

    networks: tuple[SearchedNetwork, ...]
    front: bool
    strategy: str = ""

    def latency_names(self) -> list[str]:
        """Targets whose latency was predicted, in order."""
        return list(
            dict.fromkeys(name for network in self.networks for name in network.latencies())
        )


def is_search(data: Any) -> bool:
    """Whether JSON values say that they are of a search."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def read_search(path: Path, data: Any) -> Search:
    """Read a search's JSON values; `FileError` where they are damaged."""
    try:
        front = "front" in data
        results = data["front"] if front else [data]
        networks = tuple(_network(result) for result in results)
        if not networks:
            raise ValueError("no network in it")
        return Search(networks=networks, front=front, strategy=str(data.get("strategy") or ""))
    except (
        ArithmeticError,
        AttributeError,
        InputError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise FileError(f"{path} is a damaged search result ({error}); search again") from error


def _network(data: Any) -> SearchedNetwork:
    arch = dict(data["arch"])
    space = str(arch.pop("space", data.get("space")))
    return SearchedNetwork(
        space=space,
        arch=ArchConfig.from_json(arch),
        accuracy=finite(data["accuracy"]),
        predictions=_numbers(data["predictions"]),
        limits=_numbers(data.get("limits") or {}),
        bounds=_numbers(data.get("bounds") or {}),
        std_ms=_numbers(data.get("std_ms") or {}),
        units={str(name): str(unit) for name, unit in (data.get("units") or {}).items()},
        evaluated=int(data.get("evaluated") or 0),
        history=tuple(_history(data.get("history") or [])),
    )


def _history(steps: Any) -> Iterator[tuple[int, float]]:
    for step in steps:
        if step["accuracy"] is not None:  # nothing within the limits yet
            yield int(step["evaluated"]), finite(step["accuracy"])


def _numbers(data: Any) -> dict[str, float]:
    return {str(name): finite(value) for name, value in data.items()}
