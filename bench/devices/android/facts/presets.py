"""Phones with published figures: their cores, and networks to compare with."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLatency:
    """A whole network that the authors measured on such a phone, batch 1."""

    latency_ms: float
    macs_m: float
    resolution: int
    top1: float  # of ImageNet, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A kind of phone. `clusters` are (cores, highest clock in kHz), fastest first."""

    name: str
    maker: str
    models: tuple[str, ...]
    soc: str
    clusters: tuple[tuple[int, int], ...]
    published: tuple[PublishedLatency, ...]


@cache
def presets() -> tuple[Preset, ...]:
    """Every preset, in the order of its file."""
    file = files("bench.devices.android.facts") / "presets.toml"
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Preset(
            name=one["name"],
            maker=one["maker"],
            models=tuple(one["models"]),
            soc=one["soc"],
            clusters=tuple((part["cores"], part["max_khz"]) for part in one["clusters"]),
            published=tuple(PublishedLatency(**network) for network in one["published"]),
        )
        for one in told["phone"]
    )


def preset_of(model: object) -> Preset | None:
    """The preset for a phone's model (ro.product.model); None for any other phone."""
    return next((one for one in presets() if model in one.models), None)
