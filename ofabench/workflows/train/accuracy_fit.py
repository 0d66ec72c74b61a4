"""Fit of a predictor of sub-networks' accuracies, evaluated on held-out networks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from bench.notebook.html_table import lines_html
from latency_models.tables.columns import finite_numbers, numbers_of
from latency_models.tables.networks import NetworksTable
from ofabench.options.accuracy import AccuracyOptions
from ofabench.workflows.latency.networks import space_of
from ofabench.workflows.train.accuracies import (
    MeasuredAccuracies,
    check_folder,
)
from ofabench.workflows.train.network_arguments import codes_of
from ofabench.workflows.train.subnet_measuring import EvaluatedSupernet
from supernet.accuracy.check import KindComparison, compare, kinds_for
from supernet.accuracy.measure import CALIBRATION_IMAGES, choose_networks, measure_pairs
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.accuracy.predictor import fit_accuracy as fit_pairs
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class FittedAccuracies:
    """A predictor of accuracies, and the errors of the compared kinds, best first."""

    space: SearchSpace
    predictor: AccuracyPredictor
    compared: tuple[KindComparison, ...]

    def predict(self, archs: Sequence[ArchConfig] | Codes) -> NDArray[np.float64]:
        """Return the accuracies of architectures or codes (n, columns), as fractions (n,)."""
        return self.predictor.predict(codes_of(archs, self.space))

    def save(self, path: Path | str) -> None:
        """Write the predictor, as `ofabench search --accuracy` reads it."""
        self.predictor.save(Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Return its cross-validated figures, its model and its provenance, as JSON values."""
        figures = self.predictor.cross_validation.to_json()
        return {**figures, "model": self.predictor.model.kind, **self.predictor.provenance}

    def __repr__(self) -> str:
        """The compared kinds, the fitted one, and its errors."""
        return "\n".join(_lines(self.predictor, self.compared))

    def _repr_html_(self) -> str:
        return lines_html(repr(self).splitlines())


def fit_accuracy(
    measured: MeasuredAccuracies | NetworksTable | Path | str,
    *,
    space: SearchSpace | str | Path | None = None,
    options: AccuracyOptions | None = None,
    out: Path | str | None = None,
) -> FittedAccuracies:
    """Return a predictor of accuracies that is fitted on measured ones.

    A fifth of the networks is held-out for the evaluation; the final fit uses all of them.

    Args:
        measured: a result of `SuperNet.evaluate`, a networks table with the column `accuracy`
            (fractions), or its file.
        space: the space of the networks, if the table does not have it.
        options: the model and the seed.
        out: the predictor's file; None to write none.

    Raises:
        InputError: the argument is something else, or has too few networks.
        FileError: the table cannot be read, lacks `accuracy`, or `out` cannot be written.

    Example:
        >>> tiny = SearchSpace.load("tiny")
        >>> archs = tiny.sample(np.random.default_rng(0), 12)
        >>> frame = tiny.to_frame(archs).assign(accuracy=np.linspace(0.5, 0.61, 12))
        >>> table = NetworksTable(frame=frame, space="tiny", targets={}, provenance={})
        >>> fitted = fit_accuracy(table, options=AccuracyOptions(model="kernel"))
        >>> fitted.predict(archs).shape
        (12,)
    """
    if out is not None:
        check_folder(Path(out))
    provenance: dict[str, Any] = {}
    if isinstance(measured, str | Path):
        provenance["table"] = Path(measured).name
        table = NetworksTable.load(Path(measured))
    else:
        table = measured.table if isinstance(measured, MeasuredAccuracies) else measured
        if not isinstance(table, NetworksTable):
            raise InputError(
                f"measured is a {type(measured).__name__}, expected a result of SuperNet.evaluate, "
                "a NetworksTable or its file"
            )
    if "accuracy" not in table.frame.columns:
        source = measured if isinstance(measured, str | Path) else "the networks table"
        raise FileError(f"{source} lacks the column 'accuracy'; make it again")
    accuracy = finite_numbers(table.frame, "accuracy")
    loaded_space = _space(measured, table, space)
    provenance |= table.provenance
    if "accuracy_error" in table.frame.columns:
        provenance["measured_error"] = float(np.median(numbers_of(table.frame["accuracy_error"])))
    options = AccuracyOptions.or_defaults(options)
    return _fit(
        loaded_space, (loaded_space.codes_of(table.frame), accuracy), provenance, options, out
    )


def _space(
    measured: object, table: NetworksTable, space: SearchSpace | str | Path | None
) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    if space is None and isinstance(measured, MeasuredAccuracies):
        return measured.space
    return space_of(table, None if space is None else str(space))


def measure_and_fit(
    supernet: EvaluatedSupernet, options: AccuracyOptions, out: Path | str | None
) -> FittedAccuracies:
    """Measure networks of a supernet, and fit; see `SuperNet.accuracy_predictor`."""
    checkpoint, images, space = supernet.checkpoint, supernet.images, supernet.checkpoint.space
    validation = images.validation.subset(options.images, np.random.default_rng(options.seed))
    pairs = measure_pairs(
        checkpoint.supernet(),
        choose_networks(space, options.networks, options.seed),
        lambda size: images.train_source.calibration(CALIBRATION_IMAGES, size),
        validation,
        supernet.progress,
    )
    provenance = {
        "checkpoint": supernet.file,
        "data": images.name,
        "part": "validation",
        "images": len(validation),
        "measured_error": float(np.median(pairs.error)),
    }
    return _fit(space, (pairs.codes, pairs.accuracy), provenance, options, out)


def _fit(
    space: SearchSpace,
    pairs: tuple[Codes, NDArray[np.float64]],
    provenance: Mapping[str, Any],
    options: AccuracyOptions,
    out: Path | str | None,
) -> FittedAccuracies:
    """Compare the kinds on held-out networks, fit the best one on all, and write it."""
    codes, accuracy = pairs
    kinds = kinds_for(options.model, len(codes))
    compared = compare(space, codes, accuracy, kinds, options.seed)
    best = compared[0]
    fitted = fit_pairs(space, codes, accuracy, kind=best.kind, seed=options.seed)
    choice = {"seed": options.seed, "compared": [kind.to_json() for kind in compared]}
    predictor = fitted.with_provenance({**provenance, **choice})
    if out is not None:
        predictor.save(Path(out))
    evaluation = best.held_out or best.cross_validation
    if evaluation.rmse >= evaluation.constant_rmse:
        _LOG.warning("it predicts no better than a constant: measure more networks")
    return FittedAccuracies(space=space, predictor=predictor, compared=tuple(compared))


def _lines(predictor: AccuracyPredictor, compared: Sequence[KindComparison]) -> list[str]:
    low, high, best = predictor.accuracy.min(), predictor.accuracy.max(), compared[0]
    lines = [
        f"{len(predictor.codes)} networks of {predictor.space}: accuracy {low:.2%} to {high:.2%}",
        f"  fitted          {best.kind}: {predictor.model.settings}",
    ]
    for kind in compared:
        error = f"{kind.cross_validation.rmse:.2%} of {kind.cross_validation.pairs}"
        lines.append(f"  {kind.kind:<8}        error {error} cross-validated (root mean square)")
    held_out = best.held_out
    if held_out is None:
        lines.append("  held-out        none: too few networks")
    else:
        ranks = [
            f"{name} {'none' if rank is None else f'{rank:.3f}'}"
            for name, rank in (("Kendall", held_out.kendall), ("Spearman", held_out.spearman))
        ]
        ranks_text = f"{', '.join(ranks)}: {held_out.judged} networks"
        lines.append(f"  held-out        error {held_out.rmse:.2%}, {ranks_text}")
        constant = f"error {held_out.constant_rmse:.2%} on the same networks"
        lines.append(f"  best constant   {constant}")
    measured = predictor.provenance.get("measured_error")
    if measured is not None:
        lines.append(f"  standard error of one measured accuracy {measured:.2%}")
    return lines
