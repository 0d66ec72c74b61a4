"""Processes of torchrun share the sub-networks to measure; nothing that was measured is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.micro_supernets import save_micro

ROOT = Path(__file__).resolve().parents[4]
CHILD = ["-m", "tests.support.evaluation_child"]
NETWORKS = 9


def call(folder: Path, out: str, *more: str, ranks: int = 1) -> "subprocess.CompletedProcess[str]":
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks), "--standalone"]
    argv = [*(launcher if ranks > 1 else []), *CHILD, str(folder / "s.safetensors")]
    return subprocess.run(
        [sys.executable, *argv, str(folder / out), *more],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def stored(folder: Path, out: str) -> list[list[int]]:
    """Codes in the store beside a table, in the order in which they were measured."""
    lines = (folder / out).with_suffix(".evaluations.jsonl").read_text().splitlines()[1:]
    return [json.loads(line)["code"] for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a supernet, and of the table that one process measured: one.parquet."""
    folder = tmp_path_factory.mktemp("shared")
    save_micro(folder / "s.safetensors")
    done = call(folder, "one.parquet")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_two_processes_make_the_table_of_one_and_both_return_it(folder: Path) -> None:
    done = call(folder, "two.parquet", ranks=2)

    assert done.returncode == 0, done.stderr
    expected = pd.read_parquet(folder / "one.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "two.parquet"), expected)
    rows = [line for line in done.stdout.splitlines() if "rows:" in line]
    assert [row.split("rows: ")[1] for row in rows] == [str(expected["accuracy"].tolist())] * 2
    codes = stored(folder, "two.parquet")
    assert len(codes) == len({*map(tuple, codes)}) == NETWORKS


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_killed_process_ends_all_and_the_rest_is_measured_later(folder: Path, rank: str) -> None:
    out = f"killed{rank}.parquet"

    killed = call(folder, out, "--rank", rank, "--kill-at", "3", ranks=2)

    assert killed.returncode != 0
    (line,) = [line for line in killed.stdout.splitlines() if "error:" in line]
    assert "a rank was lost" in line
    assert "start all ranks again with the same command" in line
    assert not (folder / out).exists()
    kept = stored(folder, out)
    assert len(kept) == 4  # two rounds of two ranks

    done = call(folder, out, ranks=2)

    assert done.returncode == 0, done.stderr
    expected = pd.read_parquet(folder / "one.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / out), expected)
    codes = stored(folder, out)
    assert codes[:4] == kept
    assert len(codes) == len({*map(tuple, codes)}) == NETWORKS


@pytest.mark.slow
def test_one_process_resumes_the_evaluation_of_two(folder: Path) -> None:
    killed = call(folder, "began.parquet", "--rank", "1", "--kill-at", "2", ranks=2)
    assert killed.returncode != 0
    assert len(stored(folder, "began.parquet")) == 2

    done = call(folder, "began.parquet")

    assert done.returncode == 0, done.stderr
    expected = pd.read_parquet(folder / "one.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "began.parquet"), expected)
