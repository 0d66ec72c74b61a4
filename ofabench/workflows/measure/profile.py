"""Profiles an ONNX file: where its time goes, operator by operator."""

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.operators.profile import OperatorTime
from bench.protocol.progress import Progress
from ofabench.options.profile import ProbeProfile, ProfileOptions
from ofabench.workflows.measure.measurement_text import milliseconds
from ofabench.workflows.text_table import text_table

if TYPE_CHECKING:
    import pandas as pd

DEFAULTS = ProfileOptions()
LINES = 25  # operators in the text; all are in the frame and the JSON


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelProfile:
    """Time of a model by operator.

    Attributes:
        file: name of the model file.
        operators: in the order of execution.
        runtime: with its version.
    """

    file: str
    operators: tuple[OperatorTime, ...]
    runtime: str

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
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write a picture, a bar an operator in the order of execution, coloured by kind.

        `MissingRuntimeError` where matplotlib is not installed.
        """
        from ofabench.workflows.measure.profile_picture import draw

        draw(self.operators, f"{self.file}, {self.runtime}", Path(path))

    def __str__(self) -> str:
        largest = sorted(self.operators, key=lambda each: -each.ms)[:LINES]
        lines = [f"{self.file} on {self.runtime}: {len(self.operators)} operators", ""]
        lines += text_table([("kind", "count", "ms", "share"), *map(_kind_cells, self.by_kind())])
        lines += ["", f"the {len(largest)} largest operators:"]
        lines += text_table(
            [
                ("operator", "kind", "ms", "share", "outputs"),
                *(
                    (x.name, x.kind, milliseconds(x.ms), f"{x.share:.1%}", x.shapes)
                    for x in largest
                ),
            ]
        )
        lines.append(
            "the profiler takes part of this time: shares hold, latencies are for `measure`"
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"ModelProfile of {self.file}: {len(self.operators)} operators"

    def _repr_html_(self) -> str:
        table: str = self.frame.to_html(max_rows=30)
        return f"<p>{html.escape(repr(self))}</p>{table}"


def profile(
    file: str | os.PathLike[str],
    device: str = "cpu",
    *,
    options: ProfileOptions = DEFAULTS,
) -> ModelProfile:
    """Profile an ONNX file on this machine's processor, in a fresh process.

    Args:
        file: its path.
        device: `cpu`; other devices have no profiler here yet.
        options: inputs, threads and how many inferences count.

    Returns:
        The time of each operator, as a table and as a picture.

    Raises:
        InputError: the file is no ONNX file, the device another one, or an input lacks a shape.
        FileError: the file cannot be read or run.
        DeviceError: the device is busy, or is measured by another process.

    Example:
        >>> profile("net.tflite")
        Traceback (most recent call last):
        bench.errors.InputError: net.tflite is no ONNX file: only these are profiled
    """
    from bench.backends.registry import get_backend
    from ofabench.launcher import launch
    from ofabench.workflows.devices import device_in, measuring_alone

    path = Path(file)
    if path.suffix.lower() != ".onnx":
        raise InputError(f"{path} is no ONNX file: only these are profiled")
    if device != "cpu":
        raise InputError(f"the device is {device}: only cpu is profiled")
    with device_in(device) as opened, measuring_alone(opened):
        if not options.force:
            opened.check_quiet()
        request = ProbeProfile(
            file=path,
            shape=options.shape,
            batch=options.batch,
            inputs=options.inputs,
            threads=options.threads,
            cores=opened.choose_cores(options.threads, options.cores),
            runs=options.runs,
        )
        rows: Sequence[dict[str, Any]] = launch(profile_part, request)["operators"]
    return ModelProfile(
        file=path.name,
        operators=tuple(OperatorTime(**row) for row in rows),
        runtime=f"onnxruntime {get_backend('onnx').version()}",
    )


def profile_part(request: ProbeProfile, progress: Progress) -> dict[str, Any]:
    """Profile a model in this process; its operators as JSON."""
    from bench.devices.cpu.local import pinned
    from bench.operators.profile import profile_onnx
    from ofabench.workflows.measure.model_files import read_model
    from ofabench.workflows.measure.operators import input_values

    del progress
    model = read_model(request.file, request.file.name, request)
    with pinned(request.cores):
        values = input_values(model, request.threads)
        times = profile_onnx(str(model.path), values, threads=request.threads, runs=request.runs)
    return {"operators": [each.to_json() for each in times]}


def _kind_cells(row: tuple[str, int, float, float]) -> tuple[str, ...]:
    kind, count, ms, share = row
    return kind, str(count), milliseconds(ms), f"{share:.1%}"
