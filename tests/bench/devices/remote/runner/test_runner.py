"""The on-phone runner, built for this machine: measurements, and refused jobs.

The same program for arm64 runs under qemu, where that is installed.
"""

import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.devices.remote.facts.temperatures import parse_zones
from bench.devices.remote.replicates.inference import ends_of
from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.devices.remote.runner.runner_protocol import (
    Event,
    Job,
    ModelLoaded,
    RoundEnded,
    RunnerEnded,
    RunnerFailed,
    RunnerReady,
    RunnerStarted,
    parse_line,
)
from bench.errors import MissingRuntimeError, OfabenchError
from bench.protocol.target import Target
from tests.support.phone_texts import QUALCOMM_ZONES, zones

SPECS = (
    BlockSpec.parse("mbconv-14x16-m48-o16-k3-s1-hswish-se8-r1"),
    BlockSpec.parse("stem-16x3-m0-o8-k3-s2-relu-se0-r0"),
    BlockSpec.parse("classifier-1x64-m0-o10-k1-s1-none-se0-r0"),
)
TARGET = Target(device="here", backend="tflite", backend_version="")
ARM_CPU = """processor\t: 0
BogoMIPS\t: 38.40
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1
"""


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the runner is built for tests on Linux on x86-64 alone")
    try:
        return ensure_bundle("x86_64")
    except MissingRuntimeError as error:
        pytest.skip(f"no runner here: {error}")


@pytest.fixture
def models(tmp_path: Path) -> list[Model]:
    """Models, and their files `m0.tflite`, `m1.tflite`, ... in the test's folder."""
    backend = get_backend("tflite")
    models = [random_model((spec,), seed=1) for spec in SPECS]
    for number, model in enumerate(models):
        (tmp_path / f"m{number}.tflite").write_bytes(backend.serialise(model))

    return models


def job_of(*names: str, calls: int = 3, threads: int = 1, cores: str = "0") -> Job:
    return Job(threads=threads, cores=cores, fp16=False, samples=calls, seed=7, models=names)


def run(bundle: Bundle, job: Job | str, folder: Path, data: bytes) -> tuple[int, list[Event]]:
    """Run a job in `folder`; return its exit status and events. Every line must be complete."""
    text = job if isinstance(job, str) else job.text()
    (folder / "job").write_text(text)
    completed = subprocess.run(
        [*bundle.start, str(folder / "job")],
        cwd=bundle.folder,
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )
    events = [parse_line(line) for line in completed.stdout.splitlines(keepends=True)]
    return completed.returncode, [event for event in events if event is not None]


def infer(
    command: list[str], model: Model, file: Path, folder: Path, cwd: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs of the runner and of this machine's backend for the same image."""
    images = np.random.default_rng(3).standard_normal((1, *model.input_shape), dtype=np.float32)
    np.ascontiguousarray(images.transpose(0, 2, 3, 1)).tofile(folder / "in.bin")
    arguments = ["--infer", str(file), str(folder / "in.bin"), str(folder / "out.bin")]
    subprocess.run([*command, *arguments], cwd=cwd, check=True, capture_output=True, timeout=120)
    expected = get_backend("tflite").load_file(file.read_bytes(), TARGET).infer(images)
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    return np.fromfile(folder / "out.bin", dtype=np.float32), expected.ravel()


def test_a_round_measures_every_workload_once_in_a_new_order(
    bundle: Bundle, models: list[Model], tmp_path: Path
) -> None:
    names = ["m0.tflite", "m1.tflite", "m2.tflite", "m0.tflite"]

    status, events = run(bundle, job_of(*names), tmp_path, b"pass\n" * 12 + b"stop\n")

    assert status == 0
    assert isinstance(events[0], RunnerStarted)
    assert events[0].litert == bundle.litert_version
    loaded = [event for event in events if isinstance(event, ModelLoaded)]
    assert sorted(model.place for model in loaded) == [0, 1, 2, 3]
    by_place = sorted(loaded, key=lambda model: model.place)
    assert [Path(model.file).name for model in by_place] == names
    assert all(model.whole_graph for model in loaded)
    (ready,) = [event for event in events if isinstance(event, RunnerReady)]
    assert len(ready.loops) == 4
    rounds = [event for event in events if isinstance(event, RoundEnded)]
    assert [measured_round.number for measured_round in rounds] == list(range(12))
    assert all(measured_round.samples_ns.shape == (4, 3) for measured_round in rounds)
    # Repeated bursts follow all others, and are counted.
    assert all(sorted(measured_round.order[:4]) == [0, 1, 2, 3] for measured_round in rounds)
    assert all(len(measured_round.order) == 4 + measured_round.retaken for measured_round in rounds)
    assert len({tuple(measured_round.order[:4]) for measured_round in rounds}) > 3
    assert all(a.ended_ns <= b.began_ns for a, b in itertools.pairwise(rounds))
    spent_ns = [measured_round.ended_ns - measured_round.began_ns for measured_round in rounds]
    timed_ns = [
        float((measured_round.samples_ns * np.array(ready.loops)[:, None]).sum())
        for measured_round in rounds
    ]
    assert all(timed <= spent for timed, spent in zip(timed_ns, spent_ns, strict=True))
    assert events[-1] == RunnerEnded(passes=12)


def test_only_zones_with_temperatures_are_read(
    bundle: Bundle, models: list[Model], tmp_path: Path
) -> None:
    """A mount replaces this machine's thermal zones by those of the test."""
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if not Path("/sys/class/thermal").is_dir() or (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("no user namespaces here, or no thermal zones to replace")
    readings = {**QUALCOMM_ZONES, "old-tsens": 385, "skin": 31, "off": 0, "error": -19}
    for number, (name, reading) in enumerate(readings.items()):
        zone = tmp_path / f"zones/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{name}\n")
        (zone / "temp").write_text(f"{reading}\n")
    (tmp_path / "job").write_text(job_of("m1.tflite").text())
    mount = f'mount --bind {tmp_path}/zones /sys/class/thermal && exec "$@"'

    completed = subprocess.run(
        [*inside, "sh", "-c", mount, "sh", *bundle.start, str(tmp_path / "job")],
        cwd=bundle.folder,
        input=b"pass\nstop\n",
        capture_output=True,
        timeout=60,
        check=True,
    )

    (line,) = [text for text in completed.stdout.splitlines() if b'"pass"' in text]
    result = json.loads(line.partition(b"\t")[0])["temperatures_c"]
    expected = parse_zones(zones(readings))
    assert result == pytest.approx(expected)
    assert result == pytest.approx(
        {
            **{"cpu-0-0-usr": 34.0, "cpu-1-7-step": 33.2, "gpuss-0-usr": 36.1},
            **{"xo-therm-usr": 28.423, "battery": 25.5, "old-tsens": 38.5, "skin": 31.0},
        }
    )


def test_the_runner_ends_at_the_end_of_stdin(
    bundle: Bundle, models: list[Model], tmp_path: Path
) -> None:
    status, events = run(bundle, job_of("m1.tflite"), tmp_path, b"pass\npas")

    assert (status, events[-1]) == (0, RunnerEnded(passes=1))


@pytest.mark.parametrize("number", range(len(SPECS)))
def test_outputs_equal_those_of_the_python_runtime(
    bundle: Bundle, models: list[Model], tmp_path: Path, number: int
) -> None:
    file = tmp_path / f"m{number}.tflite"

    outputs, expected = infer([*bundle.start], models[number], file, tmp_path, bundle.folder)

    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_a_job_sets_cores_and_threads(bundle: Bundle, models: list[Model], tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    job = job_of("m0.tflite", threads=2, cores=f"{1 << core:x}")

    status, events = run(bundle, job, tmp_path, b"pass\nstop\n")

    assert (status, events[-1]) == (0, RunnerEnded(passes=1))


@pytest.mark.parametrize(
    ("job", "status", "words"),
    [
        ("", 3, "the job names no model"),
        ("ofabench-job 3\nmodel m1.tflite\n", 3, "not a job of this runner"),
        ("ofabench-job 1\nmodel m1.tflite\nvalues cut.tflite\n", 3, "line 3 of the job"),
        ("ofabench-job 2\nvalues cut.tflite\n", 3, "line 2 of the job"),
        ("ofabench-job 2\nmodel m1.tflite\nvalues x\nvalues x\n", 3, "line 4 of the job"),
        ("ofabench-job 2\nmodel m1.tflite\nvalues none\n", 3, "cannot read the input"),
        ("ofabench-job 2\nmodel m1.tflite\nvalues job\n", 3, "the input is not the model's 3072"),
        ("ofabench-job 1\nthreads 0\n", 3, "line 2 of the job"),
        ("ofabench-job 1\nthreads two\n", 3, "line 2 of the job"),
        ("ofabench-job 1\nseed -1\n", 3, "line 2 of the job"),
        ("ofabench-job 1\nseed 99999999999999999999\n", 3, "line 2 of the job"),
        ("ofabench-job 1\nweather fine\n", 3, "line 2 of the job"),
        ("ofabench-job 1\nmodel m1.tflite", 3, "line 2 of the job is cut short"),
        ("ofabench-job 1\nmodel " + "x" * 5000 + "\n", 3, "line 2 of the job is cut short or too"),
        ("ofabench-job 1\nmodel none.tflite\n", 3, "cannot read the model file"),
        ("ofabench-job 1\nmodel job\n", 4, "cannot read the model file"),
        ("ofabench-job 1\nmodel cut.tflite\n", 4, "LiteRT cannot"),
        ("ofabench-job 1\ncores 8000000000000000\nmodel m1.tflite\n", 3, "cannot stay on cores"),
    ],
)
def test_an_invalid_job_is_refused_with_the_reason(  # noqa: PLR0913, PLR0917
    bundle: Bundle, models: list[Model], tmp_path: Path, job: str, status: int, words: str
) -> None:
    whole = (tmp_path / "m1.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 3])

    ended, events = run(bundle, job, tmp_path, b"pass\n")

    assert ended == status
    assert isinstance(events[-1], RunnerFailed)
    assert words in events[-1].what
    assert not any(isinstance(event, RoundEnded) for event in events)


@pytest.mark.parametrize("data", [b"paas\n", b"\n", b"pass pass pass pass pass\n", b"\xff\n"])
def test_an_unknown_command_ends_the_runner(
    bundle: Bundle, models: list[Model], tmp_path: Path, data: bytes
) -> None:
    status, events = run(bundle, job_of("m1.tflite"), tmp_path, data)

    assert status == 3
    assert events[-1] == RunnerFailed(what="stdin says neither pass nor stop")


def test_the_profile_names_operators(bundle: Bundle, models: list[Model], tmp_path: Path) -> None:
    completed = subprocess.run(
        [*bundle.start, "--profile", str(tmp_path / "m0.tflite")],
        cwd=bundle.folder,
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert b"DWConv" in completed.stdout
    assert b'"runs":50' in completed.stdout
    assert parse_line(completed.stdout) is None  # a valid line that sweeps do not use


def test_the_arm64_runner_computes_the_same_under_qemu(models: list[Model], tmp_path: Path) -> None:
    qemu = shutil.which("qemu-aarch64-static")
    if qemu is None or shutil.which("unshare") is None:
        pytest.skip("qemu-aarch64-static is not installed: apt-get install qemu-user-static")
    try:
        arm = ensure_bundle("arm64-v8a")
    except OfabenchError as error:
        pytest.skip(f"no bundle for arm64 here: {error}")
    # qemu 7 shows the host's processor, on which LiteRT's arm64 library crashes.
    (tmp_path / "cpuinfo").write_text(ARM_CPU)
    inside = f'mount --bind {tmp_path}/cpuinfo /proc/cpuinfo && exec {qemu} -cpu cortex-a76 "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "qemu"]
    if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespaces here, which can show the program an ARM processor")

    outputs, expected = infer(
        [*command, *arm.start], models[0], tmp_path / "m0.tflite", tmp_path, arm.folder
    )

    np.testing.assert_allclose(outputs, expected, atol=1e-4)


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[1]], ids=lambda spec: spec.kind)
def test_int8_blocks_have_the_inputs_and_outputs_of_this_machines_backend(
    bundle: Bundle, tmp_path: Path, spec: BlockSpec
) -> None:
    backend = get_backend("tflite", hswish="decomposed")
    target = replace(TARGET, precision="int8")
    model = random_model((spec,), seed=1)
    content = backend.serialise(model, precision="int8")
    (tmp_path / "m0.tflite").write_bytes(content)
    input_end, output_end = ends_of(content)
    images = np.random.default_rng(3).standard_normal((1, *model.input_shape), dtype=np.float32)
    stored = input_end.boundary.stored(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    stored.tofile(tmp_path / "in.bin")
    paths = [str(tmp_path / name) for name in ("m0.tflite", "in.bin", "out.bin")]

    subprocess.run(
        [*bundle.start, "--infer", *paths], cwd=bundle.folder, check=True, capture_output=True
    )

    raw = np.fromfile(tmp_path / "out.bin", dtype=np.int8).reshape(output_end.shape)
    outputs = output_end.boundary.values(raw).transpose(0, 3, 1, 2)
    expected = backend.load_file(content, target).infer(images)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_the_delegate_runs_int8_models_completely(bundle: Bundle, tmp_path: Path) -> None:
    backend = get_backend("tflite", hswish="decomposed")
    model = random_model((SPECS[0],), seed=1)
    (tmp_path / "m0.tflite").write_bytes(backend.serialise(model, precision="int8"))

    status, events = run(bundle, job_of("m0.tflite"), tmp_path, b"pass\n" * 2 + b"stop\n")

    assert status == 0
    (loaded,) = [event for event in events if isinstance(event, ModelLoaded)]
    assert loaded.whole_graph
    rounds = [event for event in events if isinstance(event, RoundEnded)]
    assert all((measured.samples_ns > 0).all() for measured in rounds)
