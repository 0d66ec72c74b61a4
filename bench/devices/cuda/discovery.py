"""Discovery of GPUs, and whether they can be measured."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.cuda import nvml
from bench.devices.cuda.torch_driver import check_torch, uuid_of
from bench.errors import DeviceError, MissingRuntimeError

CARDS = Path("/proc/driver/nvidia/gpus")  # the driver has a folder there for each card


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredGpu:
    """A GPU; `state` is ready, or the reason why it cannot be measured."""

    address: str
    slug: str
    state: str


def discover_gpus() -> list[DiscoveredGpu]:
    """Return every GPU, by torch's numbers if torch sees any; none without a driver."""
    try:
        count = nvml.count()
    except DeviceError:
        return []
    except MissingRuntimeError as error:
        cards = len(list(CARDS.iterdir())) if CARDS.is_dir() else 0
        return [
            DiscoveredGpu(address=f"cuda:{number}", slug="nvidia-gpu", state=str(error))
            for number in range(cards)
        ]
    try:
        check_torch()
    except (DeviceError, MissingRuntimeError) as error:
        return [_found(number, nvml.NvmlGpu.at(number), str(error)) for number in range(count)]
    return [
        _found(number, nvml.NvmlGpu(uuid_of(number)), "ready") for number in range(_torchs_count())
    ]


def _torchs_count() -> int:
    import torch

    return torch.cuda.device_count()


def _found(number: int, card: nvml.NvmlGpu, state: str) -> DiscoveredGpu:
    return DiscoveredGpu(address=f"cuda:{number}", slug=card.facts().slug(), state=state)
