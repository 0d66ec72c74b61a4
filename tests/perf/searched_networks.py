"""Networks that a search finds under limits: those that a predictor is too low for, if any are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.files import write_text
from latency_models.predictors import LatencyPredictor
from supernet.codes import Codes
from supernet.constraints import latency, macs
from supernet.search import Evolution, search
from supernet.space import SearchSpace

BUDGET = 5000


def write_searched(space: SearchSpace, predictor: Path, out: Path, limits: int) -> None:
    """Write an archs file of the networks with most MACs under each limit, once.

    MACs stand for accuracy: as that, they want large networks, and the search takes those whose
    latency is told too low.
    """
    if out.exists():
        return
    known = LatencyPredictor.load(predictor)
    count = macs(space.choices)

    def grown(codes: Codes) -> NDArray[np.float64]:
        return np.log(count(codes))

    ends = latency(space, known, 1.0).costs(space.encode([space.smallest(), space.largest()]))
    least_ms, most_ms = ends.tolist()
    lines = []
    for number, limit_ms in enumerate(np.geomspace(least_ms, most_ms, limits + 2)[1:-1].tolist()):
        limit = latency(space, known, limit_ms)
        found = search(
            space, grown, [limit], seed=number, evolution=Evolution(budget=BUDGET, patience=30)
        )
        lines.append(space.to_line(found.arch))
    write_text(out, "\n".join(dict.fromkeys(lines)) + "\n")
