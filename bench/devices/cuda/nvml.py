"""A GPU read through NVIDIA's management library (package nvidia-ml-py)."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from bench.devices.cuda.gpu_state import GpuFacts, GpuProcess, GpuReading
from bench.errors import DeviceError
from bench.extras import missing_extra

T = TypeVar("T")
_TEMPERATURE_GPU = 0
_GONE = "NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_RESET_REQUIRED", "NVML_ERROR_UNKNOWN"
# By the names of NVML's error codes.
_HINTS = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": "is NVIDIA's driver installed? (nvidia-smi should list a GPU)",
    "NVML_ERROR_DRIVER_NOT_LOADED": "load NVIDIA's driver (nvidia-smi should list a GPU)",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": "driver and library differ: restart the machine",
    "NVML_ERROR_GPU_IS_LOST": "the GPU fell off the bus: restart the machine, then use --resume",
    "NVML_ERROR_RESET_REQUIRED": "the GPU must be reset, then use --resume",
    "NVML_ERROR_NO_PERMISSION": "this user has no permission to query the GPU",
}


def library() -> Any:
    """Return the library, initialised."""
    try:
        import pynvml
    except ImportError as error:
        raise missing_extra("pynvml", "GPUs need") from error
    _started()
    return pynvml


@cache
def _started() -> None:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise _refusal(pynvml, error) from error


def count() -> int:
    """Return the number of GPUs that the driver sees, whatever CUDA_VISIBLE_DEVICES says."""
    nvml = library()
    try:
        return int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError as error:
        raise _refusal(nvml, error) from error


class NvmlGpu:
    """A GPU, see `GpuState`; it is identified by `uuid`, because torch numbers GPUs differently."""

    def __init__(self, uuid: str) -> None:
        self._nvml = library()
        self._handle = self._need(lambda: self._nvml.nvmlDeviceGetHandleByUUID(uuid))

    @classmethod
    def at(cls, number: int) -> "NvmlGpu":
        """Return the GPU with the driver's number `number`."""
        nvml = library()
        try:
            return cls(_text(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(number))))
        except nvml.NVMLError as error:
            raise _refusal(nvml, error) from error

    def facts(self) -> GpuFacts:
        """See `GpuState`."""
        nvml, card, ask = self._nvml, self._handle, self._ask
        memory = ask(lambda: nvml.nvmlDeviceGetMemoryInfo(card))
        limit_mw = ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(card))
        return GpuFacts(
            name=_text(self._need(lambda: nvml.nvmlDeviceGetName(card))),
            uuid=ask(lambda: _text(nvml.nvmlDeviceGetUUID(card))),
            compute_capability=ask(
                lambda: "{}.{}".format(*nvml.nvmlDeviceGetCudaComputeCapability(card))
            ),
            driver_version=ask(lambda: _text(nvml.nvmlSystemGetDriverVersion())),
            cuda_version=ask(lambda: _cuda(nvml.nvmlSystemGetCudaDriverVersion_v2())),
            memory_total_bytes=None if memory is None else int(memory.total),
            memory_free_bytes=None if memory is None else int(memory.free),
            clock_sm_max_mhz=ask(lambda: nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_SM)),
            clock_memory_max_mhz=ask(
                lambda: nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_MEM)
            ),
            power_limit_w=None if limit_mw is None else limit_mw / 1e3,
            slowdown_c=ask(
                lambda: nvml.nvmlDeviceGetTemperatureThreshold(
                    card, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
                )
            ),
            mig=ask(lambda: bool(nvml.nvmlDeviceGetMigMode(card)[0])),
            persistence=ask(lambda: bool(nvml.nvmlDeviceGetPersistenceMode(card))),
            ecc=ask(lambda: bool(nvml.nvmlDeviceGetEccMode(card)[0])),
            pcie_generation=ask(lambda: nvml.nvmlDeviceGetCurrPcieLinkGeneration(card)),
            pcie_width=ask(lambda: nvml.nvmlDeviceGetCurrPcieLinkWidth(card)),
        )

    def moment(self) -> GpuReading:
        """See `GpuState`."""
        nvml, card, ask = self._nvml, self._handle, self._ask
        power_mw = ask(lambda: nvml.nvmlDeviceGetPowerUsage(card))
        return GpuReading(
            clock_sm_mhz=ask(lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM)),
            clock_memory_mhz=ask(lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_MEM)),
            temperature_c=ask(lambda: nvml.nvmlDeviceGetTemperature(card, _TEMPERATURE_GPU)),
            power_w=None if power_mw is None else power_mw / 1e3,
            reasons=ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card)),
        )

    def processes(self) -> list[GpuProcess]:
        """See `GpuState`."""
        nvml, card = self._nvml, self._handle
        lists = (
            self._ask(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(card)),
            self._ask(lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(card)),
        )
        # A process that computes and draws is in both.
        used_bytes = {
            process.pid: process.usedGpuMemory for listed in lists for process in listed or ()
        }
        return [GpuProcess(pid=pid, used_bytes=used) for pid, used in sorted(used_bytes.items())]

    def busy_share(self) -> float | None:
        """See `GpuState`."""
        rates = self._ask(lambda: self._nvml.nvmlDeviceGetUtilizationRates(self._handle))
        return None if rates is None else rates.gpu / 100

    def energy_j(self) -> float | None:
        """See `GpuState`."""
        millijoules = self._ask(
            lambda: self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        )
        return None if millijoules is None else millijoules / 1e3

    def _ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer, None if the GPU does not report it; `DeviceError` if it is gone."""
        try:
            return question()
        except self._nvml.NVMLError as error:
            if error.value in {getattr(self._nvml, name) for name in _GONE}:
                raise _refusal(self._nvml, error) from error
            return None

    def _need(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except self._nvml.NVMLError as error:
            raise _refusal(self._nvml, error) from error


def _refusal(nvml: Any, error: Any) -> DeviceError:
    hints = [hint for name, hint in _HINTS.items() if getattr(nvml, name) == error.value]
    remedy = f"; {hints[0]}" if hints else ""
    return DeviceError(f"NVIDIA's management library says: {error}{remedy}")


def _text(value: str | bytes) -> str:
    """Return text, which older versions of the package give as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _cuda(version: int) -> str:
    """Return a version like 13000 as "13.0"."""
    return f"{version // 1000}.{version % 1000 // 10}"
