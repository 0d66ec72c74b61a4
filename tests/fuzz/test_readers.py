"""Every fuzz target on its seeds and on changed ones: readers raise only `OfabenchError`."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import OfabenchError
from tests.fuzz.areas import AREAS, FILES, targets_of
from tests.fuzz.changes import changed, damaged
from tests.fuzz.target import FuzzTarget

# A user's process shows warnings; here they would be errors.
pytestmark = pytest.mark.filterwarnings("ignore")
TARGETS = [(area, target) for area in AREAS for target in targets_of(area)]
NAMES = [target.name for _, target in TARGETS]
# Their first seed is refused at its end.
REFUSED = {"adb_wire", "ofa_accuracy_predictor"}  # read to the connection's end; a part of a file


def test_target_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=NAMES)
def test_first_seed_is_read(target: FuzzTarget) -> None:
    if target.name in REFUSED:
        with pytest.raises(OfabenchError):
            target.read(target.seeds()[0])
    else:
        target.read(target.seeds()[0])


@pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=NAMES)
def test_seeds_and_regressions_are_handled(target: FuzzTarget) -> None:
    for data in (*target.seeds(), *target.regressions()):
        target(data)


@pytest.mark.parametrize(("area", "target"), TARGETS, ids=NAMES)
def test_changed_inputs(area: str, target: FuzzTarget) -> None:
    seeds = target.seeds()

    @settings(
        max_examples=6 if area in FILES else 20, derandomize=True, deadline=None, database=None
    )
    @given(st.integers(0, 1 << 32))
    def read(number: int) -> None:
        rng = random.Random(number)
        data = rng.choice(seeds)
        for _ in range(rng.randrange(1, 4)):
            data = rng.choice((changed, damaged))(data, rng)
        target(data)

    read()
