"""Dense evaluation: networks a second, from the encoding to milliseconds, beside a plain loop."""

import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.protocol.target import Target
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL
from latency_models.regression.regression import Regression
from latency_models.vectorized.lookup_arrays import Floats
from latency_models.vectorized.vectorized_predictor import compile_latency
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

NETWORKS = 1_000_000
NETWORKS_OF_LOOP = 2000
# Seen on 2 cores of a virtual machine: ofa-mbv3-w1.0 35 million (26 on one), a loop 0.03 million.
LEAST_A_SECOND = 5_000_000


def predictor() -> LatencyPredictor:
    model = Regression(coefficients=np.linspace(0.01, 0.02, len(PHYSICAL)))
    return LatencyPredictor(
        target=Target(device="box", backend="onnx", backend_version="1"),
        provenance={},
        known={},
        models={("*", "warm"): model, ("*", "cold"): model},
    )


def loop_a_second(space: SearchSpace, codes: Codes, predicted: Floats) -> float:
    """Networks a second by adding the costs of blocks in Python; equal to what was `predicted`."""
    archs = space.decode(codes)
    nets = [space.blocks(arch) for arch in archs]
    blocks = list({block for net in nets for block in net})
    costs = dict(zip(blocks, predictor().block_ms(blocks).tolist(), strict=True))
    start = time.perf_counter()
    summed = [sum(costs[block] for block in net) for net in nets]
    seconds = time.perf_counter() - start
    np.testing.assert_allclose(predicted, summed, rtol=1e-6)
    return len(codes) / seconds


@pytest.mark.parametrize("name", ["ofa-mbv3-w1.0", "ofa-resnet50d"])
def test_networks_a_second(name: str, benchmark: BenchmarkFixture) -> None:
    space = SearchSpace.load(name)
    dense = compile_latency(predictor(), space.choices)
    codes = space.sample_codes(np.random.default_rng(0), NETWORKS)

    predicted = benchmark(dense.predict, codes)

    some = slice(0, NETWORKS_OF_LOOP)
    loop = loop_a_second(space, codes[some], predicted[some])
    if benchmark.stats is not None:  # None where benchmarks are switched off
        a_second = NETWORKS / benchmark.stats.stats.min
        benchmark.extra_info["networks_a_second"] = round(a_second)
        benchmark.extra_info["times_a_plain_loop"] = round(a_second / loop)
        assert a_second > LEAST_A_SECOND
        assert a_second > 50 * loop
