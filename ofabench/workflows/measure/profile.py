"""Profiles a model file: where its time goes, operator by operator."""

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.models.model_file import BACKEND_OF_SUFFIX
from bench.operators.profile import ModelProfiler, OperatorProfile, OperatorTime
from bench.operators.registry import OPERATOR_FILES, OPERATOR_TOOLS, tools_of
from bench.protocol.device import Device
from bench.protocol.progress import Progress
from ofabench.options.profile import ProbeProfile, ProfileOptions
from ofabench.workflows.measure.measurement_text import milliseconds
from ofabench.workflows.measure.operator_group import OperatorGroup, group_lines
from ofabench.workflows.text_table import text_table

if TYPE_CHECKING:
    import pandas as pd

    from ofabench.workflows.devices import DeviceLike

DEFAULTS = ProfileOptions()
DEVICE_NOTE = "inputs were zero, and the profiler takes part of this time"
LINES = 25  # operators in the text; all are in the frame and the JSON
NAME_CHARACTERS = 60  # of an operator in the text: converters join the names of what they fuse


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelProfile:
    """Time of a model by operator.

    Attributes:
        file: name of the model file.
        operators: in the order of execution.
        runtime: with its version.
        uncut: kinds of operators that have no time here, with how often the model has each.
        note: how far the times are those of the model.
    """

    file: str
    operators: tuple[OperatorTime, ...]
    runtime: str
    uncut: Mapping[str, int]
    note: str

    @property
    def frame(self) -> "pd.DataFrame":
        """A row an operator; the columns are the fields of `OperatorTime`."""
        import pandas as pd

        columns = [field.name for field in fields(OperatorTime)]
        return pd.DataFrame([each.to_json() for each in self.operators], columns=columns)

    def by_kind(self) -> list[tuple[str, int, float, float]]:
        """Return kind, count, time in ms and share of each kind of operator, largest first."""
        kinds: dict[str, list[OperatorTime]] = {}
        for each in self.operators:
            kinds.setdefault(each.kind, []).append(each)
        rows = [
            (kind, len(each), sum(x.ms for x in each), sum(x.share for x in each))
            for kind, each in kinds.items()
        ]
        return sorted(rows, key=lambda row: -row[2])

    @property
    def in_float(self) -> OperatorGroup | None:
        """The operators of a quantised file that compute on floats; None of other files."""
        return OperatorGroup.in_float(self.operators)

    @property
    def outside_delegate(self) -> OperatorGroup | None:
        """The operators that XNNPACK does not run; None where the runtime has no delegate."""
        return OperatorGroup.outside_delegate(self.operators)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "file": self.file,
            "runtime": self.runtime,
            "operators": [each.to_json() for each in self.operators],
            "kinds": [
                {"kind": kind, "count": count, "ms": ms, "share": share}
                for kind, count, ms, share in self.by_kind()
            ],
            "uncut_kinds": dict(self.uncut),
            "in_float": self.in_float and self.in_float.to_json(),
            "outside_delegate": self.outside_delegate and self.outside_delegate.to_json(),
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write a picture, a bar an operator in the order of execution, coloured by kind.

        `MissingRuntimeError` where matplotlib is not installed.
        """
        from ofabench.workflows.measure.profile_picture import draw

        draw(self.operators, f"{self.file}, {self.runtime}", Path(path))

    def __str__(self) -> str:
        largest = sorted(self.operators, key=lambda each: -each.ms)[:LINES]
        lines = [f"{self.file} on {self.runtime}: {len(self.operators)} operators"]
        lines += [*group_lines(self.in_float, self.outside_delegate), ""]
        lines += text_table([("kind", "count", "ms", "share"), *map(_kind_cells, self.by_kind())])
        lines += ["", f"the {len(largest)} largest operators:"]
        columns = ("operator", "kind", "ms", "share", "outputs", "precision", "delegated")
        used = len(columns) if self.outside_delegate else len(columns) - 1
        lines += text_table([columns[:used], *(_cells(each)[:used] for each in largest)])
        lines += [
            f"{kind} ({count} times) cannot be timed by itself and is not in the sum"
            for kind, count in self.uncut.items()
        ]
        lines.append(f"{self.note}: shares hold, latencies are for `measure`")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"ModelProfile of {self.file}: {len(self.operators)} operators"

    def _repr_html_(self) -> str:
        table: str = self.frame.to_html(max_rows=30)
        return f"<p>{html.escape(repr(self))}</p>{table}"


def profile(
    file: str | os.PathLike[str],
    device: "DeviceLike" = "cpu",
    *,
    options: ProfileOptions = DEFAULTS,
) -> ModelProfile:
    """Profile an ONNX or TFLite file, on this machine's processor in a fresh process.

    onnxruntime's profiler times the operators inside the model. LiteRT's is not reachable from
    Python: each operator is timed by itself there, in the order of the model. On phones and boards
    it is that of the runner's LiteRT, with inputs of zero; with `remote_python` it is as here.

    Args:
        file: its path.
        device: `cpu`; or a phone or board such as `adb:SERIAL`, where `cores` and `runs` have no
            effect: an address, an open device, or `DeviceOptions`.
        options: inputs, threads and how many inferences count.

    Returns:
        The time of each operator, as a table and as a picture.

    Raises:
        InputError: the file is neither, the device another one, or an input lacks a shape.
        FileError: the file cannot be read or run.
        DeviceError: the device is busy, or is measured by another process.

    Example:
        >>> profile("net.pb")
        Traceback (most recent call last):
        bench.errors.InputError: net.pb is no ONNX or TFLite file: only these are profiled
    """
    from bench.backends.registry import get_backend
    from ofabench.workflows.devices import device_in, measuring_alone, waits

    path = Path(file)
    backend = BACKEND_OF_SUFFIX.get(path.suffix.lower(), "")
    tools = OPERATOR_TOOLS.get(backend)
    if tools is None:
        raise InputError(f"{path} is no {OPERATOR_FILES} file: only these are profiled")
    with device_in(device) as opened:
        if opened.address != "cpu" and not isinstance(opened, ModelProfiler):
            raise InputError(
                f"the device is {opened.address}: only processors are profiled: cpu, phones, "
                "machines over SSH"
            )
        version = opened.runtime_version(get_backend(backend))
        with measuring_alone(opened, wait=waits(device)):
            if not options.force:
                opened.check_quiet()
            if isinstance(opened, ModelProfiler):
                result = _on_device(opened, path, options)
                note = result.note or DEVICE_NOTE
            else:
                result, note = _on_processor(opened, path, options), tools.profile_note
    return ModelProfile(
        file=path.name,
        operators=result.operators,
        runtime=f"{tools.runtime}{version}",
        uncut=result.uncut,
        note=note,
    )


def _on_device(device: ModelProfiler, path: Path, options: ProfileOptions) -> OperatorProfile:
    """Profile a file by the device's own runtime."""
    from ofabench.workflows.measure.model_files import check_input_names, read_model

    model = read_model(path, path.name, options)
    check_input_names([model], options)
    return device.profile_model_file(model, options.threads)


def _on_processor(device: Device, path: Path, options: ProfileOptions) -> OperatorProfile:
    """Profile a file on this machine's processor, in a fresh process."""
    from ofabench.launcher import launch

    request = ProbeProfile(
        file=path,
        shape=options.shape,
        batch=options.batch,
        inputs=options.inputs,
        threads=options.threads,
        cores=device.choose_cores(options.threads, options.cores),
        runs=options.runs,
    )
    part: dict[str, Any] = launch(profile_part, request)
    operators = tuple(OperatorTime(**row) for row in part["operators"])
    return OperatorProfile(operators=operators, uncut=part["uncut"])


def profile_part(request: ProbeProfile, progress: Progress) -> dict[str, Any]:
    """Profile a model in this process; its operators as JSON."""
    from bench.devices.cpu.local import pinned
    from ofabench.workflows.measure.model_files import check_input_names, read_model

    del progress
    model = read_model(request.file, request.file.name, request)
    check_input_names([model], request)
    with pinned(request.cores):
        result = tools_of(model.backend).profile(model, request.threads, request.runs)
    return {
        "operators": [each.to_json() for each in result.operators],
        "uncut": dict(result.uncut),
    }


def _end(name: str) -> str:
    """Return a name, or its end where it is long."""
    return name if len(name) <= NAME_CHARACTERS else f"...{name[3 - NAME_CHARACTERS :]}"


def _cells(each: OperatorTime) -> tuple[str, ...]:
    return (
        _end(each.name),
        each.kind,
        milliseconds(each.ms),
        f"{each.share:.1%}",
        each.shapes,
        each.precision,
        "yes" if each.delegated else "no",
    )


def _kind_cells(row: tuple[str, int, float, float]) -> tuple[str, ...]:
    kind, count, ms, share = row
    return kind, str(count), milliseconds(ms), f"{share:.1%}"
