"""Plan of a sweep: its planner and its repetitions, from the options."""

from pathlib import Path

from bench.digests import file_digest
from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.protocol.device import ModelCosts
from bench.sweep.planner import Planner, SettlingPlanner
from bench.sweep.spread import Spread
from bench.timing.plan import SweepPlan
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.sweep.sweep_setup import sweep_work
from supernet.space.space import ArchConfig, SearchSpace


def planner_of(
    options: SweepOptions, space: SearchSpace, costs: ModelCosts, plan: SweepPlan
) -> Planner:
    """Return the planner: of a fixed list of workloads, or of a time budget by rough costs."""
    if options.budget_s is None:
        work = sweep_work(
            space,
            resolutions=options.resolutions,
            blocks=options.blocks,
            networks=options.networks,
            informative=options.informative,
            ends=options.ends,
            archs=_archs(options.archs, space),
            seed=options.seed,
        )
        return SettlingPlanner(work, again=options.settle, replicates=plan.replicates)
    from ofabench.workflows.sweep.anchor_session import reserve_s
    from ofabench.workflows.sweep.budget_planner import BudgetPlanner, SweepBudget

    return BudgetPlanner(
        space,
        SweepBudget(budget_s=options.budget_s, plan=plan, batch=options.batch, costs=costs),
        resolutions=options.resolutions,
        networks=options.networks or None,
        seed=options.seed,
        reserve_s=reserve_s(options.budget_s),
    )


def _archs(path: Path | None, space: SearchSpace) -> list[ArchConfig]:
    from ofabench.workflows.latency.networks import read_archs

    if path is None:
        return []
    networks = list(read_archs(path, space))
    for network_space, _ in networks:
        if network_space != space:
            raise InputError(f"{path} has a network of {network_space.name}, not of {space.name}")
    return [arch for _, arch in networks]


def plan_of(options: SweepOptions, space: SearchSpace) -> SweepPlan:
    """Return the numbers of replicates, rounds and samples, with the request's facts."""
    return SweepPlan(
        replicates=options.replicates_or_default,
        rounds=options.rounds_or_default,
        samples=options.burst,
        seed=options.seed,
        requested=sweep_request_facts(options, space.name),
    )


def sweep_request_facts(options: SweepOptions, space: str) -> tuple[tuple[str, str], ...]:
    """Return the request's options in words, for `SweepPlan.requested`."""
    sizes = "all" if options.resolutions is None else ",".join(map(str, options.resolutions))
    blocks = "all" if options.blocks is None else str(options.blocks)
    return (
        ("space", space),
        ("resolutions", sizes),
        ("blocks", blocks),
        ("networks", str(options.networks)),
        ("ends", "yes" if options.ends else "no"),
        *((("informative", "yes"),) if options.informative else ()),
        *((("archs", _digest(options.archs)),) if options.archs is not None else ()),
        *((("budget", f"{options.budget_s:g} s"),) if options.budget_s is not None else ()),
        *((("sessions", _sessions(options)),) if options.sessions > 1 else ()),
    )


def spread_of(options: SweepOptions) -> Spread:
    """Return how the measurements are spread over sessions: of a budget its main iteration."""
    return Spread(
        sessions=options.sessions,
        every_s=SESSION_GAP_S if options.every_s is None else options.every_s,
        round=0 if options.budget_s is None else 1,
    )


def _sessions(options: SweepOptions) -> str:
    spread = spread_of(options)
    return f"{spread.sessions}, {spread.every_s:g} s apart"


def _digest(path: Path) -> str:
    """Digest of a file's content, so that no sweep continues with other networks."""
    return f"{path.name} sha256:{file_digest(path)[:16]}"
