"""Several processes train as one; a killed or stopped training resumes with equal results."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.errors import InputError
from supernet.train.checkpoint import load_checkpoint
from supernet.train.distributed import Ranks, is_first, process_group
from supernet.train.log import read_log

ROOT = Path(__file__).resolve().parents[3]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
WHOLE = 2 * 3 + 3 * 3  # steps of the child's schedule


def alone(*argv: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.training_child", *argv]


def ranks(n: int, *argv: str) -> list[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(n)]
    return [*torchrun, "--standalone", "-m", "tests.support.training_child", *argv]


def call(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )


def weights(network: dict[str, Tensor]) -> dict[str, Tensor]:
    """All but batch norm's statistics, which are each rank's own."""
    return {n: t for n, t in network.items() if not n.endswith(STATISTICS)}


def assert_close(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        torch.testing.assert_close(b[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "net.safetensors"
    done = call(alone(str(out)))
    assert done.returncode == 0, done.stderr
    return out


def assert_same_training(out: Path, undisturbed: Path) -> None:
    """To the bit: weights, momenta, and the loss curve."""
    actual, expected = load_checkpoint(out), load_checkpoint(undisturbed)
    assert actual.finished
    assert actual.network.keys() == expected.network.keys()
    assert all(torch.equal(t, actual.network[name]) for name, t in expected.network.items())
    assert [r.loss for r in actual.records] == [r.loss for r in expected.records]
    curves = [
        [
            (n["phase"], n["epoch"], n["step"], n["loss"])
            for n in read_log(path)
            if n["kind"] != "run"
        ]
        for path in (out.with_suffix(".jsonl"), undisturbed.with_suffix(".jsonl"))
    ]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 5  # one for each epoch of three steps


# The first step's momentum is its gradient, so the checkpoint after one step holds gradients.
@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, WHOLE])
def test_two_ranks_equal_one_process_with_two_micro_batches(tmp_path: Path, steps: int) -> None:
    single_out, both_out = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    options = ("--micro-batches", "2", "--stop-after", str(steps))

    single, both = call(alone(str(single_out), *options)), call(ranks(2, str(both_out), *options))

    assert load_checkpoint(both_out).place == load_checkpoint(single_out).place, (
        single.stderr + both.stderr
    )
    a, b = load_checkpoint(single_out), load_checkpoint(both_out)
    assert_close(weights(a.network), weights(b.network))
    assert_close(a.momenta, b.momenta)
    assert bool(a.momenta) is (steps != WHOLE)
    for mine, other in zip(a.losses, b.losses, strict=True):
        assert mine == pytest.approx(other, rel=1e-4)


@pytest.mark.slow
def test_a_killed_training_resumes_from_its_last_checkpoint(
    undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    for until in (2, 10):
        argv = alone(str(out), *(["--resume"] if out.exists() else []))
        child = subprocess.Popen(argv, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= until:
                child.kill()
                break
        child.wait()
        child.stdout.close()
        assert load_checkpoint(out).place >= (0, 0, until - 1)

    done = call(alone(str(out), "--resume"))

    assert done.returncode == 0, done.stderr
    assert_same_training(out, undisturbed)


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_ends_the_training(
    undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    child = subprocess.Popen(
        alone(str(out)), cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    steps = 0
    for line in child.stdout:
        steps = int(line)
        if steps == 5:
            child.send_signal(signal.SIGTERM)
    assert child.wait() == 3
    child.stdout.close()
    place = load_checkpoint(out).place
    assert place[0] * 6 + place[1] * 3 + place[2] == steps  # phases of 6 steps, epochs of 3

    done = call(alone(str(out), "--resume"))

    assert done.returncode == 0, done.stderr
    assert_same_training(out, undisturbed)


@pytest.mark.slow
def test_a_lost_rank_is_reported_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text(
        "import os\n"
        "from bench.errors import DeviceLostError\n"
        "from supernet.train.distributed import process_group\n"
        "with process_group('cpu', 'start again with --resume') as ranks:\n"
        "    if ranks.rank:\n"
        "        os._exit(0)\n"
        "    try:\n"
        "        ranks.sums([1.0])\n"
        "    except DeviceLostError as error:\n"
        "        print('error:', error)\n"
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]

    done = call([*torchrun, "--standalone", str(script)])

    (message,) = [line for line in done.stdout.splitlines() if "error:" in line]
    assert "a rank was lost" in message
    assert message.endswith("; start again with --resume")


def test_the_first_process_is_the_one_that_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_first()
    monkeypatch.setenv("RANK", "0")
    assert is_first()
    monkeypatch.setenv("RANK", "1")
    assert not is_first()


def test_without_other_processes_sums_are_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Ranks().sums([1.5, 2.0]) == [1.5, 2.0]
    monkeypatch.delenv("RANK", raising=False)
    with process_group("cpu") as ranks:
        assert ranks == Ranks()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(InputError, match="WORLD_SIZE"), process_group("cpu"):
        pass


@pytest.mark.slow
def test_two_ranks_train_a_new_head_as_one_process(undisturbed: Path, tmp_path: Path) -> None:
    """A head phase, in which most parameters have no gradient on any rank, then all weights."""
    argv = ("--micro-batches", "2", "--init", str(undisturbed))
    single, shared = tmp_path / "single.safetensors", tmp_path / "shared.safetensors"

    for done in (call(alone(str(single), *argv)), call(ranks(2, str(shared), *argv))):
        assert done.returncode == 0, done.stderr

    expected, actual = load_checkpoint(single), load_checkpoint(shared)
    assert actual.finished
    assert_close(weights(expected.network), weights(actual.network))
    assert actual.init == expected.init
