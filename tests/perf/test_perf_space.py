"""How long a space takes over a million networks: seconds, since no loop goes over them.

Run with `pytest tests/perf/test_perf_space.py --benchmark-enable`.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

MILLION = 1_000_000
FEW = 2_000  # enough where the calls are only to be seen to work


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.load("ofa-mbv3-w1.0")


@pytest.fixture(scope="module")
def codes(space: SearchSpace, request: pytest.FixtureRequest) -> Codes:
    timed = request.config.getoption("--benchmark-enable")
    return space.sample_codes(np.random.default_rng(0), MILLION if timed else FEW)


def test_sample_a_million(benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes) -> None:
    again = benchmark(lambda: space.sample_codes(np.random.default_rng(0), len(codes)))

    assert np.array_equal(again, codes)


def test_mutate_a_million(benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes) -> None:
    mutants = benchmark(space.mutate_codes, codes, np.random.default_rng(0), 0.1)

    assert mutants.shape == codes.shape


def test_cross_a_million(benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes) -> None:
    children = benchmark(space.layout.cross, codes, codes[::-1], np.random.default_rng(0))

    assert children.shape == codes.shape


def test_a_table_of_a_million_to_codes(
    benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes
) -> None:
    frame = space.frame_of(codes)

    assert np.array_equal(benchmark(space.codes_of, frame), codes)


def test_a_hundred_thousand_objects_and_back(
    benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes
) -> None:
    part = codes[: len(codes) // 10]

    back = benchmark(lambda: space.encode(space.decode(part)))

    assert np.array_equal(back, part)


def test_walk_a_thousand(benchmark: BenchmarkFixture, space: SearchSpace, codes: Codes) -> None:
    archs = space.decode(codes[:1000])
    space.named_blocks(archs[0])  # makes the space's blocks, once

    walks = benchmark(lambda: [space.named_blocks(arch) for arch in archs])

    assert len(walks) == 1000
