"""Explain why no network meets the limits: the binding limits, and the lowest costs."""

import numpy as np

from supernet.constraints.additive_costs import AdditiveCost
from supernet.constraints.constraints import Constraint
from supernet.constraints.feasible import cheapest
from supernet.search.problem import Problem
from supernet.space.codes import Codes


def least_cost(problem: Problem, limit: Constraint) -> tuple[float, bool]:
    """Return the cost of the cheapest network, and whether it is exact or found by descent."""
    additive = AdditiveCost.of(problem.layout, limit.costs)
    if additive is not None:
        return float(additive.least.min()), True
    _, costs = cheapest(problem.layout, limit.costs)
    return float(costs.min()), False


def why_infeasible(problem: Problem, nearest: Codes) -> str:
    """Name the limits that no network meets, else those that `nearest` (1, columns) exceeds."""
    space, impossible, binding, proven = problem.space, [], [], True
    for limit in problem.constraints:
        least, exact = least_cost(problem, limit)
        least = min(least, float(limit.costs(nearest)[0]))
        requested = f"{limit.name}: {limit.limit:g} {limit.unit} was requested"
        if least > limit.limit:
            proven = proven and exact
            fastest = "the fastest network" if limit.unit == "ms" else "the least"
            fastest += (" takes" if limit.unit == "ms" else " is") if exact else " found takes"
            hint = f"; {limit.hint}" if limit.hint else ""
            impossible.append(f"{requested}, {fastest} {least:.4g} {limit.unit}{hint}")
        elif limit.excess(limit.costs(nearest))[0] > 0:
            nearest_cost = float(np.asarray(limit.costs(nearest))[0])
            binding.append(f"{requested}, the nearest network has {nearest_cost:.4g} {limit.unit}")
    if impossible:
        no_network = f"no network of {space.name} {'is' if proven else 'was found'}"
        return f"{no_network} within the limit on {'; on '.join(impossible)}"
    return (
        f"no network of {space.name} was found within all limits together, although each can be "
        f"met by itself; the binding limits are {'; '.join(binding)}"
    )
