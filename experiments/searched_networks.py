"""Networks that a search finds under limits: those that a predictor is too low for, if any are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.files import write_text
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from supernet.constraints.constraints import latency, macs
from supernet.search.engine import Budget, SearchPlan, search
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

BUDGET = 5000


def anchor_lines(space: SearchSpace, fitted: Path, count: int) -> list[str]:
    """Lines of some networks that a predictor was fitted on, from fast to slow."""
    table = NetworksTable.load(fitted)
    ms = table.latencies_ms(table.column_or_only(None))
    order = np.argsort(ms)[np.linspace(0, len(ms) - 1, count).round().astype(int)]
    archs = space.from_frame(table.frame)
    return [space.to_line(archs[row]) for row in order.tolist()]


def write_searched(
    space: SearchSpace, predictor: Path, anchors: list[str], out: Path, limits: int
) -> None:
    """Write an archs file of the networks with most MACs under each limit, and `anchors`, once.

    MACs stand for accuracy: as that, they want large networks, and the search takes those whose
    latency is predicted too low.
    """
    if out.exists():
        return
    known = LatencyPredictor.load(predictor)
    count = macs(space.choices)

    def grown(codes: Codes) -> NDArray[np.float64]:
        return np.log(count(codes))

    ends = latency(space, known, 1.0).costs(space.encode([space.smallest(), space.largest()]))
    least_ms, most_ms = ends.tolist()
    lines, plan = [*anchors], SearchPlan(budget=Budget(evaluations=BUDGET, patience=30))
    for number, limit_ms in enumerate(np.geomspace(least_ms, most_ms, limits + 2)[1:-1].tolist()):
        limit = latency(space, known, limit_ms)
        result = search(space, grown, [limit], seed=number, plan=plan)
        lines.append(space.to_line(result.arch))
    write_text(out, "\n".join(dict.fromkeys(lines)) + "\n")
