"""`search_on_device`: a search that measures its best networks on the device."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import Progress
from bench.timing.statistic import MEDIAN
from ofabench.options.device import DeviceOptions
from ofabench.options.measured_search import MeasuringOptions
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.accuracies import Accuracy
from ofabench.workflows.search.job import prepared
from ofabench.workflows.search.latencies import MILLISECONDS, LatencySource
from ofabench.workflows.search.limits import LatencyLimit, Limit
from ofabench.workflows.search.loop.deciding import Decider, in_another_process
from ofabench.workflows.search.loop.loop import Loop
from ofabench.workflows.search.loop.result import MeasuredSearch
from ofabench.workflows.search.loop.task import LoopFolder, LoopTask
from ofabench.workflows.search.plan import plan_of, watcher_of
from ofabench.workflows.search.result import SearchResult

if TYPE_CHECKING:
    from ofabench.workflows.devices import DeviceLike
    from supernet.constraints.constraints import Constraint
    from supernet.search.callbacks import Watcher
    from supernet.space.space import SearchSpace

__all__ = ["MeasuredSearch", "MeasuringOptions", "search_on_device"]


def search_on_device(  # noqa: PLR0913 - what is searched, its limits, and where it is measured
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    constraints: "Limit | Constraint | Sequence[Limit | Constraint]",
    device: str | DeviceOptions,
    *,
    folder: str | os.PathLike[str],
    options: SearchOptions | None = None,
    measuring: MeasuringOptions | None = None,
    progress: Progress | None = None,
    watcher: "Progress | Watcher | None" = None,
) -> MeasuredSearch:
    """Return the most accurate network that met its latency limit when it was measured.

    Each iteration measures the networks that are predicted best, together with the predictor's
    anchors, corrects the predictor, and searches again, until the best network within the limit is
    a measured one. That network is measured again in a new process, which alone decides.

    Args:
        space: as of `search`.
        accuracy: as of `search`.
        constraints: one limit of `latency_limit`, which is measured, and any limits on other costs.
        device: an address like `"cpu"`, or `DeviceOptions`: the device of the predictor.
        folder: keeps all measurements; the same call continues from them.
        options: how to search, and until when.
        measuring: how much an iteration measures, and the largest number of iterations.
        progress: is shown the measurements; None shows nothing.
        watcher: is shown the searches; None shows nothing.

    Returns:
        The network, with every candidate that was measured and every deciding measurement;
        `limit_met` says whether the last of these was within the limit.

    Raises:
        InfeasibleError: no network is predicted to meet the limits, or no measured network meets
            them.
        TargetMismatchError: the device is not the predictor's.
        DeviceError: the device is busy or was lost; finished measurements are kept.
        InputError: an argument is wrong, or the folder has measurements of another search.

    Example:
        >>> import tempfile
        >>> from ofabench.workflows.latency.fit import fit
        >>> from ofabench.workflows.search.limits import latency_limit
        >>> from ofabench.workflows.sweep.sweep import SweepOptions, sweep
        >>> quick = SweepOptions(networks=10, replicates=2, rounds=2, resolutions=(32,))
        >>> deep = lambda archs: [0.5 + sum(arch.depths) / 100 for arch in archs]
        >>> with tempfile.TemporaryDirectory() as here:
        ...     swept = sweep("tiny", "fake", "fake", out=f"{here}/s.sqlite", options=quick)
        ...     limit = latency_limit(fit(swept.blocks(), swept.networks()), "0.3ms")
        ...     result = search_on_device(
        ...         "tiny",
        ...         deep,
        ...         limit,
        ...         "fake",
        ...         folder=f"{here}/measured",
        ...         options=SearchOptions(budget=300, patience=5, resolutions=(32,)),
        ...         measuring=MeasuringOptions(candidates=4, iterations=2, rounds=2),
        ...     )
        >>> result.iterations <= 2, len(result.tries) >= 1
        (True, True)
    """
    if not isinstance(device, str | DeviceOptions):
        raise InputError(
            f"device is {device!r:.80}, expected an address like 'cpu' or DeviceOptions: another "
            "process measures on it too"
        )
    address = DeviceOptions(device=device) if isinstance(device, str) else device
    measuring = MeasuringOptions.or_defaults(measuring)
    task, constraints = loop_task(space, accuracy, constraints, options, measuring)
    decider = in_another_process(address, force=measuring.force, progress=progress)
    return run_loop(task, constraints, address, Path(folder), decider, progress, watcher)


def loop_task(
    space: Any,
    accuracy: Accuracy,
    constraints: Any,
    options: SearchOptions | None,
    measuring: MeasuringOptions,
) -> tuple[LoopTask, list[Any]]:
    """Return the task, loaded and checked, and the constraints as a list."""
    constraints = list(constraints) if isinstance(constraints, Sequence) else [constraints]
    latencies = [
        constraint
        for constraint in constraints
        if isinstance(constraint, LatencyLimit) and constraint.source.unit == MILLISECONDS
    ]
    if len(latencies) != 1:
        raise InputError(
            f"got {len(latencies)} latency limits, expected one: a search that measures has one "
            "device (one --latency with its --max-latency-ms)"
        )
    (limit,) = latencies
    statistic = limit.source.predictor.statistic
    if statistic != MEDIAN:
        raise InputError(
            f"the predictor predicts the {statistic}, but a search that measures compares medians: "
            f"give a predictor of the {MEDIAN}, or leave out --measure-on and use `ofabench verify`"
        )
    job = prepared(space, accuracy, [limit.source], SearchOptions.or_defaults(options))
    energies, others = job.constraints(
        [constraint for constraint in constraints if constraint is not limit]
    )
    others += [energy.constraint(job.space) for energy in energies]
    return (
        LoopTask(job=job, limit=limit, others=(*job.measured(), *others), measuring=measuring),
        constraints,
    )


def run_loop(  # noqa: PLR0913, PLR0917 - the parts of one loop
    task: LoopTask,
    constraints: Sequence[Any],
    device: "DeviceLike",
    folder: Path,
    decider: Decider,
    progress: Progress | None = None,
    watcher: "Progress | Watcher | None" = None,
) -> MeasuredSearch:
    """Run a loop up to the deciding measurement; see `search_on_device`."""
    plan = plan_of(task.job.options, watcher_of(watcher))
    loop_folder = LoopFolder(folder)
    loop = Loop(
        task=task,
        folder=loop_folder,
        device=device,
        decider=decider,
        plan=plan,
        progress=progress,
    )
    end = loop.measured()
    tries, chosen_try = loop.deciding_tries(end)
    origin = replace(
        task.job.origin(plan, constraints, end.search.seconds),
        latencies=(LatencySource(end.state.predictor, known_space=task.job.space),),
    )
    return MeasuredSearch(
        result=SearchResult(loop.network(end, chosen_try.line), origin),
        knowledge=end.state,
        tries=tuple(tries),
        chosen_try=chosen_try,
        end_reason=end.reason,
        folder=folder,
    )
