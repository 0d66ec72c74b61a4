"""Operators of a profile that a runtime leaves in float, or outside its delegate."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from bench.operators.precision import float_types, is_quantised
from bench.operators.profile import OperatorTime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorGroup:
    """Some operators of a model, with their part of its time.

    Attributes:
        count: number of the operators.
        of: number of all operators of the model.
        share: of the time of all.
        kinds: of the operators, that with the largest share first.
        types: element types that the operators are in a group for; empty where it is for others.
    """

    count: int
    of: int
    share: float
    kinds: tuple[str, ...]
    types: tuple[str, ...] = ()

    @classmethod
    def in_float(cls, operators: Sequence[OperatorTime]) -> Self | None:
        """Return the operators that compute on floats; None where no operator is quantised."""
        if not any(is_quantised(each.kind, each.precision) for each in operators):
            return None
        members = [each for each in operators if float_types(each.precision)]
        types = {dtype for each in members for dtype in float_types(each.precision)}
        return cls._of(members, operators, tuple(sorted(types)))

    @classmethod
    def outside_delegate(cls, operators: Sequence[OperatorTime]) -> Self | None:
        """Return the operators that no delegate runs; None where the runtime has no delegate."""
        if not any(each.delegated is not None for each in operators):
            return None
        return cls._of([each for each in operators if not each.delegated], operators)

    @classmethod
    def _of(
        cls,
        members: Sequence[OperatorTime],
        operators: Sequence[OperatorTime],
        types: tuple[str, ...] = (),
    ) -> Self:
        shares: dict[str, float] = {}
        for each in members:
            shares[each.kind] = shares.get(each.kind, 0.0) + each.share
        return cls(
            count=len(members),
            of=len(operators),
            share=sum(shares.values(), 0.0),
            kinds=tuple(sorted(shares, key=lambda kind: -shares[kind])),
            types=types,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "kinds": list(self.kinds), "types": list(self.types)}

    def line(self, verb: str) -> str:
        """Return "3 of 40 operators (31.0% of the time) VERB: KINDS"."""
        part = f"{self.count} of {self.of} operators ({self.share:.1%} of the time)"
        return f"{part} {verb}: {', '.join(self.kinds)}"


def group_lines(
    in_float: OperatorGroup | None, outside_delegate: OperatorGroup | None
) -> list[str]:
    """Return a line for each group that is known of a model."""
    lines = []
    if in_float is not None and in_float.count:
        lines.append(in_float.line(f"compute in {' and '.join(in_float.types)}"))
    elif in_float is not None:
        lines.append(f"all {in_float.of} operators compute on integers")
    if outside_delegate is not None and outside_delegate.count:
        lines.append(outside_delegate.line("run outside XNNPACK"))
    elif outside_delegate is not None:
        lines.append(f"all {outside_delegate.of} operators run in XNNPACK")
    return lines
