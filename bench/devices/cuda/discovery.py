"""Which GPUs are present, and whether they can be measured."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.cuda import nvml
from bench.devices.cuda.torch_driver import check_torch, uuid_of
from bench.errors import DeviceError, MissingRuntimeError

CARDS = Path("/proc/driver/nvidia/gpus")  # the driver has a folder there for each card


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGpu:
    """A card; `state` is ready, or what keeps it from being measured."""

    address: str
    slug: str
    state: str


def found_gpus() -> list[FoundGpu]:
    """Every card, by torch's numbers where torch sees any; none where there is no driver."""
    try:
        count = nvml.count()
    except DeviceError:
        return []
    except MissingRuntimeError as error:
        cards = len(list(CARDS.iterdir())) if CARDS.is_dir() else 0
        return [
            FoundGpu(address=f"cuda:{number}", slug="nvidia-gpu", state=str(error))
            for number in range(cards)
        ]
    try:
        check_torch()
    except (DeviceError, MissingRuntimeError) as error:
        return [_found(number, nvml.NvmlCard.at(number), str(error)) for number in range(count)]
    return [
        _found(number, nvml.NvmlCard(uuid_of(number)), "ready") for number in range(_torchs_count())
    ]


def _torchs_count() -> int:
    import torch

    return torch.cuda.device_count()


def _found(number: int, card: nvml.NvmlCard, state: str) -> FoundGpu:
    return FoundGpu(address=f"cuda:{number}", slug=card.facts().slug(), state=state)
