"""Options of a model file's inputs, which several commands share."""

from dataclasses import dataclass
from pathlib import Path

from bench.models.tensors import parse_shape
from bench.options import Options, option


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInputOptions(Options):
    """Shapes and values of the inputs of model files.

    Example:
        >>> ModelInputOptions(batch=4).shape
        ()
    """

    shape: tuple[str, ...] = option(
        (),
        repeat=True,
        metavar="NAME=1x3x224x224",
        help="shape of a dynamic input, without NAME= of the only one; can be repeated",
    )
    batch: int | None = option(
        None, minimum=1, metavar="N", help="size of every dynamic first dimension"
    )
    inputs: Path | None = option(
        None,
        metavar="VALUES.npz",
        help="input values by name, from numpy.savez (default: random ones of each type)",
    )

    def check(self) -> None:
        """See that every shape can be read."""
        for text in self.shape:
            parse_shape(text)
