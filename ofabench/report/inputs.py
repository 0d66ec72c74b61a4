"""Inputs of a report, recognised by content."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError
from bench.files import parse_json, read_bytes
from bench.sweep.sqlite_file import HEADER as SQLITE
from bench.sweep.store import SweepStore
from latency_models.predictors import file as predictor_file
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables import networks, table
from latency_models.tables.networks import NetworksTable
from latency_models.tables.storage import load_any_frame
from latency_models.tables.table import LatencyTable
from ofabench.report.deployment import is_deployment, read_deployment
from ofabench.report.outcome import Outcome, is_outcome, read_outcome
from ofabench.report.searches import Search, is_search, read_search
from supernet.accuracy import predictor as accuracy_predictor
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.train.log import read_log

PARQUET = b"PAR1"
HEAD_BYTES = 64
ACCEPTED = (
    "a sweep (.sqlite), a latency table, networks table, latency predictor or accuracy predictor "
    "(.parquet), a search's result or front, a verified network, a deployment's card (.json), a "
    "training log (.jsonl), "
    "or a folder of such files"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was recognised, by its name on the page; `passed` is what was not."""

    sweeps: dict[str, Path] = field(default_factory=dict)
    tables: dict[str, LatencyTable] = field(default_factory=dict)
    networks: dict[str, NetworksTable] = field(default_factory=dict)
    predictors: dict[str, LatencyPredictor] = field(default_factory=dict)
    accuracies: dict[str, AccuracyPredictor] = field(default_factory=dict)
    searches: dict[str, Search] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many files are recognised."""
        return len(self.names())

    def names(self) -> list[str]:
        """Names of all that is recognised."""
        measured = [*self.sweeps, *self.tables, *self.networks]
        fitted = [*self.predictors, *self.accuracies]
        return [*measured, *fitted, *self.searches, *self.outcomes, *self.logs]

    def predictors_by_target(self) -> dict[str, LatencyPredictor]:
        """One predictor a target: the first given."""
        found: dict[str, LatencyPredictor] = {}
        for one in self.predictors.values():
            found.setdefault(one.target.key, one)
        return found

    def tables_by_target(self) -> dict[str, LatencyTable]:
        """One table a target: the one with the most blocks."""
        found: dict[str, LatencyTable] = {}
        for one in self.tables.values():
            if len(one) > len(found.get(one.target.key, ())):
                found[one.target.key] = one
        return found


def read_inputs(given: Sequence[Path]) -> Inputs:
    """Read files and folders; `FileError` for a file that is none of what is accepted.

    Of a folder, what is not recognised is passed over (models, checkpoints, notes lie there too).
    """
    inputs = Inputs()
    for path in given:
        if not path.is_dir():
            if not _add(inputs, path, _free_name(inputs, path)):
                raise FileError(f"{path} is not recognised; accepted is {ACCEPTED}")
            continue
        before = inputs.count
        for one in sorted(path.iterdir()):
            if one.is_file() and not _add(inputs, one, _free_name(inputs, one)):
                inputs.passed.append(str(one))
        if inputs.count == before:
            raise FileError(
                f"{path} is not a finished run, nor has it any file to report; accepted is "
                f"{ACCEPTED}; `ofabench quickstart --out {path}` makes a run"
            )
    return inputs


def _free_name(inputs: Inputs, path: Path) -> str:
    """Name of a file on the page; with its folder where another has the same."""
    taken, parts = set(inputs.names()), path.resolve().parts
    for count in range(1, len(parts) + 1):
        name = "/".join(parts[-count:])
        if name not in taken:
            return name
    raise InputError(f"{path} is given twice; name each file once")


def _add(inputs: Inputs, path: Path, name: str) -> bool:
    """Read one file into its place; False where it is of no known kind."""
    head = _head(path)
    if head.startswith(SQLITE):
        with SweepStore.open(path):  # a foreign or damaged one is told at once
            inputs.sweeps[name] = path
        return True
    if head.startswith(PARQUET):
        return _add_parquet(inputs, path, name)
    # A checkpoint of gigabytes beside the others is not read to find out that it is none of them.
    return head.lstrip().startswith(b"{") and _add_json(inputs, path, name)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def _add_parquet(inputs: Inputs, path: Path, name: str) -> bool:
    _, metadata = load_any_frame(path)
    what = metadata.get("what")
    if what == table.WHAT:
        inputs.tables[name] = LatencyTable.load(path)
    elif what == networks.WHAT:
        inputs.networks[name] = NetworksTable.load(path)
    elif what == predictor_file.WHAT:
        inputs.predictors[name] = LatencyPredictor.load(path)
    elif what == accuracy_predictor.WHAT:
        inputs.accuracies[name] = AccuracyPredictor.load(path)
    else:
        return False
    return True


def _add_json(inputs: Inputs, path: Path, name: str) -> bool:
    for data in _json_values(read_bytes(path)):
        if is_search(data):
            inputs.searches[name] = read_search(path, data)
        elif is_outcome(data):
            inputs.outcomes[name] = read_outcome(path, data)
        elif is_deployment(data):
            found = read_deployment(path, data)
            inputs.outcomes.update({f"{name}, {target}": one for target, one in found.items()})
        elif isinstance(data, dict) and data.get("kind") in ("run", "steps"):
            read_log(path)
            inputs.logs[name] = path
        else:
            continue
        return True
    return False


def _json_values(content: bytes) -> Iterator[Any]:
    """The file as one value, else its first line: a log's last one may be cut short."""
    for text in (content, content.split(b"\n", 1)[0]):
        try:
            yield parse_json(text)
        except ValueError:
            continue


def check_out(out: Path, given: Sequence[Path]) -> None:
    """Raise an error where the page cannot be written, or would be over what it tells of."""
    if not out.absolute().parent.is_dir():
        raise FileError(f"cannot write {out}: there is no folder {out.parent}; make it first")
    if any(out.resolve() == path.resolve() for path in given):
        raise InputError(f"--out {out} is one of the files to report; name another")
