"""Measured accuracies of a supernet's sub-networks, as a networks table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import FileError, InputError
from bench.notebook.html_table import frame_html
from latency_models.tables.networks import NetworksTable
from latency_models.tables.storage import origin
from ofabench.options.accuracy import DRAWN, EvaluationOptions
from ofabench.workflows.latency.networks import read_archs
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.cuda_check import check_cuda, gpu_memory
from ofabench.workflows.train.graceful_stop import stop_requested
from ofabench.workflows.train.network_arguments import codes_of
from ofabench.workflows.train.subnet_measuring import EvaluatedSupernet, Measuring
from supernet.accuracy import measure
from supernet.data.dataset import Score
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace, space_names
from supernet.train.distributed import process_group

if TYPE_CHECKING:
    import pandas as pd

STORE = ".evaluations.jsonl"
SPACE_TOML = "space_toml"  # key of a networks table's provenance for a space that is not shipped


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
        return frame_html(repr(self), self.frame)


def check_folder(out: Path) -> None:
    """Raise `FileError` if a file's folder does not exist, before minutes of measuring."""
    if not out.parent.is_dir():
        raise FileError(f"cannot write {out}: the folder {out.parent} does not exist")


def measure_accuracies(
    supernet: EvaluatedSupernet,
    archs: Sequence[ArchConfig] | Codes | None,
    options: EvaluationOptions,
    out: Path | None,
) -> MeasuredAccuracies:
    """Measure sub-networks of a supernet; see `SuperNet.evaluate`."""
    check_cuda(options.device)
    codes = _codes(archs, supernet.checkpoint.space, options)
    kept = "the measured accuracies are kept" if out else "without out nothing was stored"
    again = f"start all ranks again with the same command; {kept}"
    with process_group(options.device, again) as ranks, stop_requested() as stop, gpu_memory():
        measuring = Measuring.prepare(supernet, options, ranks)
        store_path = None if out is None else out.with_suffix(STORE)
        scores = measuring.scores(codes, store_path, stop)
        conditions = asdict(measuring.conditions)
        provenance = {"checkpoint": supernet.file, **conditions, **origin()}
        space = supernet.checkpoint.space
        table = _table(space, codes, scores, provenance)
        result = MeasuredAccuracies(space=space, table=table)
        if out is not None and ranks.first:
            result.save(out)
        log_broken(supernet.images.broken())
        ranks.wait()  # for the first rank's file
    return result


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
