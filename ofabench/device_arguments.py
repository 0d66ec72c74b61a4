"""The device that a command measures on: one set of arguments, and the device made of them."""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.phone.options import DELEGATES, RUNNERS
from ofabench.arguments import positive_int

if TYPE_CHECKING:
    from bench.devices.base import Device

PHONE_OPTIONS = ("runner", "binary", "delegate", "frequency_khz", "debs")


def add_device(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Add `--device` and what a phone is measured with."""
    parser.add_argument(
        "--device",
        default=default,
        metavar="D",
        help="cpu, adb:SERIAL or adb:HOST:PORT; see `ofabench devices`",
    )
    add_phone_options(parser)


def add_phone_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a phone has."""
    group = parser.add_argument_group("phones (adb:...)")
    group.add_argument(
        "--runner", choices=RUNNERS, help="what measures on the phone (default ofabench, ours)"
    )
    group.add_argument(
        "--binary", type=Path, metavar="PATH", help="benchmark_model, built for the phone"
    )
    group.add_argument(
        "--delegate", choices=DELEGATES, help="of benchmark_model (default xnnpack, the processor)"
    )
    group.add_argument(
        "--frequency-khz",
        type=positive_int,
        metavar="KHZ",
        help="fix the processor's frequency, on a rooted phone; put back afterwards",
    )
    group.add_argument(
        "--debs",
        type=Path,
        metavar="FOLDER",
        help="Debian's arm64 packages, where apt cannot fetch them; see `ofabench phone bundle`",
    )


def device_of(args: argparse.Namespace) -> "Device":
    """Make the device that the arguments name; `InputError` where they do not fit together."""
    from bench.devices.registry import get_device
    from bench.errors import InputError

    if args.device is None:
        raise InputError("give --device, for instance cpu or adb:SERIAL; see `ofabench devices`")
    given = {name: getattr(args, name) for name in PHONE_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if not args.device.startswith("adb:"):
        if given:
            option = "--" + next(iter(given)).replace("_", "-")
            raise InputError(f"{option} is for phones (adb:...), the device is {args.device}")
        return get_device(args.device)
    from bench.phone.options import PhoneOptions

    return get_device(args.device, PhoneOptions(**given))


@contextmanager
def device_in(args: argparse.Namespace) -> "Iterator[Device]":
    """The arguments' device, for as long as the block lasts."""
    with closing(device_of(args)) as device:
        yield device


def phone_words(args: argparse.Namespace) -> list[str]:
    """Write the phone's options that were given, as arguments."""
    words = []
    for name in PHONE_OPTIONS:
        value = getattr(args, name)
        if value is not None:
            words += ["--" + name.replace("_", "-"), str(value)]
    return words
