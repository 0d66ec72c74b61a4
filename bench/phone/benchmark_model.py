"""The second runner: TensorFlow's `benchmark_model`, which the user brings, built for the phone.

It reaches what the bundle's C library cannot: GPU and NNAPI drivers. Its protocol is weaker. Each
visit is a process of its own, which finds nothing in the caches; it prints no single call but the
first one's time and a mean. So of a visit's samples the first is the first call after the warm-up,
and each later one is the mean of the others.
"""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.adb.content import push_missing
from bench.backends.base import Backend
from bench.devices.base import Facts, LoadPlan, PassResult, Workload
from bench.errors import DeviceError, DeviceLostError
from bench.files import read_bytes
from bench.phone.benchmark_output import BenchmarkOutput, parse_output, refused, taken_whole
from bench.phone.connection import Connection
from bench.phone.cores import mask_of
from bench.phone.phone import Phone
from bench.phone.preparing import changes_for
from bench.phone.settings import WORK, changed, error_line
from bench.spec import Target

FOLDER, PROGRAM = f"{WORK}/benchmark", "benchmark_model"
DELEGATES = {"xnnpack": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI"}  # as it names them
VISIT_S = 300.0
SIGNALLED = 128


def version_of(binary: Path) -> str:
    """Name the program by its content: it does not tell a version."""
    return f"{PROGRAM}-{hashlib.sha256(read_bytes(binary)).hexdigest()[:12]}"


def arguments(model: str, target: Target, delegate: str, calls: int) -> list[str]:
    """Words that make it visit a model: one warm-up, then `calls` inferences."""
    half = "true" if target.precision == "fp16" else "false"
    words = [
        f"--graph={model}",
        f"--num_threads={target.threads}",
        f"--num_runs={calls}",
        "--min_secs=0",
        "--warmup_runs=1",
        "--warmup_min_secs=0",
        f"--use_xnnpack={'true' if delegate == 'xnnpack' else 'false'}",
    ]
    if delegate == "gpu":
        words += ["--use_gpu=true", f"--gpu_precision_loss_allowed={half}"]
    elif delegate == "nnapi":
        words += ["--use_nnapi=true", f"--nnapi_allow_fp16={half}"]
    elif half == "true":
        words.append("--xnnpack_force_fp16=true")
    return words


def samples_of(output: BenchmarkOutput, calls: int) -> NDArray[np.float64]:
    """Times of a visit's calls in ns: the first, and the mean of the others for each of those."""
    if output.runs == 1 or calls == 1:
        return np.full(calls, output.avg_us * 1e3)
    others_us = (output.avg_us * output.runs - output.first_us) / (output.runs - 1)
    if others_us <= 0:
        raise DeviceError("benchmark_model says that its first call took longer than all of them")
    return np.array([output.first_us, *[others_us] * (calls - 1)]) * 1e3


@dataclass(kw_only=True)
class BenchmarkLoads:
    """Runs loads by starting the program once a visit."""

    phone: Phone
    binary: Path
    delegate: str
    _whole: int = field(default=0, init=False)

    def run(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """As `Device.run_load`."""
        phone = self.phone
        connection = phone.ready()
        program = frozenset({PROGRAM})
        push_missing(connection, FOLDER, {PROGRAM: self.binary}, executable=program)
        paths, _ = phone.shelf.place(connection, work, backend, target.batch)
        rng = np.random.default_rng(plan.seed)
        with changed(connection, changes_for(phone, connection, target), phone.session, phone.tell):
            for _ in range(plan.passes):
                order = rng.permutation(len(work))
                samples_ns = np.empty((len(work), plan.calls))
                self._whole = 0
                for place in order.tolist():
                    output = self._visit(connection, f"{WORK}/{paths[place]}", target, plan.calls)
                    samples_ns[place] = samples_of(output, plan.calls)
                facts: Facts = {
                    "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "whole_graphs_share": self._whole / len(work),
                    "samples": "first call, then the mean of the others",
                }
                yield PassResult(samples_ns=samples_ns, order=order, facts=facts)

    def _visit(
        self, connection: Connection, model: str, target: Target, calls: int
    ) -> BenchmarkOutput:
        words = [f"{FOLDER}/{PROGRAM}", *arguments(model, target, self.delegate, calls)]
        mask = mask_of(target.cores)
        if mask != "0":
            words = ["taskset", mask, *words]
        done = connection.run(words, timeout_s=VISIT_S)
        text = (done.out + b"\n" + done.err).decode("utf-8", "replace")
        if done.status > SIGNALLED:
            raise DeviceLostError(f"benchmark_model was ended by signal {done.status - SIGNALLED}")
        name = DELEGATES[self.delegate]
        if why := refused(text, name):
            raise DeviceError(f"delegate {self.delegate} does not run this model: {why[:200]}")
        if done.status != 0:
            said = error_line(done.err or done.out)
            raise DeviceError(f"benchmark_model ended with status {done.status}: {said}")
        self._whole += taken_whole(text, name)
        return parse_output(text)
