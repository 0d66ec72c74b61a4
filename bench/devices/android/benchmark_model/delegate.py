"""Delegate messages of `benchmark_model`: whether the delegate runs the whole model.

The texts are those of tensorflow/lite/tools/benchmark/benchmark_tflite_model.cc and of the
providers in tensorflow/lite/tools/delegates. Old versions ("Applied GPU delegate.") do not say how
much of a model a delegate runs, so their measurements with one are not used.
"""

import re
from dataclasses import dataclass

from bench.devices.android.benchmark_model.output import ended_lines
from bench.errors import DeviceError

NAMES = {"xnnpack": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI"}  # as the program names them
_APPLIED = r"(?:Explicitly applied|Applied) {} delegate, and the model graph will be (\w+) executed"
_UNTAKEN = r"Though {} delegate is explicitly applied, the model graph will not be executed"
_REFUSALS = (
    _UNTAKEN,
    r"Failed to apply {} delegate",
    r"{} acceleration is unsupported",
)
_FULL = "Disallowed CPU fallback detected"
_UNKNOWN = re.compile(r"Unconsumed cmdline flags: (.*)")
_API = re.compile(r"Initialized (OpenCL|OpenGL)-based API\.?")
_REASON = re.compile(r"ERROR: (.+)")
# A program that does not know these behaves as they require anyway.
_HARMLESS = ("--use_xnnpack=false", "--nnapi_allow_fp16=false", "--min_secs=0", "--warmup_min_secs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Work of the delegate; `api` is OpenCL or OpenGL if a GPU delegate reported it."""

    whole: bool  # every operator, in one kernel
    api: str | None = None


def refusal(text: str, delegate: str) -> str:
    """Return the program's message that the delegate did not take the model; "" if it did."""
    name = NAMES[delegate]
    lines = ended_lines(text)
    patterns = [re.compile(pattern.format(name)) for pattern in _REFUSALS]
    messages = [
        line for line in lines if _FULL in line or any(pattern.match(line) for pattern in patterns)
    ]
    if not messages:
        return ""
    raw = (line.rstrip() for line in text.split("\n"))
    reasons = [match[1] for line in raw if (match := _REASON.fullmatch(line))]
    details = [reason for reason in reasons if reason not in messages][:1]
    return " ".join([messages[0], *details])


def delegation(text: str, delegate: str) -> Delegation:
    """Return the work of the delegate; `DeviceError` if unknown, or for an unknown option.

    Call it only if `refusal` returns "".
    """
    lines = ended_lines(text)
    for line in lines:
        if match := _UNKNOWN.fullmatch(line):
            flags = [flag for flag in match[1].split() if not flag.startswith(_HARMLESS)]
            if flags:
                raise DeviceError(
                    f"this benchmark_model does not know {' '.join(flags)[:200]}, and would "
                    "measure something else: use a newer one"
                )
    applied = re.compile(_APPLIED.format(NAMES[delegate]))
    extents = {match[1] for line in lines if (match := applied.match(line))}
    if extents not in ({"completely"}, {"partially"}):
        raise DeviceError(
            f"this benchmark_model does not say how much of a model its delegate {delegate} "
            "took: use one of TensorFlow 2.4 or newer, built with that delegate"
        )
    apis = [match[1] for line in lines if (match := _API.match(line))]
    return Delegation(whole=extents == {"completely"}, api=apis[-1] if apis else None)
