"""`measure` on every member of a fleet: the same model files on each."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.notebook.html_table import rows_html
from bench.protocol.progress import Progress
from ofabench.options.fleet import FleetMember
from ofabench.options.measure import MeasureRequest
from ofabench.workflows.fleet.common_options import check_common_device, device_of_member
from ofabench.workflows.fleet.fleet_file import FleetLike, fleet_of
from ofabench.workflows.fleet.folder import made_folder, member_file
from ofabench.workflows.fleet.members import MemberRun, run_members
from ofabench.workflows.fleet.outcome import (
    EXIT_FAILED,
    EXIT_FAILED_CHECK,
    NAME_COLUMNS,
    FleetResult,
    MemberOutcome,
    error_words,
    outcomes_of,
)
from ofabench.workflows.fleet.watcher import FleetWatcher
from ofabench.workflows.measure.gate import hold_against
from ofabench.workflows.measure.measure import measure_request
from ofabench.workflows.text_table import text_table

if TYPE_CHECKING:
    import pandas as pd


class FleetMeasurements(FleetResult):
    """Latencies of model files on a fleet: JSON values of each member, or an error.

    `code` is 1 where a limit is not met, 2 where a file could not be measured on a device.
    """

    @property
    def wide(self) -> "pd.DataFrame":
        """`measured_ms`: a row a model (its file's name without suffix), a column a member.

        A member that measured on several backends has a column for each; NaN for what it did not
        measure.
        """
        import pandas as pd

        columns: dict[str, dict[str, float]] = {}
        for member in self.members:
            models = [] if member.result is None else member.result["models"]
            several = len({model["backend"] for model in models}) > 1
            for model in models:
                label = f"{member.name} ({model['backend']})" if several else member.name
                column = columns.setdefault(label, {})
                column[Path(model["file"]).stem] = float(model["measured_ms"])
        return pd.DataFrame(columns, dtype=float).rename_axis("model")

    def lines(self) -> Iterator[str]:
        """Show a row a model and a column a member, in ms; then what failed."""
        rows = self._rows()
        if len(rows) > 1:
            yield from text_table(rows, left={0})
        yield from self._problem_lines()

    def _rows(self) -> list[tuple[str, ...]]:
        """Return headings, and cells for each model."""
        table = self.wide
        filled = table.map(lambda ms: f"{ms:.4g}").where(table.notna(), "-")
        cells = [(str(model), *map(str, values)) for model, *values in filled.itertuples()]
        return [("median ms", *map(str, table.columns)), *cells]

    def _problem_lines(self) -> Iterator[str]:
        for member in self.members:
            for words in _problems(member):
                yield f"{member.name:<{NAME_COLUMNS}} {words}"
        yield from self.incomplete_lines()

    def _repr_html_(self) -> str:
        heads, *rows = self._rows()
        return rows_html(heads, rows, below=self._problem_lines())

    def _values(self, member: MemberOutcome) -> dict[str, Any]:
        return {"file": member.path, "measurements": member.result}


def _problems(member: MemberOutcome) -> Iterator[str]:
    """Return the error of a member, its files that were not measured, and limits not met."""
    if member.result is None:
        yield error_words(member)
        return
    for file, reason in member.result["failures"].items():
        yield f"{file} NOT MEASURED: {reason}"
    yield from member.result["gate"]["failures"]


def measure_fleet(
    request: MeasureRequest, fleet: FleetLike, progress: FleetWatcher | None = None
) -> FleetMeasurements:
    """Measure model files on the members of a fleet, in parallel.

    Args:
        request: the files and how they are measured, without a device. `out`, `keep` and
            `gate.baseline` are folders; each member has NAME.json and NAME.sqlite there, and one
            that `keep` knows is continued. A member's own backend, threads, cores and fp16 come
            first.
        fleet: a fleet, or the path of its file.
        progress: is shown the progress of each member; None shows nothing.

    Returns:
        The latencies or the error of each member.

    Raises:
        InputError: the fleet's file or the request is invalid.
        FileError: a file cannot be read, or a folder cannot be made.

    Example:
        >>> measure_fleet(MeasureRequest(files=("net.onnx",)), "nowhere.toml")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read nowhere.toml: No such file or directory
    """
    # "cpu" is what a request has that names no device.
    check_common_device(request.device, "cpu")
    fleet = fleet_of(fleet)
    requests = {member.name: member_request(member, request) for member in fleet}
    for folder in (request.out, request.keep):
        if folder is not None:
            made_folder(folder)

    def work(run: MemberRun) -> Mapping[str, Any]:
        values: Mapping[str, Any] = run.measure(measure_part, requests[run.member.name])
        return values

    ends = run_members(fleet, work, progress)
    return FleetMeasurements(
        outcomes_of(fleet, ends, {name: each.out for name, each in requests.items()}, _verdict)
    )


def _verdict(result: Mapping[str, Any]) -> int:
    """Return the exit code of a member's measurements, as of `measure`."""
    if result["failures"]:
        return EXIT_FAILED
    return EXIT_FAILED_CHECK if result["gate"]["failures"] else 0


def measure_part(request: MeasureRequest, progress: Progress) -> dict[str, Any]:
    """Measure on one member in a worker process; write its file, and compare with its baseline."""
    measured = measure_request(request, progress, resume_with="the same command")
    if request.out is not None:
        measured.save(request.out)
    return {**measured.to_dict(), "gate": hold_against(measured, request.gate).to_dict()}


def member_request(member: FleetMember, request: MeasureRequest) -> MeasureRequest:
    """Return the measurement of one member."""
    name, options, baseline = member.name, request.measure, request.gate.baseline
    if baseline is not None:
        baseline = member_file(baseline, name, ".json", "--baseline")
    return MeasureRequest(
        files=request.files,
        device=device_of_member(member, request.device),
        backend=request.backend if member.backend is None else (member.backend,),
        measure=replace(
            options,
            threads=member.threads or options.threads,
            cores=member.cores or options.cores,
            precision="fp16" if member.precision == "fp16" else options.precision,
        ),
        gate=replace(request.gate, baseline=baseline),
        keep=None if request.keep is None else request.keep / f"{name}.sqlite",
        resume=request.keep is not None,
        out=None if request.out is None else request.out / f"{name}.json",
    )
