"""Measure a supernet's sub-networks as one of torchrun's ranks, and store each accuracy."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.backends.registry import get_backend
from bench.errors import InterruptedSweepError
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.accuracy import EvaluationOptions
from supernet.accuracy import measure
from supernet.accuracy.quantised import Quantiser
from supernet.accuracy.shared_measure import known_to_all, measure_shared
from supernet.accuracy.store import Conditions, EvaluationStore
from supernet.data.dataset import Dataset, Score
from supernet.data.parts import DataParts
from supernet.export.precision import check_converter
from supernet.space.codes import Codes
from supernet.train.checkpoint import Checkpoint
from supernet.train.distributed import Ranks
from supernet.weights.tensor_file import digest_tensors

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSupernet:
    """A supernet, its file's name, and the images for the accuracies.

    `progress` is shown each measured network.
    """

    checkpoint: Checkpoint
    file: str
    images: DataParts
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Measures networks of a supernet as one of `ranks`, under `conditions`."""

    supernet: EvaluatedSupernet
    conditions: Conditions
    validation: Dataset
    quantiser: Quantiser | None
    ranks: Ranks
    device: torch.device

    @classmethod
    def prepare(
        cls, supernet: EvaluatedSupernet, options: EvaluationOptions, ranks: Ranks
    ) -> "Measuring":
        """Read the validation images."""
        checkpoint, images, quantiser = supernet.checkpoint, supernet.images, _quantiser(options)
        validation = images.validation.subset(options.images, np.random.default_rng(options.seed))
        conditions = Conditions(
            space=checkpoint.space.name,
            weights=digest_tensors(checkpoint.network),
            data=images.name,
            part=options.part,
            images=len(validation),
            calibration=min(options.calibration, len(images.train_source)),
            seed=options.seed,
            precision="fp32" if quantiser is None else f"int8 {options.backend}",
        )
        return cls(
            supernet=supernet,
            conditions=conditions,
            validation=validation,
            quantiser=quantiser,
            ranks=ranks,
            device=ranks.device_of(options.device),
        )

    def scores(self, codes: Codes, path: Path | None, stop: Callable[[], bool]) -> list[Score]:
        """Return the score of each network; those that the store at `path` lacks are measured.

        Each is stored at once. Without `path`, all are measured.
        """
        with ExitStack() as stack:
            store = None
            if path is not None and self.ranks.first:
                store = stack.enter_context(EvaluationStore.open(path, self.conditions))
            stored = known_to_all(codes, {} if store is None else store.scores, self.ranks)
            scores = {row: score for row, score in enumerate(stored) if score is not None}
            if scores and self.ranks.first:
                _LOG.info("%d of %d networks are measured already", len(scores), len(codes))
            missing = [row for row in range(len(codes)) if row not in scores]
            try:
                for index, score in self._measure(codes[missing], stop):
                    scores[missing[index]] = score
                    if store is not None:
                        store.add(tuple(codes[missing[index]].tolist()), score)
            except KeyboardInterrupt:
                raise _interrupted(store) from None
            if len(scores) < len(codes):
                self.ranks.wait()  # torchrun ends all ranks with the first to end
                raise _interrupted(store)
            return [scores[row] for row in range(len(codes))]

    def _measure(self, codes: Codes, stop: Callable[[], bool]) -> Iterator[tuple[int, Score]]:
        progress = self.supernet.progress if self.ranks.first else NoProgress()
        progress.start(len(codes), "measuring accuracies")
        space = self.supernet.checkpoint.space
        try:
            for scores in measure_shared(self._measure_own, space, codes, self.ranks, stop):
                for index, score in scores:
                    yield index, score
                    progress.advance(note=f"{score.accuracy:.1%}")
        finally:
            progress.close()

    def _measure_own(self, codes: Codes) -> Iterable[tuple[int, Score]]:
        source = self.supernet.images.train_source
        return measure.measure_each(
            self.supernet.checkpoint.supernet(),
            codes,
            lambda size: source.calibration(self.conditions.calibration, size),
            self.validation,
            self.quantiser,
            self.device,
        )


def _interrupted(store: EvaluationStore | None) -> InterruptedSweepError:
    if store is None:
        return InterruptedSweepError("stopped; continue with the same command")
    return InterruptedSweepError(
        f"stopped; {len(store.scores)} networks are stored in {store.path}: continue with the same "
        "command"
    )


def _quantiser(options: EvaluationOptions) -> Quantiser | None:
    """What quantises the networks, for int8; an error if its packages are not installed."""
    if options.precision == "fp32":
        return None
    check_converter(options.backend, options.precision)
    return Quantiser(backend=get_backend(options.backend))
