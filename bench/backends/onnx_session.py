"""Sessions of onnxruntime on this machine's processor."""

import re
from typing import Any

from bench.errors import FileError, one_line

# What stands before the reason: onnxruntime's code of the error, the path of the file (the caller
# names it), and a file of onnxruntime's source with a line and a function.
_BEFORE_THE_REASON = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .*? failed: ?"
    r"|/onnxruntime_src/\S+:\d+ [^\n]*?\) (?=[A-Z])"
)


def session_options(threads: int, *, optimise: bool = True) -> Any:
    """Return the options of a session: every optimisation of the graph, or none."""
    import onnxruntime

    level = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    options.log_severity_level = 3
    # Threads of one model must not keep spinning while the next model runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def open_session(
    content: bytes | str, threads: int, *, optimise: bool = True, options: Any = None
) -> Any:
    """Return a session of a model by path or content; `FileError` where it cannot be loaded."""
    import onnxruntime

    options = options or session_options(threads, optimise=optimise)
    try:
        # Without the fallback, which prints to stdout and then tries the same again.
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except refusals() as error:
        raise FileError(f"not an ONNX file that onnxruntime can run: {reason(error)}") from error
    # The session would keep the file for a change of providers, which never happens.
    session._model_bytes = None
    return session


def reason(error: Exception) -> str:
    """Return why onnxruntime refuses a model, in one line: no path, no places in its source."""
    return one_line(Exception(_BEFORE_THE_REASON.sub("", str(error))))


def refusals() -> tuple[type[Exception], ...]:
    """Return the exceptions that onnxruntime raises for a model that it cannot load or run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.Fail,
        state.EPFail,
        state.NotImplemented,
        state.RuntimeException,
        state.NoSuchFile,
        UnicodeDecodeError,  # a message that quotes a damaged name
    )
