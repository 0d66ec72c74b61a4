"""How model files are taken apart, by backend; importing this module imports no runtime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.operators.cut import CutModel
from bench.operators.profile import OperatorProfile

PROFILED_INSIDE = "the profiler takes part of this time"
TIMED_ALONE = "each operator was timed by itself, in the order of the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTools:
    """What a backend knows about the operators of its model files on this machine's processor.

    Attributes:
        files: what its model files are called.
        runtime: what stands before the backend's version where a runtime is named.
        cut: returns the operators of a file as the runtime executes it with so many threads.
        profile: returns the time of each operator with so many threads, over so many inferences.
        profile_note: how far these times are those of the model.
    """

    files: str
    runtime: str
    cut: Callable[[ModelFile, int], CutModel]
    profile: Callable[[ModelFile, int, int], OperatorProfile]
    profile_note: str


def tools_of(backend: str) -> OperatorTools:
    """Return the tools of a backend; `InputError` where it has none."""
    if backend not in OPERATOR_TOOLS:
        raise InputError(
            f"the backend is {backend}, expected {' or '.join(OPERATOR_TOOLS)}: operators are "
            f"known of {OPERATOR_FILES} files alone"
        )
    return OPERATOR_TOOLS[backend]


def _cut_onnx(file: ModelFile, threads: int) -> CutModel:
    from bench.operators.cut import cut
    from bench.operators.graph import executed_graph

    return cut(executed_graph(file.source, _onnx_inputs(file, threads), threads))


def _profile_onnx(file: ModelFile, threads: int, runs: int) -> OperatorProfile:
    from bench.operators.profile import profile_onnx

    inputs = _onnx_inputs(file, threads)
    return OperatorProfile(
        operators=profile_onnx(file.source, inputs, threads=threads, runs=runs), uncut={}
    )


def _onnx_inputs(file: ModelFile, threads: int) -> Mapping[str, Any]:
    """Return the values of an ONNX file's inputs: those given with it, or random ones."""
    from bench.backends.onnx_backend import OnnxBackend
    from bench.backends.onnx_file_model import session_inputs

    OnnxBackend().version()
    return file.input_values(session_inputs(file, threads))


def _cut_tflite(file: ModelFile, threads: int) -> CutModel:
    from bench.operators.tflite_cut import cut_tflite
    from bench.operators.tflite_graph import tflite_graph

    return cut_tflite(tflite_graph(file, threads))


def _profile_tflite(file: ModelFile, threads: int, runs: int) -> OperatorProfile:
    from bench.operators.tflite_profile import profile_tflite

    return profile_tflite(file, threads, runs)


OPERATOR_TOOLS: Mapping[str, OperatorTools] = {
    "onnx": OperatorTools(
        files="ONNX",
        runtime="onnxruntime ",
        cut=_cut_onnx,
        profile=_profile_onnx,
        profile_note=PROFILED_INSIDE,
    ),
    "tflite": OperatorTools(
        files="TFLite",
        runtime="",
        cut=_cut_tflite,
        profile=_profile_tflite,
        profile_note=TIMED_ALONE,
    ),
}
OPERATOR_FILES = " or ".join(tools.files for tools in OPERATOR_TOOLS.values())
