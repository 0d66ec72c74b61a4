"""`ofabench search`: find the most accurate network of a space within limits, or a front."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.measured_search import MeasuredSearchOptions
from ofabench.options.search import FLOAT32, LimitOptions, SearchOptions, latencies, precision

if TYPE_CHECKING:
    from ofabench.workflows.fleet.search import FleetSearch
    from ofabench.workflows.search.latencies import LatencySource
    from ofabench.workflows.search.limits import Limit
    from ofabench.workflows.search.result import Front, SearchResult

EXIT_NOT_MET = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCommand(Options):
    """Options of `ofabench search`."""

    space: str | None = option(
        None,
        metavar="NAME|FILE.toml",
        help="search space: a name from `ofabench space list`, or a file (default: that of "
        "--latency)",
    )
    accuracy: str = option(
        metavar="A.parquet|ofa:FILE[@SIZES]",
        help="accuracy predictor, from `ofabench accuracy`, or one of OFA; SIZES are the image "
        "sizes of its "
        "encoder, such as 128,160, if they cannot be inferred",
    )
    latency: tuple[Path, ...] = latencies()
    limits: LimitOptions = nested(LimitOptions)
    precision: str | None = precision()
    fleet: Path | None = shared.fleet(
        "find one network within the limit of every device of a fleet; limits and predictors are "
        "in the file, or --max-latency-ms once for each device and --latency FOLDER"
    )
    each: bool = option(
        False,
        help="with --fleet: find a network for each device instead, into NAME.json of the folder "
        "--out",
    )
    pareto: bool = option(
        False,
        help="find the front of accuracy against one or two --latency; with several "
        "--max-latency-ms for one --latency, a network for each limit",
    )
    search: SearchOptions = nested(SearchOptions)
    measured: MeasuredSearchOptions = nested(
        MeasuredSearchOptions, group="with the device in the loop"
    )
    json: bool = shared.json()
    out: Path = shared.out("R.json")

    def check(self) -> None:
        """Require a limit for each latency, unless a front or a fleet is searched."""
        from supernet.search.front import MOST_OBJECTIVES

        if self.fleet is not None:
            self._check_fleet()
            return
        if self.each:
            raise InputError("--each is for the devices of --fleet: give both, or leave it out")
        self.limits.check_confidence()
        latencies, limits = len(self.latency), len(self.limits.max_latency_ms)
        if self.measured.device is not None and (self.pareto or (latencies, limits) != (1, 1)):
            raise InputError(
                f"--measure-on takes one --latency with one --max-latency-ms, and no --pareto; got "
                f"{latencies} and {limits}"
            )
        if not self.pareto and latencies != limits:
            raise InputError(
                f"got {latencies} --latency and {limits} --max-latency-ms, expected one limit for "
                "each"
            )
        if self.pareto and not 1 <= latencies <= (1 if limits else MOST_OBJECTIVES):
            raise InputError(
                f"--pareto takes one --latency, or two without limits on them, got {latencies}"
            )

    def _check_fleet(self) -> None:
        """Refuse what is not for fleets; the fleet's file may have limits and predictors."""
        if self.pareto or self.measured.device is not None:
            name = "--pareto" if self.pareto else "--measure-on"
            raise InputError(f"{name} is not for a --fleet: leave one of them out")
        if len(self.latency) > 1:
            raise InputError(
                f"got {len(self.latency)} --latency, expected one folder with NAME.parquet for "
                "each device of the --fleet, or none"
            )


def run(options: SearchCommand) -> int:
    """Search, write the result and print it."""
    if options.fleet is not None:
        return _for_fleet(options, options.fleet)
    from ofabench.display.live_search import get_search_watcher
    from ofabench.workflows.search.latencies import load_sources
    from ofabench.workflows.search.limits import (
        Limit,
        counted_limits,
        energy_limits,
        latency_limits,
        limits_on,
    )
    from ofabench.workflows.search.search import pareto, search

    sources = load_sources(options.latency)
    space = options.space
    others: list[Limit] = [
        *energy_limits(options.limits),
        *counted_limits(options.limits, _precision(options, sources)),
    ]
    if options.measured.device is not None:
        return _on_device(options, [*latency_limits(sources, options.limits), *others])
    if options.pareto:
        costs = limits_on(sources[0], options.limits) or sources
        result: Front | SearchResult = pareto(
            space,
            options.accuracy,
            costs,
            others,
            options=options.search,
            progress=get_search_watcher(),
        )
    else:
        limits: list[Limit] = [*latency_limits(sources, options.limits), *others]
        result = search(space, options.accuracy, limits, options.search, get_search_watcher())
    return _finish(options, result)


def _finish(
    options: SearchCommand,
    result: "Front | SearchResult | FleetSearch",
    *more: str,
    code: int = 0,
) -> int:
    """Write a result and print it, with more lines; return the exit code."""
    result.save(options.out)
    if options.json:
        print(json.dumps(result.to_dict(), allow_nan=False))
        return code
    print("\n".join([str(result), *more]))
    print(f"written to {options.out}; the accuracy is predicted, expect less", file=sys.stderr)
    return code


def _for_fleet(options: SearchCommand, fleet: Path) -> int:
    """Search for one network of a fleet, or for each device; exit code 2 if one has none."""
    from ofabench.display.live_search import get_search_watcher
    from ofabench.workflows.fleet.limits import fleet_limits, member_lines
    from ofabench.workflows.fleet.search import search_each
    from ofabench.workflows.search.limits import Limit, counted_limits, energy_limits
    from ofabench.workflows.search.search import search

    given = options.limits
    limits = fleet_limits(
        fleet,
        latency=options.latency[0] if options.latency else None,
        max_latency_ms=given.max_latency_ms,
        confidence=given.confidence,
        horizon=given.horizon_s,
        limit_on=given.limit_on,
        session_spread=given.session_spread,
    )
    sources = [limit.source for limit in limits.values()]
    others: list[Limit] = [
        *energy_limits(given),
        *counted_limits(given, _precision(options, sources)),
    ]
    space, accuracy, watcher = options.space, options.accuracy, get_search_watcher()
    if options.each:
        each = search_each(space, accuracy, limits, others, options.search, watcher)
        return _finish(options, each, code=each.code)
    one = search(space, accuracy, [*limits.values(), *others], options.search, watcher)
    return _finish(options, one, *member_lines(one, limits))


def _precision(options: SearchCommand, sources: "list[LatencySource]") -> str:
    """Return the precision of the limits in bytes; any where there are none."""
    from ofabench.workflows.search.precisions import limits_precision

    if options.limits.max_memory_bytes is None and options.limits.max_size_bytes is None:
        return options.precision or FLOAT32
    return limits_precision(options.precision, sources)


def _on_device(options: SearchCommand, limits: "list[Limit]") -> int:
    """Search with the device in the loop; exit code 1 if no try met the limit."""
    from ofabench.display.live_search import get_search_watcher
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.search.loop.search import search_on_device

    measuring_options = options.measured
    result = search_on_device(
        options.space,
        options.accuracy,
        limits,
        measuring_options.device_options,
        folder=measuring_options.measured or options.out.with_suffix(".measured"),
        options=options.search,
        measuring=measuring_options.measuring,
        progress=get_sweep_progress("bar"),
        watcher=get_search_watcher(),
    )
    result.save(options.out)
    print(json.dumps(result.to_dict(), allow_nan=False) if options.json else result)
    print(f"written to {options.out}; measured networks are in {result.folder}", file=sys.stderr)
    return 0 if result.limit_met else EXIT_NOT_MET


COMMAND = Command(
    name="search",
    help="find the most accurate network within limits",
    description="Finds the most accurate network of a space that meets every limit, or with "
    "--pareto the "
    "front of accuracy against latency. With --measure-on it measures candidates on the device, "
    "and "
    "exit code 1 means that the limit was not met.",
    options=SearchCommand,
    run=run,
)
