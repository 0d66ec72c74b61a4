"""`ofabench sweep --fleet`: the same sweep on every phone of a fleet file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.devices.android.phone.fleet import Fleet, FleetPhone
from bench.errors import FileError, InputError
from ofabench.options.device import DeviceOptions, first_given
from ofabench.options.sweep import SweepRequest
from ofabench.workflows.sweep.fleet import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    FleetWatcher,
    Member,
    MemberOutcome,
    run_fleet,
)


@dataclass(frozen=True, slots=True)
class FleetSweep:
    """Results of a fleet's sweeps, in the order of its file."""

    members: tuple[MemberOutcome, ...]

    @property
    def code(self) -> int:
        """Exit code of all: 0, 2 if one failed, 130 if they were stopped."""
        codes = {member.code for member in self.members}
        if EXIT_INTERRUPTED in codes:
            return EXIT_INTERRUPTED
        return 0 if codes == {0} else EXIT_FAILED

    def to_dict(self) -> dict[str, Any]:
        """Return how each ended, as values for JSON."""
        return {"members": [member.to_dict() for member in self.members]}


def sweep_fleet(
    file: Path, request: SweepRequest, watcher: FleetWatcher | None = None
) -> FleetSweep:
    """Sweep every phone of a file into `request.out`, a folder: NAME.sqlite each.

    An existing sweep is continued. If one fails, the others are kept.

    Args:
        file: the fleet's file, with device, backend, cores, threads and precision of each phone.
        request: what is measured.
        watcher: is shown the progress of each phone; None shows nothing.

    Raises:
        InputError: the file or the request is wrong, or the request repeats an option of the file.
        FileError: the folder cannot be made.
    """
    _check_only_in_file(request)
    fleet = Fleet.load(file)
    try:
        request.out.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FileError(f"cannot make folder {request.out}: {reason}") from error
    members = [member_of(phone, request) for phone in fleet.phones]
    return FleetSweep(tuple(run_fleet(members, watcher)))


def _check_only_in_file(request: SweepRequest) -> None:
    """Raise `InputError` for the first option that only the fleet's file may give."""
    options = {
        "device": request.device.device,
        "backend": request.backend,
        "cores": request.sweep.cores,
    }
    names = [name for name, value in options.items() if value is not None]
    first = names[0] if names else first_given(request.device.phone)
    if first is not None:
        option = "--" + first.replace("_", "-")
        raise InputError(f"the fleet file says {option} for each phone; leave it out")


def member_of(phone: FleetPhone, request: SweepRequest) -> Member:
    """Return the sweep of one phone."""
    out = request.out / f"{phone.name}.sqlite"
    sweep = replace(
        request.sweep,
        precision=phone.precision,
        threads=phone.threads,
        cores=phone.cores,
        resume=out.exists(),
    )
    return Member(
        name=phone.name,
        request=SweepRequest(
            space=request.space,
            device=DeviceOptions(
                device=phone.address, wait=request.device.wait, phone=phone.options
            ),
            backend=phone.backend,
            sweep=sweep,
            out=out,
        ),
    )
