"""How many seeds would show a difference of one point, and does that fit into the time?

    python -m experiments.training.power --half-width 1.93 --pilot-seeds 3 --core-minutes 8

The standard deviation of the paired differences between two ways of training is taken from a pilot:
half the width of its 95 % interval (Student's t over seeds), as the tables of these experiments
print it. Printed are the seeds at which a paired t test (two-sided, 5 %) finds a difference of
`--points` with `--power`, for that standard deviation and for the upper 80 % confidence limit of
it, since few seeds estimate it poorly; and how many times longer each training could be so that all
seeds end within `--minutes`.
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

MOST_SEEDS = 1000
CONFIDENCE = 0.8  # of the upper limit of the standard deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """A paired comparison over `seeds`; `half_width` of its 95 % interval, in points."""

    half_width: float
    seeds: int

    @property
    def deviation(self) -> float:
        """Standard deviation of the paired differences, in points."""
        quantile = float(stats.t.ppf(0.975, self.seeds - 1))
        return self.half_width * math.sqrt(self.seeds) / quantile

    @property
    def largest_deviation(self) -> float:
        """Upper confidence limit of the standard deviation (chi-squared), in points."""
        degrees = self.seeds - 1
        return self.deviation * math.sqrt(degrees / float(stats.chi2.ppf(1 - CONFIDENCE, degrees)))


def power_of(seeds: int, points: float, deviation: float) -> float:
    """Probability that a paired two-sided t test at 5 % finds a true difference of `points`."""
    shift = points / deviation * math.sqrt(seeds)
    critical = float(stats.t.ppf(0.975, seeds - 1))
    above, below = stats.nct.sf(critical, seeds - 1, shift), stats.nct.cdf(
        -critical, seeds - 1, shift
    )  # fmt: skip
    return float(np.nan_to_num(above) + np.nan_to_num(below))


def seeds_needed(points: float, deviation: float, power: float) -> int:
    """Fewest seeds that reach the power; `MOST_SEEDS` where even those do not."""
    for seeds in range(2, MOST_SEEDS):
        if power_of(seeds, points, deviation) >= power:
            return seeds
    return MOST_SEEDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half-width", type=float, required=True, help="of the pilot, in points")
    parser.add_argument("--pilot-seeds", type=int, default=3)
    parser.add_argument("--core-minutes", type=float, required=True, help="of one seed, all arms")
    parser.add_argument("--points", type=float, default=1.0, help="difference to find (1)")
    parser.add_argument("--power", type=float, default=0.8)
    parser.add_argument("--minutes", type=float, default=100.0, help="wall time of a claim (100)")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    pilot = Pilot(half_width=args.half_width, seeds=args.pilot_seeds)
    print("standard deviation | points | seeds | minutes at the pilot's size | times longer")
    for name, deviation in (
        ("estimate", pilot.deviation),
        (f"upper {CONFIDENCE:.0%} limit", pilot.largest_deviation),
    ):
        seeds = seeds_needed(args.points, deviation, args.power)
        minutes = seeds * args.core_minutes / args.cores
        print(
            f"{name:<18} | {deviation:6.2f} | {seeds:5d} | {minutes:27.0f} | "
            f"{args.minutes / minutes:.1f}"
        )


if __name__ == "__main__":
    main()
