"""Cost of a supernet for N devices, against one training for each device."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.energy.meter import ASSUMED_W_PER_CORE, Usage
from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, read_json, write_text
from ofabench.options.cost import G_PER_KWH, G_SOURCE, CostOptions
from supernet import cost
from supernet.cost import NOTHING, Amount, Approach, Grid, amount_of, compared

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """Costs by number of devices, published costs, and all assumptions, as JSON values."""

    data: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        return self.data


def training_cost(options: CostOptions) -> TrainingCost:
    """Return the cost of one supernet for N devices, from the usage metered in its training.

    Raises:
        InputError: the checkpoint has no usage of its training.
        FileError: a file cannot be read or written.
    """
    from supernet.train.checkpoint import load_trained

    grid = Grid(g_per_kwh=options.carbon_g_per_kwh, pue=options.pue)
    checkpoint = load_trained(options.checkpoint)
    usage = checkpoint.usage
    if not usage:
        raise InputError(
            f"{options.checkpoint} has no metered usage of its training (it was imported, or made "
            "by an older version): train it again"
        )
    devices = tuple(sorted({*options.devices}))
    training = amount_of(sum(run.device_s for run in usage), sum(run.energy_j for run in usage))
    search, search_assumptions = _search(options.search_s)
    ours = Approach(name="one supernet for all", once=training, each=search)
    single, single_assumptions = _single(options, training)
    data = {
        "space": checkpoint.space.name,
        "usage": [run.to_json() for run in usage],
        "measured": _measured(ours, single, devices, grid),
        "published": _published(devices),
        "grid": {"g_per_kwh": grid.g_per_kwh, "pue": grid.pue},
        "assumptions": [
            *_training_words(usage),
            *search_assumptions,
            *single_assumptions,
            *_grid_words(options),
        ],
    }
    if options.out is not None:
        write_text(options.out, json.dumps(data, indent=2, allow_nan=False) + "\n")
        logger.info("written to %s", options.out)
    return TrainingCost(data)


def _training_words(usage: Sequence[Usage]) -> list[str]:
    devices = ", ".join(dict.fromkeys(each.device for each in usage))
    sources = ", ".join(dict.fromkeys(each.how for each in usage))
    return [
        f"device hours are core hours on a CPU and GPU hours on a GPU; trained on {devices}",
        f"training's energy: {sources}",
    ]


def _search(search_s: float | None) -> tuple[Amount, list[str]]:
    if search_s is None:
        return NOTHING, ["searching counts as zero (--search-s), and so does measuring a device"]
    watts = f"assumed {ASSUMED_W_PER_CORE:g} W a core"
    assumption = f"searching's energy: {watts}; measuring a device's latencies is not counted"
    return amount_of(search_s, search_s * ASSUMED_W_PER_CORE), [assumption]


def _single(options: CostOptions, training: Amount) -> tuple[Approach | None, list[str]]:
    """One training for each device, if its cost is given; and its assumptions."""
    name = "one training each"
    if options.single is not None:
        each = _read_single(options.single)
        return Approach(name=name, once=NOTHING, each=each), []
    if options.single_s is None:
        return None, ["one network's training is not given (--single or --single-s)"]
    hours = options.single_s / 3600
    if not training.device_h or training.kwh is None:
        return Approach(name=name, once=NOTHING, each=Amount(device_h=hours)), []
    each = Amount(device_h=hours, kwh=hours * training.kwh / training.device_h)
    assumption = "one network's training is assumed to draw the same power as the supernet's"
    return Approach(name=name, once=NOTHING, each=each), [assumption]


def _read_single(path: Path) -> Amount:
    data = read_json(path)
    try:
        return amount_of(float(data["device_s"]), float(data["energy_j"]))
    except VALUE_DAMAGE as error:
        raise FileError(
            f"{path} has no numbers `device_s` and `energy_j` of a training ({error}); "
            "give its device seconds by --single-s"
        ) from error


def _grid_words(options: CostOptions) -> list[str]:
    g_per_kwh = options.carbon_g_per_kwh
    source = G_SOURCE if g_per_kwh == G_PER_KWH else "as given"
    overhead = "devices alone, no building" if options.pue == 1 else "as given"
    return [f"{g_per_kwh:g} g CO2e a kWh: {source}", f"PUE {options.pue:g}: {overhead}"]


def _measured(
    ours: Approach, single: Approach | None, devices: tuple[int, ...], grid: Grid
) -> dict[str, Any]:
    if single is not None:
        return compared(ours, single, devices, grid)
    alone = compared(ours, Approach(name="", once=NOTHING, each=NOTHING), devices, grid)
    totals = [{**row, "other": None} for row in alone["totals"]]
    return {"approaches": alone["approaches"][:1], "totals": totals, "crosses_at": None}


def _published(devices: tuple[int, ...]) -> dict[str, Any]:
    ours, others = cost.PUBLISHED_OURS, cost.PUBLISHED_OTHERS
    counts = sorted({*devices, cost.PUBLISHED_DEVICES})
    return {
        "source": cost.PUBLISHED_SOURCE,
        "gpu_hours": {
            each.name: {n: each.total(n).device_h for n in counts} for each in (*others, *ours)
        },
        "crosses_at": {
            our.name: {other.name: cost.crossing(our, other) for other in others} for our in ours
        },
    }
