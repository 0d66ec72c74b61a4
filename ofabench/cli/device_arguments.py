"""The device that a command measures on: one set of arguments, and the device made of them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.devices.android.phone.options import DELEGATES, RUNNERS
from bench.devices.cuda.options import LAUNCHES
from ofabench.cli.arguments import positive_int

if TYPE_CHECKING:
    from bench.protocol.device import Device

PHONE_OPTIONS = ("runner", "binary", "delegate", "frequency_khz", "debs")
CUDA_OPTIONS = ("launch", "tf32")


def add_device(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Add `--device` and what phones and GPUs are measured with."""
    parser.add_argument(
        "--device",
        default=default,
        metavar="D",
        help="cpu, cuda:0, adb:SERIAL, adb:HOST:PORT or adb:transport_id:N; see `ofabench devices`",
    )
    add_wait(parser)
    add_phone_options(parser)
    add_cuda_options(parser)


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add `--wait`, for what else measures there."""
    parser.add_argument(
        "--wait",
        action="store_true",
        help="where another ofabench measures on the device, wait for its end (default: say which)",
    )


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


def add_cuda_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a GPU has."""
    group = parser.add_argument_group("NVIDIA GPUs (cuda:...)")
    group.add_argument(
        "--launch",
        choices=LAUNCHES,
        help="how work reaches the GPU: replayed as a CUDA graph (default), kernel by kernel, or "
        "torch.compile",
    )
    group.add_argument(
        "--tf32", action="store_true", default=None, help="let fp32 work round to TF32"
    )


def device_of(args: argparse.Namespace) -> "Device":
    """Make the device that the arguments name; `InputError` where they do not fit together."""
    from bench.devices.android.phone.options import PhoneOptions
    from bench.devices.cuda.options import CudaOptions
    from bench.devices.registry import get_device
    from bench.errors import InputError

    if args.device is None:
        raise InputError("give --device, for instance cpu or adb:SERIAL; see `ofabench devices`")
    phone, cuda = _given(args, PHONE_OPTIONS), _given(args, CUDA_OPTIONS)
    for given, prefix, whose in ((phone, "adb:", "phones (adb:...)"), (cuda, "cuda", "GPUs")):
        if given and not args.device.startswith(prefix):
            option = _option(next(iter(given)))
            raise InputError(f"{option} is for {whose}, the device is {args.device}")
    if args.device.startswith("adb:"):
        return get_device(args.device, phone=PhoneOptions(**phone))
    if args.device.startswith("cuda"):
        return get_device(args.device, cuda=CudaOptions(**cuda))
    return get_device(args.device)


@contextmanager
def device_in(args: argparse.Namespace) -> "Iterator[Device]":
    """The arguments' device, for as long as the block lasts."""
    with closing(device_of(args)) as device:
        yield device


@contextmanager
def measuring_on(args: argparse.Namespace, device: "Device") -> "Iterator[None]":
    """Be the only one that measures on the device, for as long as the block lasts.

    With `--wait` another's end is waited for, and told; else `DeviceInUseError` names it.
    """
    from bench.devices.device_lock import measuring

    with measuring(device, wait=args.wait, tell=lambda words: _tell_waiting(words, args.progress)):
        yield


def _tell_waiting(words: str, form: str) -> None:
    if form == "json":
        from ofabench.display.progress import JsonProgress

        progress = JsonProgress()
        progress.start(1, "waiting")
        progress.advance(0, note=words)
    else:
        print(f"ofabench: {words}", file=sys.stderr, flush=True)


def device_words(args: argparse.Namespace) -> list[str]:
    """Write `--wait` and the options of phones and GPUs that were given, as arguments."""
    words = ["--wait"] if args.wait else []
    for name, value in _given(args, (*PHONE_OPTIONS, *CUDA_OPTIONS)).items():
        words += [_option(name)] if value is True else [_option(name), str(value)]
    return words


def _given(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    found = {name: getattr(args, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
