"""Sources of accuracies for a search: predictors of ofabench or of OFA.

`open_accuracy` takes the name of a file that `ofabench accuracy` wrote, or `ofa:FILE`, followed by
the image sizes of the predictor's encoder where they cannot be inferred:
`ofa:FILE@128,160,192,224`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.digests import file_digest
from bench.errors import InputError
from supernet.accuracy.ofa_predictor import OfaPredictor, is_ofa_predictor
from supernet.accuracy.ofa_published import OfaPublished, read_arrays
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.space.coded_space import CodedSpace
from supernet.space.codes import Codes

OFA_PREFIX = "ofa:"


class AccuracySource(Protocol):
    """Predicts the accuracy of any network of a space."""

    def predict(self, codes: Codes, /) -> NDArray[np.float64]:
        """Return accuracies of encoded networks, fractions (n,); `InputError` for other codes.

        They serve for ranking: a regression may slightly exceed 1.
        """
        ...

    def check_space(self, space: CodedSpace, /) -> None:
        """Raise `InputError` unless it predicts accuracies of this space's networks."""
        ...

    def known_resolutions(self, resolutions: Sequence[int], /) -> list[int]:
        """Return those of `resolutions`, px, that it can predict; `InputError` for none."""
        ...

    def describe(self) -> str:
        """Describe the source and its error in one line."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return `kind`, `file`, `sha256`, `space`, `resolutions`, `cross_validation`, `note`.

        `cross_validation` may be None.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedAccuracy:
    """A predictor that `ofabench accuracy` fitted, with the name and digest of its file."""

    predictor: AccuracyPredictor
    file: str
    sha256: str

    def predict(self, codes: Codes, /) -> NDArray[np.float64]:
        return self.predictor.predict_unbounded(codes)

    def check_space(self, space: CodedSpace, /) -> None:
        self.predictor.check_space(space)

    def known_resolutions(self, resolutions: Sequence[int], /) -> list[int]:
        """Return all resolutions: `check_space` has compared them."""
        return list(resolutions)

    def describe(self) -> str:
        errors = self.predictor.cross_validation
        return (
            f"{self.file}: {self.predictor.model.settings}, fitted on "
            f"{len(self.predictor.accuracy)} networks of {self.predictor.space}; its "
            f"held-out error is {errors.rmse:.2%} (of a constant: {errors.constant_rmse:.2%})"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.predictor.model.kind,
            "file": self.file,
            "sha256": self.sha256,
            "space": self.predictor.space,
            "resolutions": list(self.predictor.values[0]),
            "cross_validation": self.predictor.cross_validation.to_json(),
            "note": self.describe(),
            "provenance": dict(self.predictor.provenance),
        }


def precision_of(source: AccuracySource) -> str | None:
    """Return the precision, fp32 or int8, of the networks whose accuracies a source predicts.

    None if it is unknown. Tables of `evaluate-subnets` record it, as "int8 onnx"; predictors of OFA
    are of float32.
    """
    if isinstance(source, FittedAccuracy):
        recorded = source.predictor.provenance.get("precision")
        return recorded.split()[0] if isinstance(recorded, str) and recorded else "fp32"
    return "fp32" if isinstance(source, OfaPredictor | OfaPublished) else None


def open_accuracy(text: str) -> AccuracySource:
    """Open `ofa:FILE`, or a file of `ofabench accuracy`; `FileError` where it is neither."""
    if text.startswith(OFA_PREFIX):
        return _open_ofa(text)
    path = Path(text)
    digest = file_digest(path)
    return FittedAccuracy(predictor=AccuracyPredictor.load(path), file=path.name, sha256=digest)


def _open_ofa(text: str) -> AccuracySource:
    """Open OFA's published predictor or one in the newer format, recognised by its tensors."""
    name = text.removeprefix(OFA_PREFIX)
    sizes: tuple[int, ...] = ()
    suffix = re.fullmatch(r"(.*)@(\d{1,5}(?:,\d{1,5})*)", name, re.ASCII)
    if suffix and not Path(name).exists():
        name, sizes = suffix[1], tuple(map(int, suffix[2].split(",")))
    if not name:
        raise InputError(f"{text!r} names no file, expected ofa:FILE, as ofa:acc_predictor.pth")
    if len(set(sizes)) < len(sizes):
        raise InputError(f"{text!r} names an image size twice; give each once, in the file's order")
    path = Path(name)
    state = read_arrays(path)
    if is_ofa_predictor(state):
        return OfaPredictor.read(path, state, sizes)
    if sizes:
        raise InputError(
            f"{path} is a predictor in OFA's older format, whose image sizes are fixed; omit "
            f"@{suffix[2] if suffix else ''}"
        )
    return OfaPublished.read(path, state)
