"""`ArchConfig`: which sub-network of a space; and the line of an archs file that holds one."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from bench.errors import InputError
from bench.files import parse_json
from bench.reading import Rule, from_plain

_LARGEST = 2**31  # no choice of any space comes near it


def _are_in_range(values: tuple[float, ...]) -> bool:
    return all(abs(value) <= _LARGEST for value in values)  # nan is not either


_Whole = Annotated[tuple[int, ...], Rule(_are_in_range, "a list of whole numbers")]
_Numbers = Annotated[tuple[int | float, ...], Rule(_are_in_range, "a list of numbers")]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ArchConfig:
    """One sub-network, by its choices.

    `depths` counts blocks, one figure a stage. `kernels` (pixels) and `expands` (ratios) have one
    figure for every block that the space can have, stage after stage, and 0 where the depth leaves
    a block out: so equality and hash see only what the network has. `SearchSpace.canonical` sets
    those zeros; all that a space returns has them. `widths` are multipliers, for the spaces that
    have a choice of them.
    """

    resolution: Annotated[int, Rule(lambda value: abs(value) <= _LARGEST, "a whole number")]
    depths: _Whole
    kernels: _Whole
    expands: _Numbers
    widths: _Numbers = ()

    def to_json(self) -> dict[str, Any]:
        """Fields as JSON values; `widths` only where there are any."""
        data = {
            "resolution": self.resolution,
            "depths": list(self.depths),
            "kernels": list(self.kernels),
            "expands": list(self.expands),
        }
        return {**data, "widths": list(self.widths)} if self.widths else data

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `to_json` back; `InputError` names the field that is not what it must be."""
        return from_plain(cls, data, "an architecture")


def parse_line(text: str) -> tuple[str, ArchConfig]:
    """Read one line of an archs file: the name of its space and the architecture, as written.

    `SearchSpace.canonical` checks it against its space. `InputError` where it is no such line.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InputError(f"not a line of an archs file: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("space"), str):
        raise InputError(
            "a line of an archs file is a JSON object whose 'space' names its space; "
            "`ofabench space list` lists them"
        )
    return data.pop("space"), ArchConfig.from_json(data)
