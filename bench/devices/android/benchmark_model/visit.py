"""One burst by `benchmark_model`: its command line, and the meaning of its exit.

It prints no call's time but the first one's, and a mean. So of a visit's samples the first is the
first call after the warm-up, and each later one is the mean of the others. Its clock has whole
microseconds: a call of 50 us is known to 2 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.devices.android.adb.shell import Completed
from bench.devices.android.benchmark_model.delegate import Delegation, delegation, refusal
from bench.devices.android.benchmark_model.output import BenchmarkOutput, parse_output
from bench.devices.android.facts.cores import mask_of
from bench.devices.android.phone.settings_guard import error_line
from bench.errors import DeviceError, DeviceLostError
from bench.protocol.target import Target

SIGNALLED = 128
ENDED_FROM_OUTSIDE = (1, 2, 9, 13, 15)  # HUP, INT, KILL, PIPE, TERM: no fault of the program's


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchmarkBurst:
    """What a visit gave: the time of each call in ns, and what the delegate did."""

    samples_ns: NDArray[np.float64]
    delegation: Delegation


def words(program: str, model: str, target: Target, delegate: str, calls: int) -> list[str]:
    """Start it on the target's cores: one warm-up, then `calls` inferences."""
    mask = mask_of(target.cores)
    pinned = [] if mask == "0" else ["taskset", mask]
    return [*pinned, program, *arguments(model, target, delegate, calls)]


def arguments(model: str, target: Target, delegate: str, calls: int) -> list[str]:
    """Its options. What is off by default is told all the same, defaults having changed."""
    half = "true" if target.precision == "fp16" else "false"
    options = [
        f"--graph={model}",
        f"--num_threads={target.threads}",
        f"--num_runs={calls}",
        "--min_secs=0",
        "--warmup_runs=1",
        "--warmup_min_secs=0",
        f"--use_xnnpack={'true' if delegate == 'xnnpack' else 'false'}",
    ]
    if delegate == "gpu":
        options += ["--use_gpu=true", f"--gpu_precision_loss_allowed={half}"]
    elif delegate == "nnapi":
        # NNAPI has an implementation for the processor, which is no accelerator's time.
        options += ["--use_nnapi=true", "--disable_nnapi_cpu=true", f"--nnapi_allow_fp16={half}"]
    elif half == "true":
        options.append("--xnnpack_force_fp16=true")
    return options


def judged(done: Completed, delegate: str, calls: int) -> BenchmarkBurst:
    """What the program gave, where it did what it was started for.

    `DeviceLostError` where it was ended from outside; `DeviceError` where the delegate did not
    take the model, where the program failed, or where its output is not to be understood.
    """
    text = "".join(_ended(part) for part in (done.out, done.err))
    if why := refusal(text, delegate):
        raise DeviceError(f"delegate {delegate} does not run this model: {why[:300]}")
    if done.status > SIGNALLED:
        signal, said = done.status - SIGNALLED, error_line(done.err)
        if signal in ENDED_FROM_OUTSIDE:
            raise DeviceLostError(f"benchmark_model was ended by signal {signal}")
        raise DeviceError(f"benchmark_model crashed by signal {signal}: {said}")
    if done.status != 0:
        said = error_line(done.err or done.out)
        raise DeviceError(f"benchmark_model ended with status {done.status}: {said}")
    output = parse_output(text)
    if output.runs.count != calls:
        raise DeviceError(
            f"benchmark_model made {output.runs.count} runs, it was asked for {calls}; "
            "a call takes too long for it, or the program is of another kind"
        )
    return BenchmarkBurst(samples_ns=samples_of(output), delegation=delegation(text, delegate))


def samples_of(output: BenchmarkOutput) -> NDArray[np.float64]:
    """Times of a visit's calls in ns: the first, and the mean of the others for each of those."""
    runs = output.runs
    others = runs.count - 1
    others_us = (runs.avg_us * runs.count - runs.first_us) / others if others else runs.avg_us
    if min(runs.first_us, others_us) <= 0:
        raise DeviceError(
            "a call takes less than the microsecond that is the least benchmark_model can tell; "
            "measure so small a model by ofabench's own runner"
        )
    return np.array([runs.first_us, *[others_us] * others]) * 1e3


def _ended(part: bytes) -> str:
    """Whole lines of a stream: a cut one must not run into the next stream's first."""
    text = part.decode("utf-8", "replace")
    return text[: text.rfind("\n") + 1]
