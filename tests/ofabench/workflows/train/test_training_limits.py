"""From `train`'s latency arguments to what its sub-networks are restricted to."""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from ofabench.workflows.train.training_limits import add_arguments, sampling_of
from supernet.train.sampling import Sampling
from tests.support.search_runs import OTHER, TARGET, TINY, write_predictors


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_predictors(tmp_path_factory.mktemp("predictors"))


def asked(*words: str) -> tuple[Sampling, str]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return sampling_of(parser.parse_args(words), TINY, lambda line: None)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_without_a_latency_nothing_is_restricted() -> None:
    sampling, called = asked()

    assert (sampling, called) == (Sampling(), "")


def test_each_latency_has_the_limit_of_its_place(files: Path) -> None:
    first, second = files / "p.parquet", files / "p2.parquet"
    limits = ("--max-latency-ms", "3", "--max-latency-ms", "1.5")

    sampling, called = asked("--latency", str(first), "--latency", str(second), *limits)

    assert [(one.name, one.limit) for one in sampling.limits] == [
        (TARGET.key, 3.0),
        (OTHER.key, 1.5),
    ]
    assert called == (
        f"{TARGET.key} {digest(first)} within 3 ms, {OTHER.key} {digest(second)} within 1.5 ms"
    )
    codes = TINY.sample_codes(np.random.default_rng(0), 4)
    macs = [sum(block.macs for block in TINY.blocks(arch)) for arch in TINY.decode(codes)]
    # A ns a MAC: the predictor of the files.
    assert sampling.limits[0].costs(codes) == pytest.approx(np.array(macs) / 1e6)


def test_a_focus_compares_by_the_first_and_needs_no_limit(files: Path) -> None:
    path = files / "p.parquet"

    sampling, called = asked("--latency", str(path), "--latency-focus", "worst-up")

    assert (sampling.limits, sampling.focus) == ((), "worst-up")
    assert sampling.costs is not None
    assert called == f"{TARGET.key} {digest(path)}, worst-up"


def test_two_predictors_of_one_target_are_refused(files: Path) -> None:
    twice = ("--latency", str(files / "p.parquet"), "--latency", str(files / "sure.parquet"))

    with pytest.raises(InputError, match="two --latency are of one target"):
        asked(*twice, "--max-latency-ms", "3", "--max-latency-ms", "2")
