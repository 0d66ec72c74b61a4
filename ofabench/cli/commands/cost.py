"""`ofabench cost`: one supernet for N devices against one training for each of them."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json, positive_float, positive_int

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.energy.meter import Usage
    from supernet.cost import Amount, Approach, Grid

G_PER_KWH = 475.0
G_SOURCE = "world average of 2018, IEA, Global Energy & CO2 Status Report 2019"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "cost",
        help="what a supernet costs against one training for each device",
        description="From what the training itself metered; the paper's figures stand beside it.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="SUPERNET.safetensors")
    parser.add_argument(
        "--search-s", type=positive_float, metavar="S", help="core-seconds of one device's search"
    )
    single = parser.add_mutually_exclusive_group()
    single.add_argument(
        "--single",
        type=Path,
        metavar="SINGLE.json",
        help="one network's training: JSON with `device_s` and `energy_j`",
    )
    single.add_argument(
        "--single-s", type=positive_float, metavar="S", help="device seconds of that training"
    )
    parser.add_argument(
        "--devices", type=_counts, default=(1, 2, 5, 10, 40), metavar="N,N,...", help="1,2,5,10,40"
    )
    parser.add_argument(
        "--carbon-g-per-kwh",
        type=positive_float,
        default=G_PER_KWH,
        metavar="G",
        help=f"CO2e of electricity ({G_PER_KWH:g}: {G_SOURCE})",
    )
    parser.add_argument(
        "--pue", type=positive_float, default=1.0, help="power usage effectiveness (1.0: none)"
    )
    add_json(parser)
    parser.add_argument("--out", type=Path, metavar="COST.json", help="file to write as well")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print both tables and every assumption."""
    from bench.errors import InputError
    from bench.files import write_text
    from ofabench.workflows.cost_table import cost_lines
    from supernet.cost import Approach, Grid
    from supernet.train.checkpoint import load_trained

    grid = Grid(g_per_kwh=args.carbon_g_per_kwh, pue=args.pue)
    checkpoint = load_trained(args.checkpoint)
    usage = checkpoint.usage
    if not usage:
        raise InputError(
            f"{args.checkpoint} does not tell what its training used (it was imported, or made by "
            "an older version): train it again"
        )
    training = _training(usage)
    search, search_told = _search(args)
    ours = Approach(name="one supernet for all", once=training, each=search)
    single, single_told = _single(args, training)
    told = [*_training_told(usage), *search_told, *single_told, *_grid_told(args)]
    data = {
        "space": checkpoint.space.name,
        "usage": [one.to_json() for one in usage],
        "measured": _measured(ours, single, args.devices, grid),
        "published": _published(args.devices),
        "grid": {"g_per_kwh": grid.g_per_kwh, "pue": grid.pue},
        "assumptions": told,
    }
    text = json.dumps(data, indent=2, allow_nan=False)
    if args.out is not None:
        write_text(args.out, text + "\n")
        print(f"written to {args.out}", file=sys.stderr)
    print(text if args.json else "\n".join(cost_lines(data)))
    return 0


def _training(usage: "Sequence[Usage]") -> "Amount":
    from supernet.cost import amount_of

    return amount_of(sum(one.device_s for one in usage), sum(one.energy_j for one in usage))


def _training_told(usage: "Sequence[Usage]") -> list[str]:
    devices = ", ".join(dict.fromkeys(one.device for one in usage))
    how = ", ".join(dict.fromkeys(one.how for one in usage))
    return [
        f"device hours are core hours on a CPU, card hours on cards; trained on {devices}",
        f"training's energy: {how}",
    ]


def _search(args: argparse.Namespace) -> "tuple[Amount, list[str]]":
    from bench.energy.meter import ASSUMED_W_PER_CORE
    from supernet.cost import NOTHING, amount_of

    if args.search_s is None:
        return NOTHING, ["searching is counted as nothing (--search-s); so is measuring a device"]
    watts = f"assumed {ASSUMED_W_PER_CORE:g} W a core"
    told = f"searching's energy: {watts}; measuring a device's latencies is not counted"
    return amount_of(args.search_s, args.search_s * ASSUMED_W_PER_CORE), [told]


def _single(args: argparse.Namespace, training: "Amount") -> "tuple[Approach | None, list[str]]":
    """Training one network for each device, where its cost is given."""
    from supernet.cost import NOTHING, Amount, Approach

    name = "one training each"
    if args.single is not None:
        each = _read_single(args.single)
        return Approach(name=name, once=NOTHING, each=each), []
    if args.single_s is None:
        return None, ["one network's training is not given (--single or --single-s)"]
    hours = args.single_s / 3600
    if not training.device_h or training.kwh is None:
        return Approach(name=name, once=NOTHING, each=Amount(device_h=hours)), []
    each = Amount(device_h=hours, kwh=hours * training.kwh / training.device_h)
    told = "one network's training is taken to draw the power that the supernet's drew"
    return Approach(name=name, once=NOTHING, each=each), [told]


def _read_single(path: Path) -> "Amount":
    from bench.errors import FileError
    from bench.files import VALUE_DAMAGE, read_json
    from supernet.cost import amount_of

    data = read_json(path)
    try:
        return amount_of(float(data["device_s"]), float(data["energy_j"]))
    except VALUE_DAMAGE as error:
        raise FileError(
            f"{path} does not tell a training's `device_s` and `energy_j` as numbers ({error}); "
            "give its device seconds by --single-s"
        ) from error


def _grid_told(args: argparse.Namespace) -> list[str]:
    given = args.carbon_g_per_kwh
    source = G_SOURCE if given == G_PER_KWH else "as given"
    building = "devices alone, no building" if args.pue == 1 else "as given"
    return [f"{given:g} g CO2e a kWh: {source}", f"PUE {args.pue:g}: {building}"]


def _measured(
    ours: "Approach", single: "Approach | None", devices: tuple[int, ...], grid: "Grid"
) -> dict[str, Any]:
    from supernet.cost import NOTHING, Approach, compared

    if single is not None:
        return compared(ours, single, devices, grid)
    found = compared(ours, Approach(name="", once=NOTHING, each=NOTHING), devices, grid)
    totals = [{**row, "other": None} for row in found["totals"]]
    return {"approaches": found["approaches"][:1], "totals": totals, "crosses_at": None}


def _published(devices: tuple[int, ...]) -> dict[str, Any]:
    from supernet import cost

    ours, others = cost.PUBLISHED_OURS, cost.PUBLISHED_OTHERS
    counts = sorted({*devices, cost.PUBLISHED_DEVICES})
    return {
        "source": cost.PUBLISHED_SOURCE,
        "gpu_hours": {
            one.name: {n: one.total(n).device_h for n in counts} for one in (*others, *ours)
        },
        "crosses_at": {
            one.name: {other.name: cost.crossing(one, other) for other in others} for one in ours
        },
    }


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive_int(part) for part in text.split(",")}))
