"""The GPU device with a simulated driver; tests that need a real GPU are marked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.backends.inputs import random_images
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.cuda.device import CudaDevice, index_in
from bench.devices.cuda.options import CudaOptions
from bench.devices.registry import get_device
from bench.errors import DeviceError, InputError, MissingRuntimeError, UnrunnableError
from bench.protocol.device import THROTTLED, ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from bench.timing.references import with_references
from tests.support.fake_gpu import FLUSH_NS, FakeGpu, fake_gpu
from tests.support.fake_nvml import CALM, FakeGpuState

TARGET = Target(device="nvidia-h100-80gb-hbm3", backend="fake", backend_version="1", batch=64)
POOLS = [
    Workload(
        role="block",
        blocks=(BlockSpec(kind="avg_pool", in_size=size, in_channels=8, out_channels=8),),
    )
    for size in (4, 8, 112)
]
PLAN = ReplicatePlan(rounds=2, samples=2, seed=3)


def test_facts_are_those_of_the_gpu_and_its_host() -> None:
    facts = fake_gpu().facts()

    assert fake_gpu().slug() == "nvidia-h100-80gb-hbm3"
    assert facts["gpu_compute_capability"] == "9.0"
    assert facts["gpu_clock_sm_mhz"] == 1_980
    assert facts["gpu_other_processes"] == 0
    assert facts["memory_available_bytes"] == 79 << 30
    assert facts["cpu_model"]


def test_options_that_change_latencies_are_in_the_target() -> None:
    eager = fake_gpu(options=CudaOptions(launch="eager", tf32=True))

    assert fake_gpu().options() == (("launch", "graph"), ("tf32", "off"))
    assert eager.options() == (("launch", "eager"), ("tf32", "on"))
    with pytest.raises(InputError, match="launch is 'lazy', expected one of graph, eager, compile"):
        CudaOptions(launch="lazy")


LONG = pytest.param("cuda:" + "1" * 5000, id="long")


@pytest.mark.parametrize("address", ["cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:0:1", LONG])
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="a GPU is called cuda:0"):
        get_device(address)
    assert index_in("cuda:3") == 3


def test_a_torch_without_cuda_says_what_to_install() -> None:
    import torch

    if torch.version.cuda is not None:
        pytest.skip(f"torch {torch.__version__} is built with CUDA")
    with pytest.raises(MissingRuntimeError, match="built without CUDA: install a CUDA build"):
        CudaDevice("cuda:0").slug()


def test_a_backend_that_does_not_run_on_gpus_is_refused() -> None:
    from bench.backends.tflite_backend import TfliteBackend

    with pytest.raises(InputError, match="tflite does not run on GPUs, expected torch or onnx"):
        CudaDevice("cuda:0").runtime_version(TfliteBackend())


def test_memory_is_freed_after_a_replicate_and_clocks_are_warmed_up() -> None:
    card = FakeGpu()
    (first, second) = fake_gpu(card).run_replicate(POOLS, FakeBackend(), TARGET, PLAN)

    assert card.log[-1] == "free"
    assert float(str(first.facts["settled_s"])) >= 0.3
    assert "settled_s" not in second.facts
    assert first.facts["clock_sm_mhz"] == 1_980


def test_eager_launches_are_neither_held_nor_recorded() -> None:
    card = FakeGpu()
    device = fake_gpu(card, options=CudaOptions(launch="eager"))
    list(device.run_replicate(POOLS[:2], FakeBackend(), TARGET, PLAN))

    assert not any(word.startswith("record") for word in card.log)
    assert card.log[-7:-1] == ["flush", "wait", "wait"] * 2


def test_a_model_larger_than_the_memory_is_unrunnable() -> None:
    # 64 images of 112 x 112 x 8 floats are 26 MB.
    device = fake_gpu(FakeGpu(memory_bytes=20_000_000))

    with pytest.raises(UnrunnableError, match="out of memory") as caught:
        next(device.run_replicate(POOLS, FakeBackend(), TARGET, PLAN))
    assert caught.value.place == 2


def test_models_that_fit_one_by_one_are_not_unrunnable() -> None:
    device = fake_gpu(FakeGpu(memory_bytes=30_000_000))

    with pytest.raises(DeviceError, match=r"full after \d of 2 models, though each fits by itself"):
        next(device.run_replicate([POOLS[2]] * 2, FakeBackend(), TARGET, PLAN))


def test_inference_with_a_model_larger_than_the_memory_is_refused() -> None:
    device = fake_gpu(FakeGpu(memory_bytes=10.0))
    model = random_model(POOLS[0].blocks, seed=1)
    images = random_images((64, *model.input_shape), 1)

    with pytest.raises(DeviceError, match="no room for this model at this batch"):
        device.infer(FakeBackend().serialise(model), images, FakeBackend(), TARGET)


def sweep(path: Path, device: CudaDevice, *, resume: bool = False) -> None:
    plan = SweepPlan(replicates=2, rounds=2, samples=2)
    target = replace(TARGET, batch=1)
    opener = SweepStore.resume if resume else SweepStore.create
    with opener(path, target, plan) as store:
        run_sweep(device, FakeBackend(), target, ListPlanner(POOLS), plan, store)


def latencies_ms(path: Path) -> dict[str, float]:
    with SweepStore.open(path) as store:
        return {
            measurement.workload.key: measurement.median_ms for measurement in store.measurements()
        }


@pytest.mark.slow
def test_a_sweep_of_a_lost_gpu_ends_with_an_error_and_resumes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.sqlite", tmp_path / "broken.sqlite"
    card = FakeGpu()
    sweep(whole, fake_gpu(card))
    halfway = card.log.count("wait") * 3 // 4

    with pytest.raises(DeviceError, match="unspecified launch failure"):
        sweep(broken, fake_gpu(FakeGpu(fails_after=halfway)))
    with SweepStore.open(broken) as store:
        finished = len(store.replicates())
    sweep(broken, fake_gpu(), resume=True)

    assert finished == 1
    assert latencies_ms(broken) == pytest.approx(latencies_ms(whole), rel=1e-3)


def test_a_gpu_lost_by_nvml_ends_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="GPU is lost"):
        sweep(tmp_path / "s.sqlite", fake_gpu(state=FakeGpuState(lost_at=40)))


def test_throttled_rounds_are_marked_and_bursts_repeated() -> None:
    hot = replace(CALM, reasons=0x40)
    device = fake_gpu(state=FakeGpuState(at=lambda reading: hot if 10 < reading < 14 else CALM))

    # Six readings during the warm-up, then one and two for each of nine bursts.
    results = list(device.run_replicate(with_references(POOLS), FakeBackend(), TARGET, PLAN))

    assert [result.facts[THROTTLED] for result in results] == [True, False]
    assert results[0].repeated_bursts > 0


def test_cold_samples_take_longer_than_warm_ones() -> None:
    (result, _) = fake_gpu().run_replicate(POOLS, FakeBackend(), TARGET, PLAN)

    cold_ns, warm_ns = result.samples_ns.T
    assert (cold_ns > warm_ns).all()
    assert np.all(np.diff(warm_ns) > 0)
    assert cold_ns.max() < 10 * FLUSH_NS * 64


@pytest.fixture
def gpu() -> CudaDevice:
    import torch

    if torch.version.cuda is None or not torch.cuda.is_available():
        pytest.skip("no GPU, or a torch without CUDA")
    return CudaDevice("cuda:0")


@pytest.mark.gpu
@pytest.mark.parametrize("launch", ["graph", "eager"])
def test_a_real_gpu_infers_and_is_timed(gpu: CudaDevice, launch: str) -> None:
    from bench.backends.torch_backend import TorchBackend

    device = CudaDevice("cuda:0", CudaOptions(launch=launch))
    spec = BlockSpec.parse("mbconv-28x40-m240-o40-k5-s1-hswish-se64-r1")
    backend = TorchBackend()
    target = Target(device=gpu.slug(), backend="torch", backend_version="1", batch=2)
    model = random_model((spec,), seed=1)
    images = random_images((2, *model.input_shape), 2)

    outputs = device.infer(backend.serialise(model, 2), images, backend, target)
    work = with_references([Workload(role="block", blocks=(spec,))] * 2)
    results = list(device.run_replicate(work, backend, target, ReplicatePlan(rounds=5, samples=3)))

    expected = backend.load(model, replace(target, threads=1)).infer(images)
    np.testing.assert_allclose(outputs, expected, atol=1e-3 * np.abs(expected).max())
    warm_ns = np.median([result.samples_ns[:2, 2] for result in results], axis=0)
    assert warm_ns[0] == pytest.approx(warm_ns[1], rel=0.1)  # the same block twice
