"""Domain of a fit: where a predictor interpolates, and where it extrapolates.

A block is inside where each value of its shape (sizes, channel counts, kernel, stride, activation)
was seen in some measured block of its kind, not necessarily in the same one. With any other value
it is extrapolated, however near that lies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bench.blocks.spec import BlockSpec

_FIELDS = ("in_size", "in_channels", "mid_channels", "out_channels", "kernel", "stride", "act")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Values that were measured, by kind and field."""

    seen: Mapping[str, Mapping[str, frozenset[Any]]]

    @classmethod
    def of(cls, specs: Iterable[BlockSpec]) -> Self:
        """Return the domain of a fit on these blocks."""
        seen: dict[str, dict[str, set[Any]]] = {}
        for spec in specs:
            of_kind = seen.setdefault(spec.kind, {name: set() for name, _ in values_of(spec)})
            for name, value in values_of(spec):
                of_kind[name].add(value)
        return cls(
            seen={
                kind: {name: frozenset(values) for name, values in of_kind.items()}
                for kind, of_kind in seen.items()
            }
        )

    def __contains__(self, spec: object) -> bool:
        return isinstance(spec, BlockSpec) and self.why_outside(spec) is None

    def why_outside(self, spec: BlockSpec) -> str | None:
        """Return in words which value of a block was never measured; None where all were."""
        of_kind = self.seen.get(spec.kind)
        if of_kind is None:
            return f"no {spec.kind} was measured"
        for name, value in values_of(spec):
            if value not in of_kind[name]:
                known = ", ".join(map(str, sorted(of_kind[name])))
                return f"{name} {value} of a {spec.kind} was never measured, only {known}"
        return None


def values_of(spec: BlockSpec) -> list[tuple[str, Any]]:
    """Return the values of a block that must have been measured, by name."""
    return [
        *((name, getattr(spec, name)) for name in _FIELDS),
        ("squeeze-excite", spec.se > 0),
        ("residual", spec.residual),
    ]
