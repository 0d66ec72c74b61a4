"""What `benchmark_model` prints about its delegate: whether it took the whole model.

Sentences are those of tensorflow/lite/tools/benchmark/benchmark_tflite_model.cc and of the
providers in tensorflow/lite/tools/delegates. Old versions ("Applied GPU delegate.") do not say how
much of a model a delegate took, so nothing that they measured with one is to be relied on.
"""

import re
from dataclasses import dataclass

from bench.devices.android.benchmark_model.output import ended_lines
from bench.errors import DeviceError

NAMES = {"xnnpack": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI"}  # as the program has them
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
# Where a program does not know these, it does what they ask for in any case.
_HARMLESS = ("--use_xnnpack=false", "--nnapi_allow_fp16=false", "--min_secs=0", "--warmup_min_secs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """What the delegate did; `api` is OpenCL or OpenGL where a GPU delegate told it."""

    whole: bool  # every operator, by one kernel
    api: str | None = None


def refusal(text: str, delegate: str) -> str:
    """Say in the program's words that the delegate did not take the model; "" where it did not."""
    name = NAMES[delegate]
    lines = ended_lines(text)
    patterns = [re.compile(pattern.format(name)) for pattern in _REFUSALS]
    told = [line for line in lines if _FULL in line or any(p.match(line) for p in patterns)]
    if not told:
        return ""
    raw = (line.rstrip() for line in text.split("\n"))
    reasons = [match[1] for line in raw if (match := _REASON.fullmatch(line))]
    more = [reason for reason in reasons if reason not in told][:1]
    return " ".join([told[0], *more])


def delegation(text: str, delegate: str) -> Delegation:
    """Read what the delegate did; `DeviceError` where that is not told, or an option was unknown.

    To be asked where `refusal` finds none.
    """
    lines = ended_lines(text)
    for line in lines:
        if match := _UNKNOWN.fullmatch(line):
            flags = [one for one in match[1].split() if not one.startswith(_HARMLESS)]
            if flags:
                raise DeviceError(
                    f"this benchmark_model does not know {' '.join(flags)[:200]}, and would "
                    "measure something else: bring a newer one"
                )
    applied = re.compile(_APPLIED.format(NAMES[delegate]))
    told = {match[1] for line in lines if (match := applied.match(line))}
    if told not in ({"completely"}, {"partially"}):
        raise DeviceError(
            f"this benchmark_model does not say how much of a model its delegate {delegate} "
            "took: bring one of TensorFlow 2.4 or newer, built with that delegate"
        )
    apis = [match[1] for line in lines if (match := _API.match(line))]
    return Delegation(whole=told == {"completely"}, api=apis[-1] if apis else None)
