"""`sweep` on every member of a fleet: one file for each in a folder."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import DeviceError, InputError
from bench.sweep.store import SweepStore
from bench.sweep.summary import SweepSummary, summarise
from bench.timing.plan import SweepPlan
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import FleetMember
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.fleet.common_options import check_common_device, device_of_member
from ofabench.workflows.fleet.fleet_file import FleetLike, fleet_of
from ofabench.workflows.fleet.folder import made_folder
from ofabench.workflows.fleet.members import MemberRun, run_members
from ofabench.workflows.fleet.outcome import FleetResult, MemberOutcome, outcomes_of
from ofabench.workflows.fleet.watcher import FleetWatcher
from ofabench.workflows.sweep.sweep import sweep_part
from ofabench.workflows.sweep.sweep_plan import plan_of
from supernet.space.space import SearchSpace

DEFAULTS = SweepOptions()


class FleetSweep(FleetResult):
    """Sweeps of a fleet, in its order; `members` has the summary or the error of each.

    Each sweep is a file that `open_sweep` opens.
    """

    def _values(self, member: MemberOutcome) -> dict[str, Any]:
        return {"sweep": member.path, "summary": member.result}

    def _words(self, member: MemberOutcome, result: Mapping[str, Any]) -> str:
        width = result["median_half_width"]
        half_width = "" if width is None else f", half-width {width:.1%} in the median"
        return (
            f"{member.path}: {result['blocks']} blocks, {result['networks']} networks{half_width}"
        )


def sweep_fleet(  # noqa: PLR0913 - one for each thing that a sweep is of
    space: str | Path,
    fleet: FleetLike,
    *,
    out: Path | str,
    backend: str | None = None,
    options: SweepOptions = DEFAULTS,
    wait: bool = False,
    progress: FleetWatcher | None = None,
) -> FleetSweep:
    """Sweep every member of a fleet in parallel, each into the file NAME.sqlite of a folder.

    A file that exists is continued. If a member fails or its process ends, the others continue; the
    same call resumes it.

    Args:
        space: a shipped space's name or a TOML file.
        fleet: a fleet, or the path of its file.
        out: the folder, made if it is missing.
        backend: the backend of members that have none.
        options: which blocks and networks are measured and how often; threads, cores and precision
            are for members that have none.
        wait: whether to wait for other processes that measure on a device.
        progress: is shown the progress of each member; None shows nothing.

    Returns:
        The summary or the error of each member.

    Raises:
        InputError: the fleet's file or an argument is invalid.
        FileError: the file cannot be read, or the folder cannot be made.

    Example:
        >>> import tempfile
        >>> from ofabench.options.fleet import Fleet, FleetMember
        >>> fake = DeviceOptions(device="fake")
        >>> members = (
        ...     FleetMember(name="one", device=fake),
        ...     FleetMember(name="two", device=fake, threads=2),
        ... )
        >>> few = SweepOptions(blocks=2, replicates=2, rounds=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fleet = Fleet(members=members)
        ...     sweep_fleet("tiny", fleet, out=folder, backend="fake", options=few)
        FleetSweep(2 of 2 complete)
    """
    if not isinstance(options, SweepOptions):
        raise InputError(f"options are {options!r:.80}, expected SweepOptions")
    request = SweepRequest(
        space=str(space),
        device=DeviceOptions(wait=wait),
        backend=None if backend is None else (backend,),
        sweep=options,
        out=Path(out),
    )
    return sweep_fleet_request(request, fleet, progress)


def sweep_fleet_request(
    request: SweepRequest, fleet: FleetLike, progress: FleetWatcher | None = None
) -> FleetSweep:
    """Sweep a fleet into `request.out`, a folder, as the command line does; see `sweep_fleet`."""
    check_common_device(request.device)
    fleet = fleet_of(fleet)
    requests = {member.name: member_request(member, request) for member in fleet}
    # Raises for a wrong space or file of networks, before anything is made.
    plan = plan_of(request.sweep, SearchSpace.load(request.space))
    made_folder(request.out)

    def work(run: MemberRun) -> Mapping[str, Any]:
        own = requests[run.member.name]
        try:
            result: Mapping[str, Any] = run.measure(sweep_part, own)
        except DeviceError:
            summary = _finished(own, plan)
            if summary is None:
                raise
            return summary.to_json()
        values: Mapping[str, Any] = result["summary"]
        return values

    ends = run_members(fleet, work, progress)
    return FleetSweep(outcomes_of(fleet, ends, {name: each.out for name, each in requests.items()}))


def _finished(request: SweepRequest, plan: SweepPlan) -> SweepSummary | None:
    """Return the summary of a complete sweep, which needs its device no more; else None.

    When a fleet is continued for the members that went away, the others may be away.
    """
    options = request.sweep
    if not request.out.exists():
        return None
    if options.budget_s is not None or options.energy:
        return None  # whether something is left to measure depends on the device
    with SweepStore.open(request.out) as store:
        target, summary = store.target, summarise(store)
        same = ((target.backend,), target.threads, target.precision, target.batch) == (
            request.backend,
            options.threads,
            options.precision,
            options.batch,
        )
        planned = store.plan == plan
    settled = not (options.settle and summary.unsettled)
    return summary if same and planned and settled and summary.complete else None


def member_request(member: FleetMember, request: SweepRequest) -> SweepRequest:
    """Return the sweep of one member; `InputError` if it has no backend, or several."""
    own = member.backend_or_usual
    backends = request.backend or () if own is None else (own,)
    if len(backends) > 1:
        raise InputError(
            f"--backend names {len(backends)} backends, and a member of a fleet has one: give "
            "several without --fleet"
        )
    if not backends:
        raise InputError(
            f"{member.name} has no backend: give it a key backend in the fleet file, or "
            "--backend for all that have none"
        )
    out = request.out / f"{member.name}.sqlite"
    sweep = replace(
        request.sweep,
        precision=member.precision or request.sweep.precision,
        threads=member.threads or request.sweep.threads,
        cores=member.cores or request.sweep.cores,
        resume=out.exists(),
    )
    return SweepRequest(
        space=request.space,
        device=device_of_member(member, request.device),
        backend=backends,
        sweep=sweep,
        out=out,
    )
