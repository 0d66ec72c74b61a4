"""Inputs of the runner that are more than one float32 image, on this machine."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.devices.remote.runner.runner_protocol import Job, RoundEnded, parse_line
from bench.errors import MissingRuntimeError
from tests.support import tflite_files as files

# What is given, and what each file computes of it: see `files`.
TOKENS = struct.pack("<6i", 0, 1, 1, 0, 0, 1)
ROWS = (1, 2, 3), (4, 5, 6)
TWO = struct.pack("<4f4i", 1, 2, 3, 4, 10, 20, 30, 40)
INT8 = struct.pack("4b", -128, -8, 0, 127)
Case = tuple[Callable[[Path], Path], bytes, tuple[float, ...]]
CASES: dict[str, Case] = {
    "tokens": (
        files.save_tokens,
        TOKENS,
        (*ROWS[0], *ROWS[1], *ROWS[1], *ROWS[0], *ROWS[0], *ROWS[1]),
    ),
    "two": (files.save_two_inputs, TWO, (-9, -18, -27, -36, -1, -2, -3, -4)),
    "int8": (files.save_int8_input, INT8, (-16, -1, 0, 15.875)),
}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    try:
        return ensure_bundle("x86_64")
    except MissingRuntimeError as error:
        pytest.skip(f"no runner here: {error}")


def ran(
    bundle: Bundle, arguments: list[str], data: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*bundle.start, *arguments],
        cwd=bundle.folder,
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_all_inputs_are_given_and_all_outputs_taken(
    bundle: Bundle, tmp_path: Path, case: Case
) -> None:
    save, given, expected = case
    file, taken = save(tmp_path / "m.tflite"), tmp_path / "out.bin"
    (tmp_path / "in.bin").write_bytes(given)

    done = ran(bundle, ["--infer", str(file), str(tmp_path / "in.bin"), str(taken)])

    assert done.returncode == 0
    assert struct.unpack(f"<{len(expected)}f", taken.read_bytes()) == expected


def test_a_job_gives_each_model_its_values(bundle: Bundle, tmp_path: Path) -> None:
    for name, (save, given, _) in CASES.items():
        save(tmp_path / f"{name}.tflite")
        (tmp_path / f"{name}.values").write_bytes(given)
    files.save_products(tmp_path / "image.tflite", 4)
    job = Job(
        threads=1,
        cores="0",
        fp16=False,
        samples=2,
        seed=7,
        models=(*(f"{name}.tflite" for name in CASES), "image.tflite"),
        values=(*(f"{name}.values" for name in CASES), None),
    )
    (tmp_path / "job").write_text(job.text())

    done = ran(bundle, [str(tmp_path / "job")], b"pass\npass\nstop\n")

    events = [parse_line(line) for line in done.stdout.splitlines(keepends=True)]
    rounds = [event for event in events if isinstance(event, RoundEnded)]
    assert [each.samples_ns.shape for each in rounds] == [(4, 2)] * 2


def test_random_values_are_of_images_alone(bundle: Bundle, tmp_path: Path) -> None:
    files.save_tokens(tmp_path / "tokens.tflite")
    (tmp_path / "job").write_text("ofabench-job 1\nmodel tokens.tflite\n")

    done = ran(bundle, [str(tmp_path / "job")], b"pass\n")

    assert done.returncode == 3
    assert b"name a file of its values in the job" in done.stdout
