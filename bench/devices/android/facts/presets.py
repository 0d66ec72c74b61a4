"""Phones with published figures: their cores, and networks to compare with."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bench.files import parse_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLatency:
    """A whole network that its authors measured on such a phone, batch 1."""

    latency_ms: float
    macs_m: float
    resolution: int
    top1: float  # on ImageNet, percent


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
    """Return every preset, in the order of its file."""
    file = files("bench.devices.android.facts") / "presets.toml"
    content = parse_toml(file.read_text(encoding="utf-8"), file.name)
    return tuple(
        Preset(
            name=phone["name"],
            maker=phone["maker"],
            models=tuple(phone["models"]),
            soc=phone["soc"],
            clusters=tuple((cluster["cores"], cluster["max_khz"]) for cluster in phone["clusters"]),
            published=tuple(PublishedLatency(**network) for network in phone["published"]),
        )
        for phone in content["phone"]
    )


def preset_of(model: object) -> Preset | None:
    """Return the preset for a phone's model (ro.product.model); None for any other phone."""
    return next((preset for preset in presets() if model in preset.models), None)
