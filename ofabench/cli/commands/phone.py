"""`ofabench phone`: build the runner that is pushed to phones."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import Options, nested
from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.options import shared
from ofabench.options.devices import BundleOptions

if TYPE_CHECKING:
    from ofabench.workflows.phone_bundle import PhoneBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCommand(Options):
    """Options of `ofabench phone bundle`."""

    bundle: BundleOptions = nested(BundleOptions)
    json: bool = shared.json()


def run(options: BundleCommand) -> int:
    """Build the bundle and print its files."""
    from ofabench.workflows.phone_bundle import build_phone_bundle

    bundle = build_phone_bundle(options.bundle)
    if options.json:
        print(json.dumps(bundle.to_dict()))
    else:
        _show(bundle)
    return 0


def _show(made: "PhoneBundle") -> None:
    bundle, sizes = made.bundle, made.sizes_bytes
    print(f"{made.folder}: LiteRT {bundle.litert_version} for {bundle.abi}, by {bundle.compiler}")
    for name, size_bytes in sizes.items():
        print(f"  {name:<24} {size_bytes / 1e6:6.1f} MB  sha256 {bundle.files[name][:16]}")
    print(f"  {'together':<24} {sum(sizes.values()) / 1e6:6.1f} MB")


COMMAND = CommandGroup(
    name="phone",
    help="build the runner that is pushed to phones",
    commands=(
        Command(
            name="bundle",
            help="build the runner with its libraries",
            description="Builds the runner and fetches its libraries from package registries: "
            "LiteRT with pip, glibc with apt or from --debs. The result is cached; a sweep builds "
            "it too if it is missing.",
            options=BundleCommand,
            run=run,
        ),
    ),
)
