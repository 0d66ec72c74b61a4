"""Measure a device, learn what any network costs on it, ship the best network within its limits.

    import ofabench as ob

    with ob.open_device("cpu") as device:
        ...

Names are imported when they are first used, so that this import takes no time. What `__all__`
lists is public; CONTRIBUTING.md says for how long a name of it works.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.backends.registry import register_backend
    from bench.devices.registry import register_device
    from bench.errors import OfabenchError
    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.table import LatencyTable
    from ofabench.options.device import DeviceOptions
    from ofabench.workflows.devices import DeviceInfo, devices, open_device
    from supernet.data.torch_dataset import TorchData
    from supernet.space.arch import ArchConfig
    from supernet.space.space import SearchSpace

__version__ = "0.1.0"

# By name, the module that holds it. The same names are imported above, for type checkers.
_MODULES = {
    "ArchConfig": "supernet.space.arch",
    "DeviceInfo": "ofabench.workflows.devices",
    "DeviceOptions": "ofabench.options.device",
    "LatencyTable": "latency_models.tables.table",
    "NetworksTable": "latency_models.tables.networks",
    "OfabenchError": "bench.errors",
    "SearchSpace": "supernet.space.space",
    "TorchData": "supernet.data.torch_dataset",
    "devices": "ofabench.workflows.devices",
    "open_device": "ofabench.workflows.devices",
    "register_backend": "bench.backends.registry",
    "register_device": "bench.devices.registry",
}

__all__ = [
    "ArchConfig",
    "DeviceInfo",
    "DeviceOptions",
    "LatencyTable",
    "NetworksTable",
    "OfabenchError",
    "SearchSpace",
    "TorchData",
    "devices",
    "open_device",
    "register_backend",
    "register_device",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
