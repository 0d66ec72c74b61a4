"""Mutation tests: which one-token changes of a module its tests detect.

    python -m tests.mutation bench/timing/drift.py [--count 40] [--seed 1]

Works in a copy: the working tree is not changed. `areas.toml` names the tests of each module,
`equivalent.toml` the changes that no test can notice, with the reason.
"""

import argparse
import sys
import tempfile
import time
import tomllib
from itertools import islice
from pathlib import Path

from tests.mutation.mutants import Mutant, all_positions, draw, mutants
from tests.mutation.trial import Outcome, copy_project, import_heavy, run_tests

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AIM = 0.95  # share of the mutants that are not equivalent
LEAST_LIMIT_S = 20.0
LIMIT_TIMES = 4.0  # the unchanged tests' time; a mutant may loop for ever


def main() -> int:
    options = _options()
    areas: dict[str, list[str]] = tomllib.loads((HERE / "areas.toml").read_text())["tests"]
    if options.module not in areas:
        known = "\n  ".join(areas)
        print(f"no tests are named for {options.module}; modules in areas.toml:\n  {known}")
        return 2
    tests = [f"tests/{name}.py" for name in areas[options.module]]
    original = (ROOT / options.module).read_text()
    result = all_positions(original)
    if options.only:
        chosen = list(mutants(original, [result[number - 1] for number in options.only]))
    else:
        chosen = list(islice(mutants(original, draw(result, options.seed)), options.count))
    print(f"{options.module}: {len(chosen)} of {len(result)} mutants (seed {options.seed})")
    equivalent = [mutant for mutant in chosen if _is_equivalent(options.module, mutant)]
    tried = [mutant for mutant in chosen if mutant not in equivalent]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder).resolve()
        copy_project(ROOT, copy)
        outcomes = _outcomes(copy, options.module, tried, tests)
    if outcomes is None:
        return 2
    for mutant, outcome in zip(tried, outcomes, strict=True):
        if outcome is Outcome.SURVIVED:
            print(f"\nsurvived: {mutant.number}\n{mutant.diff(original, options.module)}")
    survived, late = outcomes.count(Outcome.SURVIVED), outcomes.count(Outcome.TIMED_OUT)
    killed = len(tried) - survived
    share = killed / len(tried) if tried else 1.0
    print(
        f"\n{options.module}: killed {killed} ({late} by their time), survived {survived}, "
        f"equivalent {len(equivalent)}: {share:.1%} of those not equivalent killed"
    )
    return 0 if share >= AIM else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="path from the repository's root, as in areas.toml")
    parser.add_argument("--count", type=int, default=40, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", type=int, action="append", metavar="N", help="a mutant's number, instead"
    )
    return parser.parse_args()


def _is_equivalent(module: str, mutant: Mutant) -> bool:
    entries = tomllib.loads((HERE / "equivalent.toml").read_text()).get(module, [])
    return any(
        entry["line"] == mutant.before and mutant.after in entry["becomes"] for entry in entries
    )


def _outcomes(
    copy: Path, module: str, tried: list[Mutant], tests: list[str]
) -> list[Outcome] | None:
    """Return what became of each mutant; None where the tests fail without any."""
    import_heavy()
    began_s = time.monotonic()
    unchanged = run_tests(copy, tests, limit_s=600, keep_bytecode=True)
    if unchanged is not Outcome.SURVIVED:
        print((copy / "output.txt").read_text())
        print("the tests fail on the unchanged module")
        return None
    limit_s = max(LEAST_LIMIT_S, LIMIT_TIMES * (time.monotonic() - began_s))
    outcomes = []
    for mutant in tried:
        (copy / module).write_text(mutant.code)
        outcomes.append(run_tests(copy, tests, limit_s=limit_s))
        print(outcomes[-1].value, end="", flush=True)
    print()
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
