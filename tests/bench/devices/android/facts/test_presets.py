"""Phones with published figures."""

import json
from pathlib import Path

import pytest

from bench.devices.android.facts.presets import preset_of, presets
from tests.support.phone_models import MODELS


def test_a_preset_is_chosen_by_the_exact_model() -> None:
    result = preset_of("SM-N950F")

    assert result is not None
    assert (result.name, result.soc) == ("note8", "Exynos 8895")
    assert result.clusters == ((4, 2_314_000), (4, 1_690_000))
    assert preset_of("SM-N950U") is None  # the American one has another processor
    assert preset_of(None) is None


def test_clusters_and_networks_of_a_preset_are_in_order() -> None:
    assert [preset.name for preset in presets()] == ["note8", "pixel1", "pixel2"]
    for preset in presets():
        clocks = [max_khz for _, max_khz in preset.clusters]
        assert clocks == sorted(clocks, reverse=True)
        latencies = [network.latency_ms for network in preset.published]
        assert latencies == sorted(latencies)


def test_test_phones_and_presets_agree() -> None:
    models = {name: phone.properties["ro.product.model"] for name, phone in MODELS.items()}

    result = {name: preset_of(model) for name, model in models.items()}

    assert {name: preset.name if preset else None for name, preset in result.items()} == {
        "note8": "note8",
        "pixel2": "pixel2",
    }


def test_figures_are_those_of_the_published_networks(shared_data: Path) -> None:
    networks = json.loads((shared_data / "ofa_specialized.json").read_text())

    for preset in presets():
        theirs = {
            (net["latency_ms"], net["macs_m"], net["resolution"], net["top1"])
            for net in networks
            if net["device"] == preset.name
        }
        ours = {(n.latency_ms, n.macs_m, n.resolution, n.top1) for n in preset.published}
        assert ours == theirs


@pytest.mark.parametrize("name", ["note8", "pixel1", "pixel2"])
def test_every_preset_has_published_networks(name: str) -> None:
    (preset,) = [preset for preset in presets() if preset.name == name]

    assert len(preset.published) >= 4
    assert all(50 < network.top1 < 90 for network in preset.published)
