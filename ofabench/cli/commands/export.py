"""`ofabench export`: write a sub-network of a trained supernet as a runtime's file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.options import option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.export import FORMATS, ExportOptions, check_source

if TYPE_CHECKING:
    from ofabench.workflows.export.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCommand(ExportOptions):
    """Options of `ofabench export`; here the format is required."""

    checkpoint: Path | None = shared.checkpoint_or_network()
    network: Path | None = shared.network_or_checkpoint()
    arch: str | None = shared.arch_of_checkpoint()
    pick: int | None = shared.pick()
    format: str = option(choices=FORMATS, help="the file's runtime")
    data: str | None = shared.images_of_export()
    json: bool = shared.json()
    out: Path = shared.out("FILE")

    def check(self) -> None:
        """Require a network, or a checkpoint and an architecture."""
        check_source(network=self.network, arch=self.arch, pick=self.pick)


def run(options: ExportCommand) -> int:
    """Extract the network, make its file, compare it with torch, and write it."""
    from ofabench.workflows.export.export import export

    model = export(
        _network(options),
        out=options.out,
        options=options,
        data=options.data,
        pick=options.pick,
    )
    print(json.dumps(model.card.to_json(), allow_nan=False) if options.json else model)
    return 0


def _network(options: ExportCommand) -> "Source":
    """The network's file, or the supernet's file with the architecture."""
    if options.network is not None:
        return options.network
    assert options.checkpoint is not None
    return options.checkpoint, options.arch


COMMAND = Command(
    name="export",
    help="write a sub-network of a supernet as ONNX, TFLite or torch",
    description="Writes the model, checked against torch, and its card (FILE.json), and prints "
    "its accuracy before and after. No test image is used.",
    options=ExportCommand,
    run=run,
)
