"""`ofabench sweep --fleet`: the same sweep on every phone of a fleet file."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bench.devices.android.phone.options import PhoneOptions
from ofabench.cli.device_arguments import PHONE_OPTIONS
from ofabench.workflows.sweep.fleet import EXIT_INTERRUPTED, Member, Outcome, run_fleet
from ofabench.workflows.sweep.sweep_choice import choice_words

if TYPE_CHECKING:
    from bench.devices.android.phone.fleet import FleetPhone

# Told by the fleet file, phone by phone.
FROM_FILE = ("device", "backend", "cores", *PHONE_OPTIONS)
SHARED = ("space", "batch", "loads", "passes", "calls", "cache")
EXIT_FAILED = 2


def sweep_fleet(args: argparse.Namespace) -> int:
    """Sweep every phone into `--out`, a folder: NAME.sqlite each, gone on with where it is there.

    Exit code 2 where a phone failed; the others' sweeps stand.
    """
    from bench.devices.android.phone.fleet import Fleet
    from bench.errors import FileError, InputError

    given = [name for name in FROM_FILE if getattr(args, name) is not None]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise InputError(f"{option} is told by the fleet file, phone by phone; leave it out")
    fleet = Fleet.load(args.fleet)
    try:
        args.out.mkdir(exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make folder {args.out}: {error.strerror or error}") from error
    outcomes = run_fleet([member_of(phone, args) for phone in fleet.phones])
    if args.json:
        print(json.dumps([_as_json(one, args.out) for one in outcomes]))
    else:
        for one in outcomes:
            _show(one, args.out)
    codes = {one.code for one in outcomes}
    if EXIT_INTERRUPTED in codes:
        return EXIT_INTERRUPTED
    return 0 if codes == {0} else EXIT_FAILED


def member_of(phone: "FleetPhone", args: argparse.Namespace) -> Member:
    """Write the sweep of one phone as a command line."""
    out = sweep_path(args.out, phone.name)
    words = ["sweep", "--device", phone.address, "--backend", phone.backend]
    words += ["--threads", str(phone.threads), "--precision", phone.precision]
    if phone.cores is not None:
        words += ["--cores", phone.cores]
    for name in PHONE_OPTIONS:
        value = getattr(phone.options, name)
        if value != getattr(PhoneOptions(), name):
            words += ["--" + name.replace("_", "-"), str(value)]
    for name in SHARED:
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name}", str(value)]
    words += choice_words(args)
    words += ["--force"] if args.force else []
    words += ["--wait"] if args.wait else []
    words += ["--resume"] if out.exists() else []
    return Member(name=phone.name, arguments=(*words, "--out", str(out)))


def sweep_path(folder: Path, name: str) -> Path:
    """Where a phone's sweep lies."""
    return folder / f"{name}.sqlite"


def _as_json(one: Outcome, folder: Path) -> dict[str, object]:
    path = str(sweep_path(folder, one.name))
    words = "" if one.code == 0 else one.words
    return {
        "name": one.name,
        "sweep": path,
        "code": one.code,
        "words": words,
        "summary": one.summary,
    }


def _show(one: Outcome, folder: Path) -> None:
    path = sweep_path(folder, one.name)
    if one.code == 0 and one.summary is not None:
        blocks, networks = one.summary["blocks"], one.summary["networks"]
        width = one.summary["median_half_width"]
        told = "" if width is None else f", half-width {width:.1%} in the median"
        print(f"{one.name:<16} {path}: {blocks} blocks, {networks} networks{told}")
        return
    words = one.words.removeprefix("ofabench: ")
    print(f"{one.name:<16} exit code {one.code}: {words or 'no word'}")
