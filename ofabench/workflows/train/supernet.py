"""`SuperNet`: a trained supernet and its file; evaluates and extracts sub-networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.energy.meter import Usage
from bench.errors import InputError
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.accuracy import AccuracyOptions, EvaluationOptions
from ofabench.workflows.train.accuracies import (
    MeasuredAccuracies,
    check_folder,
    measure_accuracies,
)
from ofabench.workflows.train.accuracy_fit import FittedAccuracies, measure_and_fit
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.extraction import ExtractedNetwork, extract
from ofabench.workflows.train.network_arguments import arch_of
from ofabench.workflows.train.subnet_measuring import EvaluatedSupernet
from ofabench.workflows.train.training_summary import TrainingSummary
from supernet.data.open_data import Data, open_data
from supernet.data.parts import DataParts
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import Checkpoint, EpochRecord, check_trained, load_checkpoint
from supernet.train.log import TrainingLog

if TYPE_CHECKING:
    from bench.notebook.plot import Plot


@dataclass(frozen=True, repr=False, eq=False)
class SuperNet:
    """A supernet's file, read at the first use.

    `data` are the training images if these are torch Datasets, which the file only names.

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
        """The space of its sub-networks."""
        return self.checkpoint.space

    @property
    def records(self) -> tuple[EpochRecord, ...]:
        """Records of the training's epochs: losses, images, seconds."""
        return self.checkpoint.records

    @property
    def usage(self) -> tuple[Usage, ...]:
        """Device time and energy of the training's runs."""
        return self.checkpoint.usage

    @property
    def finished(self) -> bool:
        """Whether the training is finished."""
        return self.checkpoint.finished

    @cached_property
    def images(self) -> DataParts:
        """The images of its data: training, validation and test."""
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

        Each network is extracted, its batch norms are recalibrated on training images, and its
        accuracy is measured on validation images. Started by torchrun, all processes share the
        networks, and all return all of them.

        Args:
            archs: architectures, or their codes (n, columns); None for random ones.
            data: other images than the training's.
            out: the networks table's file. Each accuracy is also stored at once in a file next to
                it: the same call again measures only missing ones. None writes nothing.
            options: the numbers of random networks and of images, and the device.
            progress: is shown each measured network; None shows nothing.

        Returns:
            The networks with their accuracies, each network once, in the given order.

        Raises:
            InputError: a network or images that do not fit, or the training is not finished.
            FileError: a file cannot be read or written.
            DeviceLostError: another process of torchrun ended; with `out` the measured accuracies
                are kept.
            InterruptedSweepError: Ctrl-C or SIGTERM; with `out` the measured accuracies are kept.
        """
        options = EvaluationOptions.or_defaults(options)
        path = None if out is None else Path(out)
        if path is not None:
            check_folder(path)
        return measure_accuracies(self._evaluated(data, progress), archs, options, path)

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
            data: other images than the training's.
            out: the predictor's file; None writes nothing.
            options: the numbers of networks and of images, and the model.
            progress: is shown each measured network; None shows nothing.

        Raises:
            InputError: images that do not fit, too few networks, or the training is not finished.
            FileError: a file cannot be read or written.
        """
        options = AccuracyOptions.or_defaults(options)
        if out is not None:
            check_folder(Path(out))
        return measure_and_fit(self._evaluated(data, progress), options, out)

    def extract(
        self,
        arch: ArchConfig | str | Path | Any,
        *,
        pick: int | None = None,
        data: Data | None = None,
        out: Path | str | None = None,
    ) -> ExtractedNetwork:
        """Extract a sub-network, with batch norms recalibrated on training images.

        Args:
            arch: an `ArchConfig`, a search's result, "largest", "smallest", or a file of a search's
                result or of archs.
            pick: which network of a file, from 1.
            data: other images than the training's.
            out: the sub-network's file; None writes nothing.

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
        """Return recipe, phases, time and energy as JSON values."""
        return {"path": str(self.path), **self._summary.to_dict()}

    def __repr__(self) -> str:
        """Table of the training's phases."""
        return "\n".join(self._summary.lines(str(self.path)))

    def _repr_html_(self) -> str:
        return self._summary.html(str(self.path))

    def plot(self) -> "Plot":
        """Return a chart of the training: loss and validation accuracies over steps.

        They are read from the training's log, which lies beside the file (`.jsonl`).

        Raises:
            FileError: there is no such log, it has no step yet, or it is damaged.
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        from ofabench.charts.training import TrainingCurves, curves_figure

        curves = TrainingCurves.read(TrainingLog.beside(self.path).path)
        return Plot(curves_figure(curves), f"Training of {self.space.name}")

    @property
    def _summary(self) -> TrainingSummary:
        return TrainingSummary(self.checkpoint)

    @property
    def trained(self) -> Checkpoint:
        """The file's content; `InputError` if the training is not finished."""
        check_trained(self.checkpoint, self.path)
        return self.checkpoint

    def _evaluated(self, data: Data | None, progress: Progress | None) -> EvaluatedSupernet:
        checkpoint = self.trained
        names = checkpoint.class_names
        images = self.images if data is None else open_data(data, self.space, class_names=names)
        return EvaluatedSupernet(
            checkpoint=checkpoint,
            file=self.path.name,
            images=images,
            progress=progress or NoProgress(),
        )


def sub_network(
    supernet: SuperNet, arch: ArchConfig | str | Path | Any, *, pick: int | None, data: Data | None
) -> ExtractedNetwork:
    """Extract a sub-network like `SuperNet.extract`, without writing or logging."""
    checkpoint = supernet.trained
    chosen = arch_of(arch, checkpoint.space, pick)
    return extract(checkpoint, supernet.path.name, chosen, supernet.data if data is None else data)


def load_supernet(path: Path | str, *, data: Data | None = None) -> SuperNet:
    """Return the supernet of a file written by `train` or `ofabench import-ofa`.

    Args:
        path: the file; the training may still run, see `finished`.
        data: the training images, if these are torch Datasets.

    Raises:
        FileError: the file is missing, of another kind, or damaged.

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
    supernet.checkpoint  # noqa: B018 - reads the file, so that its errors are raised here
    return supernet
