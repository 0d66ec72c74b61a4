"""Search for two devices at once, with an accuracy function of one's own.

python examples/search_two_devices.py xeon.parquet note8.parquet 0.3 2.5
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ofabench as ob


def accuracy(archs: Sequence[ob.ArchConfig]) -> NDArray[np.float64]:
    """Score networks by what you know of them; here, deeper and larger ones are better."""
    depths = np.array([sum(arch.depths) for arch in archs])
    sizes = np.array([arch.resolution for arch in archs])
    return 1 - 1 / (depths + sizes / 8)


def main(predictors: Sequence[Path], limits_ms: Sequence[float], out: Path) -> ob.SearchResult:
    """Return the best network of `tiny` that is within the limits on both devices."""
    limits = [ob.latency_limit(*pair) for pair in zip(predictors, limits_ms, strict=True)]
    result = ob.search("tiny", accuracy, limits, options=ob.SearchOptions(seed=0))
    result.save(out)
    return result


if __name__ == "__main__":
    files, limits = sys.argv[1:3], sys.argv[3:5]
    print(main([Path(file) for file in files], [float(ms) for ms in limits], Path("found.json")))
