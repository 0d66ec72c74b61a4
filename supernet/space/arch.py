"""`ArchConfig`: the choices of a sub-network, and its line in an archs file."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from bench.errors import InputError
from bench.files import parse_json
from bench.reading import Rule, from_plain

_LARGEST = 2**31  # far above any choice of any space


def _are_in_range(values: tuple[float, ...]) -> bool:
    return all(abs(value) <= _LARGEST for value in values)  # nan is not either


_Whole = Annotated[tuple[int, ...], Rule(_are_in_range, "a list of whole numbers")]
_Numbers = Annotated[tuple[int | float, ...], Rule(_are_in_range, "a list of numbers")]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ArchConfig:
    """Sub-network, defined by its choices.

    `depths` is the number of blocks per stage. `kernels` (pixels) and `expands` (ratios) have a
    value for every possible block, stage after stage, and 0 for absent blocks, so that equal
    networks compare equal. `SearchSpace.canonical` sets those zeros; all networks that a space
    returns have them. `widths` are multipliers, in spaces with elastic widths.
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
    """Read one line of an archs file: the name of its space, and the architecture as written.

    `SearchSpace.canonical` checks it against its space. Raises `InputError` for other text.
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
