"""`drift` on every member of a fleet: sessions added to the sweeps of a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError
from ofabench.options.device import DeviceOptions
from ofabench.options.drift import DriftOptions, DriftPart, DriftRequest
from ofabench.workflows.fleet.common_options import check_common_device, device_of_member
from ofabench.workflows.fleet.fleet_file import FleetLike, fleet_of
from ofabench.workflows.fleet.folder import existing_folder
from ofabench.workflows.fleet.members import MemberRun, run_members
from ofabench.workflows.fleet.outcome import FleetResult, MemberOutcome, outcomes_of
from ofabench.workflows.fleet.watcher import FleetWatcher
from ofabench.workflows.sweep.drift import drift_part, keep_log

DEFAULTS = DriftOptions()


class FleetDrift(FleetResult):
    """Drift logs of a fleet, in its order: what `DriftReport.to_dict` returns, or an error."""

    def _values(self, member: MemberOutcome) -> dict[str, Any]:
        return {"sweep": member.path, "drift": member.result}

    def _words(self, member: MemberOutcome, result: Mapping[str, Any]) -> str:
        sessions, skipped = result["sessions"], len(result["skipped"])
        newest = sessions[-1]
        time = newest["started_at"][:16].replace("T", " ")
        return (
            f"{member.path}: {len(sessions)} sessions, {result['measured']} of them new, drift "
            f"{newest['drift']:+.1%} in the last ({time})"
            f"{f'; skipped sessions: {skipped}, see --json' if skipped else ''}"
        )


def drift_fleet(
    sweeps: Path | str,
    fleet: FleetLike,
    *,
    options: DriftOptions = DEFAULTS,
    wait: bool = False,
    progress: FleetWatcher | None = None,
) -> FleetDrift:
    """Measure the anchor networks of a fleet's sweeps again, in one session of each or several.

    Each session is measured in a new process and stored in the sweep's file. With
    `options.every_s`, a session whose device is away is skipped, and the log continues.

    Args:
        sweeps: the folder of `sweep_fleet`, with a file NAME.sqlite for each member.
        fleet: the fleet of the sweeps, or the path of its file.
        options: how often, and for how long.
        wait: whether to wait for other processes that measure on a device.
        progress: is shown measuring and waiting of each member; None shows nothing.

    Returns:
        The log or the error of each member.

    Raises:
        InputError: the fleet's file or an argument is invalid.
        FileError: the fleet's file cannot be read, or there is no such folder.

    Example:
        >>> from ofabench.options.fleet import Fleet, FleetMember
        >>> here = FleetMember(name="here", device=DeviceOptions(device="fake"))
        >>> drift_fleet("nowhere", Fleet(members=(here,)))
        Traceback (most recent call last):
        bench.errors.FileError: there is no folder nowhere; give that of `sweep --fleet`
    """
    if not isinstance(options, DriftOptions):
        raise InputError(f"options are {options!r:.80}, expected DriftOptions")
    request = DriftRequest(sweep=Path(sweeps), device=DeviceOptions(wait=wait), drift=options)
    return drift_fleet_request(request, fleet, progress)


def drift_fleet_request(
    request: DriftRequest,
    fleet: FleetLike,
    progress: FleetWatcher | None = None,
    *,
    default_device: str | None = None,
) -> FleetDrift:
    """Extend the logs of a fleet's sweeps in the folder `request.sweep`; see `drift_fleet`.

    `default_device` is the device of a request that names none.
    """
    check_common_device(request.device, default_device)
    fleet = fleet_of(fleet)
    folder = existing_folder(request.sweep, "that of `sweep --fleet`")
    paths = {member.name: folder / f"{member.name}.sqlite" for member in fleet}

    def work(run: MemberRun) -> Mapping[str, Any]:
        member, display = run.member, run.display
        part = DriftPart(
            sweep=paths[member.name],
            device=device_of_member(member, request.device),
            force=request.drift.force,
        )

        def session() -> None:
            run.measure(drift_part, part)

        report = keep_log(
            part.sweep,
            request.drift,
            session,
            display,
            resume_with="the same command",
            clock=run.clock,
            say=display.say,
        )
        return report.to_dict()

    ends = run_members(fleet, work, progress)
    return FleetDrift(outcomes_of(fleet, ends, paths))
