"""Forms of a graph: equivalent ways to write the same blocks, of which a runtime has a fastest.

XNNPACK, for example, has no int8 kernel for h-swish but has one for each operator of its formula,
and a 7x7 depthwise convolution takes several times a 5x5 one, which the sum of three narrower
convolutions does not. What is faster differs between runtimes, versions and processors: `sweep
--forms auto` measures it, and the forms are part of the target that a figure is for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from bench.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphForm:
    """How a backend writes what it can write in several ways; the defaults are the plain ones.

    `hswish`: one "operator", or "decomposed" as x * relu6(x + 3) / 6.
    `depthwise7`: a 7x7 depthwise convolution "whole", or "split" into columns 0, 3, 6 and 1, 5 and
    2, 4 as dilated convolutions whose outputs are added.
    `stem`: in int8, the first convolution and its activation "quantised", or in "float".
    `weights`: outside of int8, stored as "float32", or as "float16", which are converted to float32
    when the file is loaded.
    """

    hswish: str = "operator"
    depthwise7: str = "whole"
    stem: str = "quantised"
    weights: str = "float32"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise InputError(f"form {name} is {value!r:.60}, expected {' or '.join(choices)}")

    def options(self) -> tuple[tuple[str, str], ...]:
        """Return the forms other than the plain ones, as pairs of a target's options."""
        pairs = ((field.name, str(getattr(self, field.name))) for field in fields(self))
        return tuple((name, value) for name, value in pairs if value != CHOICES[name][0])

    @classmethod
    def parse(cls, text: str) -> "GraphForm":
        """Return the form that text like "hswish=decomposed,depthwise7=split" names.

        Example:
            >>> GraphForm.parse("depthwise7=split").depthwise7
            'split'
        """
        pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
        unknown = [name for name, _, _ in pairs if name not in CHOICES]
        if unknown:
            raise InputError(
                f"there is no graph form {unknown[0]!r:.60}, expected NAME=VALUE with one of the "
                f"names {', '.join(CHOICES)}"
            )
        return cls(**{name: value for name, _, value in pairs})

    @classmethod
    def from_options(cls, options: Iterable[tuple[str, str]]) -> "GraphForm":
        """Return the form among a target's options."""
        return cls(**{name: value for name, value in options if name in CHOICES})


CHOICES: dict[str, tuple[str, str]] = {
    "hswish": ("operator", "decomposed"),
    "depthwise7": ("whole", "split"),
    "stem": ("quantised", "float"),
    "weights": ("float32", "float16"),
}
PLAIN = GraphForm()
