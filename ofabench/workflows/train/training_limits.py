"""Latency limits of a training, by latency predictors."""

from collections.abc import Callable

from bench.digests import file_digest
from ofabench.options.train import TrainOptions
from ofabench.workflows.search.latencies import load_latencies
from supernet.constraints.constraints import latency
from supernet.space.space import SearchSpace
from supernet.train.sampling import Sampling

_NO_LIMIT_MS = float("1e9")


def sampling_of(
    options: TrainOptions, space: SearchSpace, notify: Callable[[str], None]
) -> tuple[Sampling, str]:
    """Return the restrictions on sampling, and their text for the checkpoint ("" for none)."""
    paths, limits_ms, focus = options.latency, options.max_latency_ms, options.latency_focus or ""
    if not paths:
        return Sampling(), ""
    predictors = load_latencies(paths)
    no_limits = [_NO_LIMIT_MS] * (len(paths) - len(limits_ms))
    constraints = tuple(
        latency(space, predictor, limit_ms)
        for predictor, limit_ms in zip(predictors, [*limits_ms, *no_limits], strict=True)
    )
    names = [
        f"{limit.name} {file_digest(path)[:12]}"
        + ("" if no_limits else f" within {limit.limit:g} ms")
        for limit, path in zip(constraints, paths, strict=True)
    ]
    sampling = Sampling(
        limits=() if no_limits else constraints,
        focus=focus,
        costs=constraints[0].costs,
        report=notify,
    )
    return sampling, ", ".join([*names, *([focus] if focus else [])])
