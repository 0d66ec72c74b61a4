"""`SuperNet`: a trained supernet, its file, and what can be done with it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.energy.meter import Usage
from bench.errors import InputError
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.accuracy import AccuracyOptions, EvaluationOptions
from ofabench.workflows.train.accuracies import (
    MeasuredAccuracies,
    Subject,
    check_folder,
    measure_accuracies,
)
from ofabench.workflows.train.accuracy_fit import FittedAccuracies, measure_and_fit
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.extraction import ExtractedNetwork, extract
from ofabench.workflows.train.network_arguments import arch_of
from ofabench.workflows.train.training_summary import TrainingSummary
from supernet.data.open_data import Data, open_data
from supernet.data.parts import DataParts
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import Checkpoint, EpochRecord, check_trained, load_checkpoint


@dataclass(frozen=True, repr=False, eq=False)
class SuperNet:
    """A supernet's file, read when first needed.

    `data` are the images that it was trained on, where these are torch Datasets: a file names
    them, and cannot hold them.

    Example:
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> supernet = load_supernet(save_micro("supernet.safetensors"), data=micro_images())
        >>> ends = [supernet.space.smallest(), supernet.space.largest()]
        >>> measured = supernet.evaluate(ends, options=EvaluationOptions(images=30))
        >>> [*measured.frame.columns[-2:]]
        ['accuracy', 'accuracy_error']
    """

    path: Path
    data: Data | None = None

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The file's content: weights, recipe, records."""
        return load_checkpoint(self.path)

    @property
    def space(self) -> SearchSpace:
        """The space that its sub-networks are of."""
        return self.checkpoint.space

    @property
    def records(self) -> tuple[EpochRecord, ...]:
        """What each epoch of the training came to."""
        return self.checkpoint.records

    @property
    def usage(self) -> tuple[Usage, ...]:
        """What the runs of the training took of their devices."""
        return self.checkpoint.usage

    @property
    def finished(self) -> bool:
        """Whether it is trained to the end."""
        return self.checkpoint.finished

    @cached_property
    def images(self) -> DataParts:
        """The images that it was trained on: training, validation and test."""
        data = self.checkpoint.data if self.data is None else self.data
        return open_data(data, self.space, class_names=self.checkpoint.class_names)

    def evaluate(
        self,
        archs: Sequence[ArchConfig] | Codes | None = None,
        *,
        data: Data | None = None,
        out: Path | str | None = None,
        options: EvaluationOptions | None = None,
        progress: Progress | None = None,
    ) -> MeasuredAccuracies:
        """Measure the accuracy of sub-networks.

        Each network is cut out, its batch norms recalibrated on training images, and judged on
        validation images.

        Args:
            archs: architectures, or their codes (n, columns); None to draw them.
            data: other images than those of the training.
            out: the networks table's file. What is measured is kept in a file beside it at once:
                the same call again measures only what is new. None writes nothing.
            options: how many networks are drawn, and how many images judge.
            progress: is given each network measured; None shows nothing.

        Returns:
            The networks with their accuracies, each network once, in the order given.

        Raises:
            InputError: a network or images that do not fit, or the training is not finished.
            FileError: a file cannot be read or written.
            InterruptedSweepError: Ctrl-C, where `out` keeps what is measured.
        """
        options = EvaluationOptions.or_defaults(options)
        path = None if out is None else Path(out)
        if path is not None:
            check_folder(path)
        return measure_accuracies(self._subject(data, progress), archs, options, path)

    def accuracy_predictor(
        self,
        *,
        data: Data | None = None,
        out: Path | str | None = None,
        options: AccuracyOptions | None = None,
        progress: Progress | None = None,
    ) -> FittedAccuracies:
        """Measure sub-networks, and fit a predictor of accuracies on them.

        Args:
            data: other images than those of the training.
            out: the predictor's file; None writes nothing.
            options: how many networks are measured, on how many images, and which model.
            progress: is given each network measured; None shows nothing.

        Raises:
            InputError: images that do not fit, too few networks, or the training is not finished.
            FileError: a file cannot be read or written.
        """
        options = AccuracyOptions.or_defaults(options)
        if out is not None:
            check_folder(Path(out))
        return measure_and_fit(self._subject(data, progress), options, out)

    def extract(
        self,
        arch: ArchConfig | str | Path | Any,
        *,
        pick: int | None = None,
        data: Data | None = None,
        out: Path | str | None = None,
    ) -> ExtractedNetwork:
        """Cut a sub-network out, its batch norms recalibrated on training images.

        Args:
            arch: an `ArchConfig`, what a search found, "largest", "smallest", or a file of a
                search's result or of archs.
            pick: which of several in a file, from 1.
            data: other images than those of the training.
            out: its file; None writes nothing.

        Raises:
            InputError: no such network in the space, images that do not fit, or the training is
                not finished.
            FileError: a file cannot be read or written.
        """
        network = sub_network(self, arch, pick=pick, data=data)
        if out is not None:
            network.save(Path(out))
        if network.data is not None:
            log_broken(network.data.broken())
        return network

    def to_dict(self) -> dict[str, Any]:
        """Return what was trained, by what recipe, and what it took, as JSON values."""
        return {"path": str(self.path), **self._summary.to_dict()}

    def __repr__(self) -> str:
        """Each phase of the training and what it came to, as a table."""
        return "\n".join(self._summary.lines(str(self.path)))

    def _repr_html_(self) -> str:
        rows = self._summary.phases_html()
        return f"{rows}<p>{html.escape(self._summary.lines(str(self.path))[-1])}</p>"

    @property
    def _summary(self) -> TrainingSummary:
        return TrainingSummary(self.checkpoint)

    @property
    def trained(self) -> Checkpoint:
        """The file's content; `InputError` where it is not trained to the end."""
        check_trained(self.checkpoint, self.path)
        return self.checkpoint

    def _subject(self, data: Data | None, progress: Progress | None) -> Subject:
        checkpoint = self.trained
        names = checkpoint.class_names
        images = self.images if data is None else open_data(data, self.space, class_names=names)
        return Subject(
            checkpoint=checkpoint,
            file=self.path.name,
            images=images,
            progress=progress or NoProgress(),
        )


def sub_network(
    supernet: SuperNet, arch: ArchConfig | str | Path | Any, *, pick: int | None, data: Data | None
) -> ExtractedNetwork:
    """Cut a sub-network out as `SuperNet.extract` does; write nothing, log nothing."""
    checkpoint = supernet.trained
    chosen = arch_of(arch, checkpoint.space, pick)
    return extract(checkpoint, supernet.path.name, chosen, supernet.data if data is None else data)


def load_supernet(path: Path | str, *, data: Data | None = None) -> SuperNet:
    """Return the supernet of a file that `train` or `ofabench import-ofa` wrote.

    Args:
        path: the file, which `train` may still be writing: `finished` tells.
        data: the images that it was trained on, where these are torch Datasets.

    Raises:
        FileError: the file is missing, another's, or damaged.

    Example:
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> supernet = load_supernet(save_micro("supernet.safetensors"))
        >>> supernet.space.name, supernet.finished
        ('micro', True)
        >>> supernet.extract("largest", data=micro_images()).arch == supernet.space.largest()
        True
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path is {path!r:.80}, expected a supernet's file")
    supernet = SuperNet(Path(path), data)
    supernet.checkpoint  # noqa: B018 - reads it: what is wrong with the file is said here
    return supernet
