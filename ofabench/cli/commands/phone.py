"""`ofabench phone`: what is pushed to phones, built and kept on this machine."""

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
    """How the runner is built, and how the result is printed."""

    bundle: BundleOptions = nested(BundleOptions)
    json: bool = shared.json()


def run(options: BundleCommand) -> int:
    """Build the bundle and print what is in it."""
    from ofabench.workflows.phone_bundle import build_phone_bundle

    made = build_phone_bundle(options.bundle)
    if options.json:
        print(json.dumps(made.to_dict()))
    else:
        _show(made)
    return 0


def _show(made: "PhoneBundle") -> None:
    bundle, sizes = made.bundle, made.sizes_bytes
    print(f"{made.folder}: LiteRT {bundle.litert_version} for {bundle.abi}, by {bundle.compiler}")
    for name, size_bytes in sizes.items():
        print(f"  {name:<24} {size_bytes / 1e6:6.1f} MB  sha256 {bundle.files[name][:16]}")
    print(f"  {'together':<24} {sum(sizes.values()) / 1e6:6.1f} MB")


COMMAND = CommandGroup(
    name="phone",
    help="build what is pushed to phones",
    commands=(
        Command(
            name="bundle",
            help="the runner with its libraries",
            description="Build the runner and what it needs from package registries: LiteRT's "
            "library by pip, glibc by apt or from --debs. It is kept and used again; a sweep "
            "builds it by itself where it is missing.",
            options=BundleCommand,
            run=run,
        ),
    ),
)
