"""Facts and state of a GPU, read with a fake of the package pynvml."""

import sys
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from bench.devices.cuda import nvml
from bench.devices.cuda.discovery import discover_gpus
from bench.devices.cuda.gpu_state import GpuProcess, GpuReading
from bench.errors import DeviceError
from tests.support.fake_nvml import H100, fake_package

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
LOST = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
ANSWERS: dict[str, Any] = {
    "nvmlInit": None,
    "nvmlDeviceGetCount": 1,
    "nvmlDeviceGetHandleByUUID": "card",
    "nvmlDeviceGetHandleByIndex": "card",
    "nvmlDeviceGetUUID": b"GPU-1",
    "nvmlDeviceGetName": b"NVIDIA H100 80GB HBM3",
    "nvmlDeviceGetCudaComputeCapability": (9, 0),
    "nvmlSystemGetDriverVersion": "580.1",
    "nvmlSystemGetCudaDriverVersion_v2": 13_000,
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 << 30, free=79 << 30),
    "nvmlDeviceGetMaxClockInfo": 1_980,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetTemperatureThreshold": 87,
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetEccMode": [1, 1],
    "nvmlDeviceGetCurrPcieLinkGeneration": 5,
    "nvmlDeviceGetCurrPcieLinkWidth": 16,
    "nvmlDeviceGetPowerUsage": 301_500,
    "nvmlDeviceGetClockInfo": 1_755,
    "nvmlDeviceGetTemperature": 41,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 4,
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=7, usedGpuMemory=1 << 20)],
    "nvmlDeviceGetGraphicsRunningProcesses": [
        SimpleNamespace(pid=3, usedGpuMemory=None),
        SimpleNamespace(pid=7, usedGpuMemory=1 << 20),
    ],
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=25),
}


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    nvml._started.cache_clear()


def card(monkeypatch: pytest.MonkeyPatch, **other: Any) -> nvml.NvmlGpu:
    monkeypatch.setitem(sys.modules, "pynvml", fake_package(**{**ANSWERS, **other}))
    return nvml.NvmlGpu("GPU-1")


def test_facts_are_read_in_our_units(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = card(monkeypatch).facts()

    assert facts == type(H100)(**{**_fields(H100), "clock_memory_max_mhz": 1_980})
    assert facts.slug() == "nvidia-h100-80gb-hbm3"


def test_the_state_is_read_in_our_units(monkeypatch: pytest.MonkeyPatch) -> None:
    result = card(monkeypatch)

    assert result.moment() == GpuReading(
        clock_sm_mhz=1_755, clock_memory_mhz=1_755, temperature_c=41, power_w=301.5, reasons=4
    )
    assert result.busy_share() == 0.25


def test_a_process_that_computes_and_draws_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert card(monkeypatch).processes() == [
        GpuProcess(pid=3, used_bytes=None),
        GpuProcess(pid=7, used_bytes=1 << 20),
    ]


def test_unsupported_values_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = {
        name: NOT_SUPPORTED
        for name in ANSWERS
        if name.startswith("nvmlDeviceGet") and "Handle" not in name and "Name" not in name
    }
    result = card(monkeypatch, **silent)

    assert result.moment() == GpuReading()
    assert result.processes() == []
    assert result.busy_share() is None
    facts = _fields(result.facts())
    assert {name for name, value in facts.items() if value is not None} == {
        "name",
        "driver_version",
        "cuda_version",
    }


def test_a_lost_gpu_is_a_device_error(monkeypatch: pytest.MonkeyPatch) -> None:
    result = card(monkeypatch, nvmlDeviceGetClockInfo=LOST)

    with pytest.raises(DeviceError, match=r"GPU is lost; .*restart the machine"):
        result.moment()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "load NVIDIA's driver"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the machine"),
    ],
)
def test_a_failing_driver_is_a_device_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    with pytest.raises(DeviceError, match=words):
        card(monkeypatch, nvmlInit=pynvml.NVMLError(code))


def test_the_real_library_without_a_driver_gives_a_device_error() -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        with pytest.raises(DeviceError, match=r"management library says: .*; .*nvidia-smi"):
            nvml.count()
    else:
        assert nvml.count() >= 0


def test_discovered_gpus_have_a_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card(monkeypatch)

    (gpu,) = discover_gpus()

    assert (gpu.address, gpu.slug) == ("cuda:0", "nvidia-h100-80gb-hbm3")
    assert gpu.state == "ready" or "torch" in gpu.state


def test_gpus_have_the_numbers_that_torch_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    card(monkeypatch)
    monkeypatch.setattr("bench.devices.cuda.discovery.check_torch", lambda: None)
    monkeypatch.setattr("bench.devices.cuda.discovery.uuid_of", lambda number: f"GPU-{number}")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)

    assert [(gpu.address, gpu.state) for gpu in discover_gpus()] == [
        ("cuda:0", "ready"),
        ("cuda:1", "ready"),
    ]


def test_without_a_driver_no_gpu_is_discovered(monkeypatch: pytest.MonkeyPatch) -> None:
    error = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    monkeypatch.setitem(sys.modules, "pynvml", fake_package(nvmlInit=error))

    assert discover_gpus() == []


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
