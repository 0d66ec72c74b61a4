"""Latency limits of a fleet: one for each member, from its predictor and its limit."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from latency_models.drift.limit_on import RAW
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.options.search import HORIZON_S
from ofabench.workflows.fleet.fleet_file import FleetLike, fleet_of
from ofabench.workflows.fleet.folder import existing_folder, member_file
from ofabench.workflows.search.latencies import LatencySource, latency_source
from ofabench.workflows.search.limits import LatencyLimit, latency_limit

if TYPE_CHECKING:
    from ofabench.workflows.search.result import SearchResult


def fleet_limits(  # noqa: PLR0913 - the limits, and what their margins are for
    fleet: FleetLike,
    *,
    latency: Path | str | None = None,
    max_latency_ms: Sequence[float | str] = (),
    confidence: float | None = None,
    horizon: float | str = HORIZON_S,
    limit_on: str = RAW,
    session_spread: float | None = None,
) -> dict[str, LatencyLimit]:
    """Return a latency limit for each member of a fleet, by name, for `search`.

    `search(space, accuracy, list(limits.values()))` finds one network that meets all of them;
    `search(space, accuracy, limits["note8"])` the best one for a member.

    Args:
        fleet: a fleet, or the path of its file.
        latency: a folder with the predictor NAME.parquet of each member that has no `latency`.
        max_latency_ms: limits in the order of the members, in place of those in the fleet file.
        confidence: as of `latency_limit`, for all.
        horizon: as of `latency_limit`.
        limit_on: as of `latency_limit`.
        session_spread: as of `latency_limit`.

    Raises:
        InputError: a member has no predictor or no limit, or a value is invalid.
        FileError: a file cannot be read.

    Example:
        >>> from ofabench.options.device import DeviceOptions
        >>> from tests.support.search_runs import TARGET, latency
        >>> latency("tiny", TARGET).save("note8.parquet")
        >>> note8 = FleetMember(
        ...     name="note8", device=DeviceOptions(device="adb:X"), latency="note8.parquet")
        >>> limits = fleet_limits(Fleet(members=(note8,)), max_latency_ms=["30ms"])
        >>> limits["note8"].max_ms
        30.0
    """
    fleet = fleet_of(fleet)
    limits_ms = _limits_ms(fleet, max_latency_ms)
    folder = None if latency is None else existing_folder(Path(latency), "that of predictors")
    files = [_predictor(member, folder) for member in fleet]
    sources: dict[Path, LatencySource] = {
        file: latency_source(file) for file in dict.fromkeys(files)
    }
    return {
        member.name: latency_limit(
            sources[file],
            limit_ms,
            confidence=confidence,
            horizon=horizon,
            limit_on=limit_on,
            session_spread=session_spread,
        )
        for member, file, limit_ms in zip(fleet, files, limits_ms, strict=True)
    }


def _limits_ms(fleet: Fleet, given: Sequence[float | str]) -> list[float | str]:
    """Return the limit of each member; `InputError` if one has none, or if the counts differ."""
    if given and len(given) != len(fleet):
        names = ", ".join(member.name for member in fleet)
        raise InputError(
            f"got {len(given)} --max-latency-ms for {len(fleet)} devices, expected one for each, "
            f"in the order {names}"
        )
    if given:
        return list(given)
    missing = [member.name for member in fleet if member.max_latency_ms is None]
    if missing:
        raise InputError(
            f"{missing[0]} has no limit: give it a key max_latency_ms in the fleet file, or "
            "--max-latency-ms once for each device, in their order"
        )
    return [member.max_latency_ms for member in fleet if member.max_latency_ms is not None]


def _predictor(member: FleetMember, folder: Path | None) -> Path:
    """Return the file of a member's latency predictor."""
    if member.latency is not None:
        return member.latency
    if folder is None:
        raise InputError(
            f"{member.name} has no latency predictor: give it a key latency in the fleet file, "
            "or --latency FOLDER, a folder with NAME.parquet for each device"
        )
    return member_file(folder, member.name, ".parquet", "--latency")


def member_lines(result: "SearchResult", limits: Mapping[str, LatencyLimit]) -> Iterator[str]:
    """Describe what one network is predicted to take on each member, for a terminal."""
    for name, limit in limits.items():
        predicted_ms = result.predictions[limit.source.key]
        yield f"  {name:<16} {predicted_ms:.4g} ms of {limit.max_ms:g} ms"
