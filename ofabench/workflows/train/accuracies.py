"""Measured accuracies of a supernet's sub-networks, as a networks table."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.backends.registry import get_backend
from bench.errors import FileError, InputError, InterruptedSweepError
from bench.protocol.progress import Progress
from latency_models.tables.networks import NetworksTable
from latency_models.tables.storage import origin
from ofabench.options.accuracy import DRAWN, EvaluationOptions
from ofabench.workflows.latency.networks import read_archs
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.network_arguments import codes_of
from supernet.accuracy import measure
from supernet.accuracy.quantised import Quantiser
from supernet.accuracy.store import Code, Conditions, EvaluationStore
from supernet.data.dataset import Score
from supernet.data.parts import DataParts
from supernet.export.precision import check_converter
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace, space_names
from supernet.train.checkpoint import Checkpoint
from supernet.weights.tensor_file import digest_tensors

if TYPE_CHECKING:
    import pandas as pd

STORE = ".evaluations.jsonl"
SPACE_TOML = "space_toml"  # key of a networks table's provenance for a space that is not shipped
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MeasuredAccuracies:
    """Accuracies of sub-networks, as fractions, each with its standard error."""

    space: SearchSpace
    table: NetworksTable

    @property
    def frame(self) -> "pd.DataFrame":
        """One row for each network: the space's columns, `accuracy` and `accuracy_error`."""
        return self.table.frame

    @property
    def archs(self) -> list[ArchConfig]:
        """The networks, in the order of the rows."""
        return self.space.from_frame(self.frame)

    def save(self, path: Path | str) -> None:
        """Write a networks table, as `ofabench evaluate-subnets` does."""
        self.table.save(Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the lowest, mean and highest accuracy, and the provenance, as JSON values."""
        accuracy, error = self.frame["accuracy"], self.frame["accuracy_error"]
        return {
            "networks": len(self.frame),
            "least": float(accuracy.min()),
            "mean": float(accuracy.mean()),
            "most": float(accuracy.max()),
            "standard_error": float(error.median()),
            **{name: value for name, value in self.table.provenance.items() if name != SPACE_TOML},
        }

    def __repr__(self) -> str:
        """The number of networks and the range of their accuracies."""
        figures = self.to_dict()
        return (
            f"{figures['networks']} networks of {self.space.name}: accuracy {figures['least']:.2%} "
            "to "
            f"{figures['most']:.2%}, mean {figures['mean']:.2%} on {figures['images']} "
            f"{figures['part']} images\n"
            f"  standard error of one accuracy {figures['standard_error']:.2%}"
        )

    def _repr_html_(self) -> str:
        html: str = self.frame._repr_html_()  # type: ignore[operator]  # of pandas, for notebooks
        return html


def check_folder(out: Path) -> None:
    """Raise `FileError` if a file's folder does not exist, before minutes of measuring."""
    if not out.parent.is_dir():
        raise FileError(f"cannot write {out}: the folder {out.parent} does not exist")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSupernet:
    """A supernet, its file's name, and the images for the accuracies.

    `progress` is shown each measured network.
    """

    checkpoint: Checkpoint
    file: str
    images: DataParts
    progress: Progress


def measure_accuracies(
    supernet: EvaluatedSupernet,
    archs: Sequence[ArchConfig] | Codes | None,
    options: EvaluationOptions,
    out: Path | None,
) -> MeasuredAccuracies:
    """Measure sub-networks of a supernet; see `SuperNet.evaluate`."""
    checkpoint, images = supernet.checkpoint, supernet.images
    space = checkpoint.space
    codes = _codes(archs, space, options)
    quantiser = _quantiser(options)
    validation = images.validation.subset(options.images, np.random.default_rng(options.seed))
    conditions = Conditions(
        space=space.name,
        weights=digest_tensors(checkpoint.network),
        data=images.name,
        part=options.part,
        images=len(validation),
        calibration=min(options.calibration, len(images.train_source)),
        seed=options.seed,
        precision="fp32" if quantiser is None else f"int8 {options.backend}",
    )

    def measured(missing: Codes) -> Iterable[tuple[int, Score]]:
        return measure.measure_each(
            checkpoint.supernet(),
            missing,
            lambda size: images.train_source.calibration(conditions.calibration, size),
            validation,
            quantiser,
        )

    if out is None:
        scores: dict[Code, Score] = {}
        _measure(codes, measured, scores.__setitem__, supernet.progress)
    else:
        scores = _measure_missing(
            out.with_suffix(STORE), conditions, codes, measured, supernet.progress
        )
    provenance = {"checkpoint": supernet.file, **asdict(conditions), **origin()}
    table = _table(space, codes, [scores[tuple(code)] for code in codes.tolist()], provenance)
    result = MeasuredAccuracies(space=space, table=table)
    if out is not None:
        result.save(out)
    log_broken(images.broken())
    return result


def _quantiser(options: EvaluationOptions) -> Quantiser | None:
    """What quantises the networks, for int8; an error if its packages are not installed."""
    if options.precision == "fp32":
        return None
    check_converter(options.backend, options.precision)
    return Quantiser(backend=get_backend(options.backend))


def _codes(
    archs: Sequence[ArchConfig] | Codes | None, space: SearchSpace, options: EvaluationOptions
) -> Codes:
    """Codes of the given networks, those of the file, then random ones, each once."""
    parts = [codes_of([] if archs is None else archs, space)]
    if options.archs is not None:
        pairs = list(read_archs(options.archs, space))
        others = {file_space.name for file_space, _ in pairs} - {space.name}
        if others or not pairs:
            content = f"networks of {', '.join(sorted(others))}" if others else "no network"
            raise InputError(f"{options.archs} holds {content}, the checkpoint is of {space.name}")
        parts.append(space.encode([arch for _, arch in pairs]))
    if (archs is None and options.archs is None) or options.networks is not None:
        parts.append(measure.choose_networks(space, options.networks or DRAWN, options.seed))
    codes = np.concatenate(parts)
    _, first = np.unique(codes, axis=0, return_index=True)
    if not len(first):
        raise InputError("archs is empty: give at least one network, or leave it out")
    return np.asarray(codes[np.sort(first)])


def _measure_missing(
    path: Path,
    conditions: Conditions,
    codes: Codes,
    measured: Callable[[Codes], Iterable[tuple[int, Score]]],
    progress: Progress,
) -> dict[Code, Score]:
    """Scores of a file, after measuring those that it lacks; each is stored at once."""
    with EvaluationStore.open(path, conditions) as store:
        missing = codes[[tuple(code) not in store.scores for code in codes.tolist()]]
        if len(missing) < len(codes):
            finished = len(codes) - len(missing)
            _LOG.info("%d of %d networks are measured already", finished, len(codes))
        try:
            _measure(missing, measured, store.add, progress)
        except KeyboardInterrupt:
            raise InterruptedSweepError(
                f"stopped; {len(store.scores)} networks are stored in {store.path}: continue with "
                "the same command"
            ) from None
        return store.scores


def _measure(
    codes: Codes,
    measured: Callable[[Codes], Iterable[tuple[int, Score]]],
    store_score: Callable[[Code, Score], None],
    progress: Progress,
) -> None:
    """Store each network's score as soon as it is measured."""
    progress.start(len(codes), "measuring accuracies")
    try:
        for row, score in measured(codes):
            store_score(tuple(codes[row].tolist()), score)
            progress.advance(note=f"{score.accuracy:.1%}")
    finally:
        progress.close()


def _table(
    space: SearchSpace, codes: Codes, scores: Sequence[Score], provenance: Mapping[str, Any]
) -> NetworksTable:
    """Table of networks with the columns `accuracy` and `accuracy_error`."""
    frame = space.frame_of(codes).assign(
        accuracy=[score.accuracy for score in scores],
        accuracy_error=[score.error for score in scores],
    )
    space_toml = {} if space.name in space_names() else {SPACE_TOML: space.text}
    return NetworksTable(
        frame=frame, space=space.name, targets={}, provenance={**provenance, **space_toml}
    )
