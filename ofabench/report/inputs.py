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
from latency_models.tables import networks, side_by_side, table
from latency_models.tables.networks import NetworksTable
from latency_models.tables.side_by_side import TargetsTable
from latency_models.tables.storage import load_any_frame
from latency_models.tables.table import LatencyTable
from ofabench.report.deployment import Deployment, is_deployment, read_deployment
from ofabench.report.outcome import Outcome, is_outcome, read_outcome
from ofabench.report.searches import Search, is_search, read_search
from ofabench.workflows.command_script import is_script, read_script
from ofabench.workflows.deploy.deploy_folder import CARD
from supernet.accuracy import predictor as accuracy_predictor
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.train.log import read_log

PARQUET = b"PAR1"
HEAD_BYTES = 64
ACCEPTED = (
    "a sweep (.sqlite), a latency table, also of several targets, networks table, latency "
    "predictor or accuracy predictor (.parquet), a search's result or front, a verified network, a "
    "deployment's card (.json), a training log (.jsonl), or a folder of such files"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was recognised, by file; `skipped` are the files that were not."""

    sweeps: dict[str, Path] = field(default_factory=dict)
    tables: dict[str, LatencyTable] = field(default_factory=dict)
    side_by_side: dict[str, TargetsTable] = field(default_factory=dict)  # also among `tables`
    networks: dict[str, NetworksTable] = field(default_factory=dict)
    predictors: dict[str, LatencyPredictor] = field(default_factory=dict)
    accuracies: dict[str, AccuracyPredictor] = field(default_factory=dict)
    searches: dict[str, Search] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of recognised files; a deployment and its measurements are one."""
        outcomes = sum(len(each.outcomes) for each in self.deployments.values())
        targets = sum(len(each.targets) for each in self.side_by_side.values())
        return len(self.names()) - outcomes - targets

    def names(self) -> list[str]:
        """Names of everything that is recognised."""
        measured = [*self.sweeps, *self.tables, *self.side_by_side, *self.networks]
        fitted = [*self.predictors, *self.accuracies]
        results = [*self.searches, *self.outcomes, *self.deployments]
        return [*measured, *fitted, *results, *self.logs, *self.commands]

    def predictors_by_target(self) -> dict[str, LatencyPredictor]:
        """One predictor per target: the first given."""
        first: dict[str, LatencyPredictor] = {}
        for predictor in self.predictors.values():
            first.setdefault(predictor.target.key, predictor)
        return first

    def tables_by_target(self) -> dict[str, LatencyTable]:
        """One table per target: the one with the most blocks."""
        largest: dict[str, LatencyTable] = {}
        for latencies in self.tables.values():
            if len(latencies) > len(largest.get(latencies.target.key, ())):
                largest[latencies.target.key] = latencies
        return largest


def read_inputs(given: Sequence[Path]) -> Inputs:
    """Read files and folders; `FileError` for a file that is none of what is accepted.

    In a folder, files that are not recognised are skipped (models, checkpoints, notes); a folder
    inside it is read where it is a deployment.
    """
    inputs = Inputs()
    for path in given:
        if not path.is_dir():
            if not _add(inputs, path, _free_name(inputs, path)):
                raise FileError(f"{path} is not recognised; accepted is {ACCEPTED}")
            continue
        before = inputs.count
        for file in _files_of(path):
            if not _add(inputs, file, _free_name(inputs, file)):
                inputs.skipped.append(str(file))
        if inputs.count == before:
            raise FileError(
                f"{path} is not a finished run, nor has it any file to report; accepted is "
                f"{ACCEPTED}; `ofabench quickstart --out {path}` makes a run"
            )
    return inputs


def _files_of(folder: Path) -> Iterator[Path]:
    """Files of a folder by name, then those of the deployments in it."""
    entries = sorted(folder.iterdir())
    yield from (entry for entry in entries if entry.is_file())
    for entry in entries:
        if entry.is_dir() and (entry / CARD).is_file() and _is_card(entry / CARD):
            yield from (file for file in sorted(entry.iterdir()) if file.is_file())


def _is_card(path: Path) -> bool:
    return any(is_deployment(data) for data in _json_values(read_bytes(path)))


def _free_name(inputs: Inputs, path: Path) -> str:
    """Name of a file; with its folder where another file has the same name."""
    taken, parts = set(inputs.names()), path.resolve().parts
    for count in range(1, len(parts) + 1):
        name = "/".join(parts[-count:])
        if name not in taken:
            return name
    raise InputError(f"{path} is given twice; name each file once")


def _add(inputs: Inputs, path: Path, name: str) -> bool:
    """Read one file into `inputs`; False where it is of no known kind."""
    head = _head(path)
    if head.startswith(SQLITE):
        with SweepStore.open(path):  # raises where it is another program's, or damaged
            inputs.sweeps[name] = path
        return True
    if head.startswith(PARQUET):
        return _add_parquet(inputs, path, name)
    if is_script(head):
        inputs.commands[name] = read_script(path)
        return True
    # Only files that begin like JSON are read whole: checkpoints of gigabytes lie here too.
    return head.lstrip().startswith(b"{") and _add_json(inputs, path, name)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def _add_parquet(inputs: Inputs, path: Path, name: str) -> bool:
    _, metadata = load_any_frame(path)
    kind = metadata.get("what")
    if kind == table.WHAT:
        inputs.tables[name] = LatencyTable.load(path)
    elif kind == side_by_side.WHAT:
        inputs.side_by_side[name] = TargetsTable.load(path)
        by_label = inputs.side_by_side[name].tables()
        inputs.tables.update({f"{name}, {label}": each for label, each in by_label.items()})
    elif kind == networks.WHAT:
        inputs.networks[name] = NetworksTable.load(path)
    elif kind == predictor_file.WHAT:
        inputs.predictors[name] = LatencyPredictor.load(path)
    elif kind == accuracy_predictor.WHAT:
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
            deployment = read_deployment(path, data)
            inputs.deployments[name] = deployment
            outcomes = deployment.outcomes.items()
            inputs.outcomes.update({f"{name}, {target}": each for target, each in outcomes})
        elif isinstance(data, dict) and data.get("kind") in ("run", "steps"):
            read_log(path)
            inputs.logs[name] = path
        else:
            continue
        return True
    return False


def _json_values(content: bytes) -> Iterator[Any]:
    """Yield the file as one value, then its first line: a log's last line may be incomplete."""
    for text in (content, content.split(b"\n", 1)[0]):
        try:
            yield parse_json(text)
        except ValueError:
            continue


def check_out(out: Path, given: Sequence[Path]) -> None:
    """Raise an error where the page cannot be written, or would replace one of its inputs."""
    if not out.absolute().parent.is_dir():
        raise FileError(f"cannot write {out}: there is no folder {out.parent}; make it first")
    if any(out.resolve() == path.resolve() for path in given):
        raise InputError(f"--out {out} is one of the files to report; name another")
