"""`ArchConfig`: which sub-network of a space; and the line of an archs file that holds one."""

from dataclasses import dataclass
from typing import Any, Self

from bench.errors import InputError
from bench.files import parse_json

_LARGEST = 2**31  # no choice of any space comes near it


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ArchConfig:
    """One sub-network, by its choices.

    `depths` counts blocks, one figure a stage. `kernels` (pixels) and `expands` (ratios) have one
    figure for every block that the space can have, stage after stage, and 0 where the depth leaves
    a block out: so equality and hash see only what the network has. `SearchSpace.canonical` sets
    those zeros; all that a space returns has them. `widths` are multipliers, for the spaces that
    have a choice of them.
    """

    resolution: int
    depths: tuple[int, ...]
    kernels: tuple[int, ...]
    expands: tuple[float, ...]
    widths: tuple[float, ...] = ()

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
        if not isinstance(data, dict):
            raise InputError(f"an architecture is a JSON object, got {type(data).__name__}")
        known = ("resolution", "depths", "kernels", "expands", "widths")
        missing = [name for name in known[:4] if name not in data]
        unknown = sorted(set(data) - set(known))
        if missing or unknown:
            wrong = f"lacks {missing[0]!r}" if missing else f"has a field {unknown[0]!r}"
            raise InputError(f"an architecture {wrong}; its fields are {', '.join(known)}")
        return cls(
            resolution=_integer(data["resolution"], "resolution"),
            depths=tuple(_integer(v, "depths") for v in _list(data["depths"], "depths")),
            kernels=tuple(_integer(v, "kernels") for v in _list(data["kernels"], "kernels")),
            expands=tuple(_number(v, "expands") for v in _list(data["expands"], "expands")),
            widths=tuple(_number(v, "widths") for v in _list(data.get("widths", []), "widths")),
        )


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


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{name} of an architecture is {value!r}, expected a list of numbers")
    return value


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise InputError(f"{name} of an architecture holds {value!r}, expected a whole number")
    return value


def _number(value: Any, name: str) -> float:
    # Not a number compares false with everything, so it is refused here too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise InputError(f"{name} of an architecture holds {value!r}, expected a number")
    return value
