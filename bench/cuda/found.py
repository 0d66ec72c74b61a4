"""Which GPUs are here, and whether they can be measured."""

from dataclasses import dataclass

from bench.cuda import nvml
from bench.cuda.torch_driver import check_index
from bench.errors import DeviceError, MissingRuntimeError


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGpu:
    """A card that the driver lists; `state` is ready, or what keeps it from being measured."""

    address: str
    slug: str
    state: str


def found_gpus() -> list[FoundGpu]:
    """Every card; none where there is no driver."""
    try:
        count = nvml.count()
    except (DeviceError, MissingRuntimeError):
        return []
    found = []
    for number in range(count):
        slug = nvml.NvmlCard.at(number).facts().slug()
        found.append(FoundGpu(address=f"cuda:{number}", slug=slug, state=_state(number)))
    return found


def _state(number: int) -> str:
    try:
        check_index(number)
    except (DeviceError, MissingRuntimeError) as error:
        return str(error)
    return "ready"
