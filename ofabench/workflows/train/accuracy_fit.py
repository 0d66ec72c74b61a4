"""A predictor of sub-networks' accuracies, fitted and evaluated on measured ones."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from latency_models.tables.columns import finite_numbers, numbers_of
from latency_models.tables.networks import NetworksTable
from ofabench.options.accuracy import AccuracyOptions
from ofabench.workflows.latency.networks import space_of
from ofabench.workflows.train.accuracies import MeasuredAccuracies, Subject, check_folder
from ofabench.workflows.train.network_arguments import codes_of
from supernet.accuracy.check import Compared, compare, kinds_for
from supernet.accuracy.measure import CALIBRATION_IMAGES, choose_networks, measure_pairs
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.accuracy.predictor import fit_accuracy as fit_pairs
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class FittedAccuracies:
    """A predictor of accuracies, and what the kinds that were compared came to, best first."""

    space: SearchSpace
    predictor: AccuracyPredictor
    compared: tuple[Compared, ...]

    def predict(self, archs: Sequence[ArchConfig] | Codes) -> NDArray[np.float64]:
        """Return the accuracies of architectures or codes (n, columns), as fractions (n,)."""
        return self.predictor.predict(codes_of(archs, self.space))

    def save(self, path: Path | str) -> None:
        """Write the predictor, as `ofabench search --accuracy` reads it."""
        self.predictor.save(Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Return its cross-validated figures, its model and where it is from, as JSON values."""
        figures = self.predictor.cross_validation.to_json()
        return {**figures, "model": self.predictor.model.kind, **self.predictor.provenance}

    def __repr__(self) -> str:
        """What was compared, what was fitted, and how good it is."""
        return "\n".join(_lines(self.predictor, self.compared))


def fit_accuracy(
    measured: MeasuredAccuracies | NetworksTable | Path | str,
    *,
    space: SearchSpace | str | Path | None = None,
    options: AccuracyOptions | None = None,
    out: Path | str | None = None,
) -> FittedAccuracies:
    """Return a predictor of accuracies that is fitted on measured ones.

    A fifth of the networks is kept back to judge by; then all are fitted on.

    Args:
        measured: what `SuperNet.evaluate` returned, a networks table with the column `accuracy`
            (fractions), or its file.
        space: what the networks are of, where the table does not say.
        options: which model, and the seed.
        out: the predictor's file; None to write none.

    Raises:
        InputError: something else was given, or too few networks.
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
                f"measured is a {type(measured).__name__}, expected what SuperNet.evaluate "
                "returned, a NetworksTable or its file"
            )
    if "accuracy" not in table.frame.columns:
        where = measured if isinstance(measured, str | Path) else "the networks table"
        raise FileError(f"{where} lacks the column 'accuracy'; make it again")
    accuracy = finite_numbers(table.frame, "accuracy")
    of = _space(measured, table, space)
    provenance |= table.provenance
    if "accuracy_error" in table.frame.columns:
        provenance["measured_error"] = float(np.median(numbers_of(table.frame["accuracy_error"])))
    options = AccuracyOptions.or_defaults(options)
    return _fit(of, (of.codes_of(table.frame), accuracy), provenance, options, out)


def _space(
    measured: object, table: NetworksTable, space: SearchSpace | str | Path | None
) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    if space is None and isinstance(measured, MeasuredAccuracies):
        return measured.space
    return space_of(table, None if space is None else str(space))


def measure_and_fit(
    subject: Subject, options: AccuracyOptions, out: Path | str | None
) -> FittedAccuracies:
    """Measure networks of a supernet, and fit; see `SuperNet.accuracy_predictor`."""
    checkpoint, images, space = subject.checkpoint, subject.images, subject.checkpoint.space
    validation = images.validation.subset(options.images, np.random.default_rng(options.seed))
    pairs = measure_pairs(
        checkpoint.supernet(),
        choose_networks(space, options.networks, options.seed),
        lambda size: images.train_source.calibration(CALIBRATION_IMAGES, size),
        validation,
        subject.progress,
    )
    provenance = {
        "checkpoint": subject.file,
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
    """Compare the kinds on networks kept back, fit the best one on all, and write it."""
    codes, accuracy = pairs
    kinds = kinds_for(options.model, len(codes))
    compared = compare(space, codes, accuracy, kinds, options.seed)
    best = compared[0]
    fitted = fit_pairs(space, codes, accuracy, kind=best.kind, seed=options.seed)
    more = {"seed": options.seed, "compared": [each.to_json() for each in compared]}
    predictor = fitted.with_provenance({**provenance, **more})
    if out is not None:
        predictor.save(Path(out))
    judged = best.held_out or best.cross_validation
    if judged.rmse >= judged.constant_rmse:
        _LOG.warning("it predicts no better than a constant: measure more networks")
    return FittedAccuracies(space=space, predictor=predictor, compared=tuple(compared))


def _lines(predictor: AccuracyPredictor, compared: Sequence[Compared]) -> list[str]:
    low, high, best = predictor.accuracy.min(), predictor.accuracy.max(), compared[0]
    lines = [
        f"{len(predictor.codes)} networks of {predictor.space}: accuracy {low:.2%} to {high:.2%}",
        f"  fitted          {best.kind}: {predictor.model.settings}",
    ]
    for each in compared:
        error = f"{each.cross_validation.rmse:.2%} of {each.cross_validation.pairs}"
        lines.append(f"  {each.kind:<8}        error {error} cross-validated (root mean square)")
    held = best.held_out
    if held is None:
        lines.append("  held out        none: too few networks to keep some back")
    else:
        ranks = [
            f"{name} {'none' if rank is None else f'{rank:.3f}'}"
            for name, rank in (("Kendall", held.kendall), ("Spearman", held.spearman))
        ]
        judged = f"{', '.join(ranks)}: {held.judged} networks"
        lines.append(f"  held out        error {held.rmse:.2%}, {judged}")
        constant = f"error {held.constant_rmse:.2%} on the same networks"
        lines.append(f"  best constant   {constant}")
    measured = predictor.provenance.get("measured_error")
    if measured is not None:
        lines.append(f"  standard error of one measured accuracy {measured:.2%}")
    return lines
