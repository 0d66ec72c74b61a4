"""Devices by address, and which of them can be measured from here."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.backends.registry import get_backend
from bench.errors import DeviceError, InputError, MissingRuntimeError
from bench.protocol.device import Device, Facts

if TYPE_CHECKING:
    from bench.devices.android.phone.options import PhoneOptions
    from bench.devices.cuda.options import CudaOptions

KNOWN = (
    "cpu (this machine), cuda:0 (an NVIDIA GPU), adb:SERIAL, adb:HOST:PORT or "
    "adb:transport_id:N (a phone), "
    "fake (computed, for dry runs)"
)
RUNTIMES = ("torch", "onnx", "tflite")
CUDA_RUNTIMES = ("torch", "onnx", "tensorrt")


def get_device(
    address: str, *, phone: "PhoneOptions | None" = None, cuda: "CudaOptions | None" = None
) -> Device:
    """Make the device at `address`, with the options of its kind.

    `InputError` where there is no such kind. A phone or a GPU is reached when it is first asked
    for something, and `close` ends that.
    """
    if address == "cpu":
        from bench.devices.cpu.local import LocalDevice

        return LocalDevice()
    if address == "fake":
        from bench.devices.fake import FakeDevice, Flaws

        flaws = Flaws(noise=0.02, layout=0.01, level=0.03, stumbles=0.001, memory_swing=0.05)
        return FakeDevice(flaws=flaws)
    if address.startswith("cuda"):
        from bench.devices.cuda.device import CudaDevice
        from bench.devices.cuda.options import CudaOptions

        return CudaDevice(address, cuda or CudaOptions())
    if address.startswith("adb:"):
        from bench.devices.android.device import AdbDevice
        from bench.devices.android.phone.options import PhoneOptions

        return AdbDevice(address, phone or PhoneOptions())
    raise InputError(f"device is {address!r}, expected one of: {KNOWN}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A device that can be measured, or could be once its `state` is ready."""

    address: str
    slug: str
    backends: Mapping[str, str | None]  # each runtime's version; None where it is not installed
    facts: Facts
    state: str = "ready"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def found_devices(tell: Callable[[str], None]) -> list[Found]:
    """Every device that can be measured from here: this machine, its GPUs, and phones.

    Of a phone no more is told than its model: facts take a connection, see `describe`. `tell`
    hears why phones could not be listed; the other devices are.
    """
    from bench.devices.cuda.found import found_gpus

    gpus = [
        Found(address=gpu.address, slug=gpu.slug, backends={}, facts={}, state=gpu.state)
        for gpu in found_gpus()
    ]
    return [describe(get_device("cpu")), *gpus, *_found_phones(tell)]


def _found_phones(tell: Callable[[str], None]) -> list[Found]:
    from bench.devices.android.adb.found import found_phones

    try:
        phones = found_phones()
    except (DeviceError, InputError) as error:
        tell(f"phones are not listed: {error}")
        return []
    return [
        Found(
            address=phone.address,
            slug=phone.model or "unknown",
            backends={},
            facts={},
            state=phone.state,
        )
        for phone in phones
    ]


def describe(device: Device) -> Found:
    """Tell everything of a device; `DeviceError` where it cannot be reached."""
    names = CUDA_RUNTIMES if device.address.startswith("cuda") else RUNTIMES
    backends = {name: _version(device, name) for name in names}
    return Found(
        address=device.address, slug=device.slug(), backends=backends, facts=device.facts()
    )


def _version(device: Device, backend: str) -> str | None:
    """Version of what runs a backend's files there; None where nothing does."""
    try:
        return device.runtime_version(get_backend(backend))
    except (MissingRuntimeError, InputError):
        return None
