"""From `train`'s latency arguments to what its sub-networks are restricted to."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import InputError
from ofabench.options.train import TrainOptions
from ofabench.workflows.train.training_limits import sampling_of
from supernet.train.sampling import Sampling
from tests.support.search_runs import OTHER, TARGET, TINY, write_predictors


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_predictors(tmp_path_factory.mktemp("predictors"))


def sampling_with(**options: Any) -> tuple[Sampling, str]:
    return sampling_of(TrainOptions(**options), TINY, lambda line: None)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_without_a_latency_limit_all_networks_are_trained() -> None:
    sampling, called = sampling_with()

    assert (sampling, called) == (Sampling(), "")


def test_each_latency_has_the_limit_of_its_place(files: Path) -> None:
    first, second = files / "p.parquet", files / "p2.parquet"

    sampling, called = sampling_with(latency=(first, second), max_latency_ms=(3, "1500us"))

    assert [(limit.name, limit.limit) for limit in sampling.limits] == [
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

    sampling, called = sampling_with(latency=(path,), latency_focus="worst-up")

    assert (sampling.limits, sampling.focus) == ((), "worst-up")
    assert sampling.costs is not None
    assert called == f"{TARGET.key} {digest(path)}, worst-up"


def test_two_predictors_of_one_target_are_refused(files: Path) -> None:
    twice = (files / "p.parquet", files / "sure.parquet")

    with pytest.raises(InputError, match="two --latency have the same target"):
        sampling_with(latency=twice, max_latency_ms=(3, 2))
