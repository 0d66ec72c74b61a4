"""One burst by `benchmark_model`: its command line, and the meaning of its exit.

It prints only the first inference's time and a mean. So a burst's first sample is the first
inference after the warm-up, and each later one is the mean of the others. Its clock counts whole
microseconds: 50 us are known to 2 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.devices.android.benchmark_model.delegate import Delegation, delegation, refusal
from bench.devices.android.benchmark_model.output import BenchmarkOutput, parse_output
from bench.devices.remote.connection import CommandResult, error_line
from bench.devices.remote.facts.cores import mask_of
from bench.errors import DeviceError, DeviceLostError
from bench.protocol.target import Target

SIGNALLED = 128
ENDED_FROM_OUTSIDE = (1, 2, 9, 13, 15)  # HUP, INT, KILL, PIPE, TERM: not an error of the program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchmarkBurst:
    """Result of a burst: the time of each sample in ns, and the delegate's work."""

    samples_ns: NDArray[np.float64]
    delegation: Delegation


def words(program: str, model: str, target: Target, delegate: str, calls: int) -> list[str]:
    """Return the command on the target's cores: one warm-up, then `calls` inferences."""
    mask = mask_of(target.cores)
    pinned = [] if mask == "0" else ["taskset", mask]
    return [*pinned, program, *arguments(model, target, delegate, calls)]


def arguments(model: str, target: Target, delegate: str, calls: int) -> list[str]:
    """Return its options. Defaults are given too, because they changed between versions."""
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
        # NNAPI has an implementation for the processor, which is not an accelerator's time.
        options += ["--use_nnapi=true", "--disable_nnapi_cpu=true", f"--nnapi_allow_fp16={half}"]
    elif half == "true":
        options.append("--xnnpack_force_fp16=true")
    return options


def judged(completed: CommandResult, delegate: str, calls: int) -> BenchmarkBurst:
    """Return the program's result if it did what it was started for.

    Raises `DeviceLostError` if it was ended from outside; `DeviceError` if the delegate did not
    take the model, the program failed, or its output cannot be parsed.
    """
    text = "".join(_ended(part) for part in (completed.out, completed.err))
    if reason := refusal(text, delegate):
        raise DeviceError(f"delegate {delegate} does not run this model: {reason[:300]}")
    if completed.status > SIGNALLED:
        signal, message = completed.status - SIGNALLED, error_line(completed.err)
        if signal in ENDED_FROM_OUTSIDE:
            raise DeviceLostError(f"benchmark_model was ended by signal {signal}")
        raise DeviceError(f"benchmark_model crashed by signal {signal}: {message}")
    if completed.status != 0:
        message = error_line(completed.err or completed.out)
        raise DeviceError(f"benchmark_model ended with status {completed.status}: {message}")
    output = parse_output(text)
    if output.runs.count != calls:
        raise DeviceError(
            f"benchmark_model made {output.runs.count} runs, expected {calls}; "
            "an inference takes too long for it, or it is another program"
        )
    return BenchmarkBurst(samples_ns=samples_of(output), delegation=delegation(text, delegate))


def samples_of(output: BenchmarkOutput) -> NDArray[np.float64]:
    """Return a burst's samples in ns: the first, and the mean of the others for each of them."""
    runs = output.runs
    others = runs.count - 1
    others_us = (runs.avg_us * runs.count - runs.first_us) / others if others else runs.avg_us
    if min(runs.first_us, others_us) <= 0:
        raise DeviceError(
            "an inference takes less than 1 us, the resolution of benchmark_model; "
            "measure such a small model with ofabench's own runner"
        )
    return np.array([runs.first_us, *[others_us] * others]) * 1e3


def _ended(part: bytes) -> str:
    """Return a stream's complete lines: a truncated one must not join the next stream."""
    text = part.decode("utf-8", "replace")
    return text[: text.rfind("\n") + 1]
