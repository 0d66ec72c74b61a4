"""Options of `ofabench cost`: one supernet for N devices, and the alternative."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SECONDS, Options, option

G_PER_KWH = 475.0
G_SOURCE = "world average of 2018, IEA, Global Energy & CO2 Status Report 2019"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostOptions(Options):
    """A trained supernet, the cost of searches, and the cost of one training for each device.

    `single` is a JSON file of one network's training; `single_s` its device seconds. `devices` are
    the numbers of devices in the table.
    """

    checkpoint: Path = option(
        positional=True, metavar="SUPERNET.safetensors", help="supernet, from `ofabench train`"
    )
    search_s: float | None = option(
        None, unit=SECONDS, bare=True, metavar="S", help="core-seconds of the search for one device"
    )
    single: Path | None = option(
        None,
        at_most_one="single",
        metavar="SINGLE.json",
        help="one network's training: JSON with `device_s` and `energy_j`",
    )
    single_s: float | None = option(
        None,
        at_most_one="single",
        unit=SECONDS,
        bare=True,
        metavar="S",
        help="device seconds of one network's training",
    )
    devices: tuple[int, ...] = option(
        (1, 2, 5, 10, 40),
        separator=",",
        minimum=1,
        metavar="N,N,...",
        help="numbers of devices ({default})",
    )
    carbon_g_per_kwh: float = option(
        G_PER_KWH, above=0, metavar="G", help="CO2e of electricity ({default}: " + G_SOURCE + ")"
    )
    pue: float = option(
        1.0, above=0, help="power usage effectiveness of the building (1.0: devices alone)"
    )
    out: Path | None = option(None, metavar="COST.json", help="also write the result as JSON")
