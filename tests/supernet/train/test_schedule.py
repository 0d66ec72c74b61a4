"""`supernet.train.schedule` and `sampling`: choices that phases allow, by hand."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.errors import FileError, InputError
from supernet.sampling.draws import UniformDraws
from supernet.space.space import SearchSpace
from supernet.train.epoch import EpochPlan
from supernet.train.sampling import PhaseSpace
from supernet.train.schedule import Phase, Schedule, schedule_names

PHASE = Phase(name="p", epochs=4, lr=0.8, batch=8)
TEXT = """
name = "short"
momentum = 0.9

[[phases]]
name = "full"
epochs = 2
lr = 0.1
batch = 8
depths = 1

[[phases]]
name = "all"
epochs = 1
warmup_epochs = 0.5
lr = 0.05
batch = 8
subnets = 2
distillation = 1.0
"""


@pytest.fixture(scope="module")
def tiny() -> SearchSpace:
    return SearchSpace.load("tiny")


def test_a_schedule_is_read_as_written() -> None:
    schedule = Schedule.from_toml(TEXT)

    full, every = schedule.phases
    assert (schedule.name, schedule.momentum, schedule.weight_decay) == ("short", 0.9, 0.0)
    assert (full.depths, full.kernels, full.subnets, full.distillation) == (1, None, 1, 0.0)
    assert (every.depths, every.warmup_epochs, every.subnets) == (None, 0.5, 2)


@pytest.mark.parametrize("name", schedule_names())
def test_shipped_schedules_end_with_every_network(name: str) -> None:
    last = Schedule.load(name).phases[-1]

    limits = (last.resolutions, last.depths, last.kernels, last.expands, last.widths)
    assert limits == (None,) * 5


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("epochs = 2", "epochs = 0", r"phases\[0\].epochs is 0"),
        ("lr = 0.1", "lr = -1", r"phases\[0\].lr is -1"),
        ("lr = 0.1", 'lr = "x"', r"phases\[0\].lr is 'x'"),
        ("batch = 8\ndepths", "batch = 1\ndepths", r"phases\[0\].batch is 1"),
        ("depths = 1", "depths = 0", r"phases\[0\].depths is 0"),
        ("depths = 1", "depth = 1", r"phases\[0\].depth is an unknown key; did you mean depths"),
        ("momentum = 0.9", "momentum = 1.0", "momentum is 1.0"),
        ("warmup_epochs = 0.5", "warmup_epochs = 1", "less than the 1 epochs"),
        ("depths = 1", "distillation = 1.0", "the first phase trains"),
        ("subnets = 2", 'subnets = 1\nsampling = "sandwich"', "the largest and the smallest"),
        ("subnets = 2", 'sampling = "best"', r"sampling is 'best'"),
        ("subnets = 2", 'trainable = "tail"', r"trainable is 'tail'"),
        ("momentum = 0.9", "clip_norm = -1", "clip_norm is -1"),
        ('name = "short"', "", "name is missing"),
        ("[[phases]]", "[[phase]]", "phase is an unknown key; did you mean phases"),
        ("momentum = 0.9", "momentum =", "not TOML"),
    ],
)
def test_a_wrong_schedule_is_refused_with_its_field(before: str, after: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Schedule.from_toml(TEXT.replace(before, after))


def test_a_phase_may_train_the_head_only() -> None:
    first, second = Schedule.load("head-first").phases

    assert (first.name, first.trainable, first.head_only) == ("head", "head", True)
    assert (second.trainable, second.head_only) == ("all", False)


def test_an_unknown_schedule_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"known: .*digits"):
        Schedule.load("nope")
    with pytest.raises(FileError, match="cannot read"):
        Schedule.load(tmp_path / "nope.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not TOML"):
        Schedule.load(tmp_path / "bytes.toml")


def test_the_learning_rate_warms_up_and_falls_as_a_cosine() -> None:
    phase = replace(PHASE, warmup_epochs=0.5)

    rates = [phase.lr_at(step, steps_per_epoch=6) for step in range(24)]

    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[3 + 7] == pytest.approx(0.4 * (1 + math.cos(math.pi / 3)))
    assert 0 < rates[-1] < 0.01
    assert all(a > b for a, b in pairwise(rates[3:]))


def test_a_phase_draws_from_the_largest_choices_only(tiny: SearchSpace) -> None:
    phase = replace(PHASE, resolutions=1, depths=1, kernels=2, expands=1)

    layout = PhaseSpace(tiny, phase).layout
    archs = tiny.decode(layout.sample(np.random.default_rng(0), 200))

    largest = tiny.largest()
    assert {arch.resolution for arch in archs} == {largest.resolution}
    assert {arch.depths for arch in archs} == {largest.depths}
    assert {arch.expands for arch in archs} == {largest.expands}
    drawn = {kernel for arch in archs for kernel in arch.kernels}
    columns = [c for c in tiny.layout.columns if c.name.startswith("ks")]
    assert drawn == {value for column in columns for value in column.values[-2:]}


def test_hidden_widths_are_those_of_the_allowed_expansions(tiny: SearchSpace) -> None:
    widths = PhaseSpace(tiny, replace(PHASE, expands=1)).hidden_widths()

    largest = {
        name: (s.mid_channels,) for name, s in tiny.named_blocks(tiny.largest()) if ".b" in name
    }
    assert widths == largest
    every = PhaseSpace(tiny, PHASE).hidden_widths()
    smallest = dict(tiny.named_blocks(tiny.smallest()))
    assert every["s1.b0"][0] == smallest["s1.b0"].mid_channels


def test_a_phase_that_allows_more_choices_than_the_space_is_refused(tiny: SearchSpace) -> None:
    with pytest.raises(InputError, match="allows 9 kernels, the space has at most"):
        PhaseSpace(tiny, replace(PHASE, kernels=9))


@pytest.mark.parametrize(
    ("before", "after", "widens"),
    [(1, 2, True), (2, None, True), (2, 2, False), (None, None, False)],
)
def test_a_phase_widens_where_it_allows_more_expansions(
    before: int | None, after: int | None, widens: bool
) -> None:
    assert replace(PHASE, expands=after).widens(replace(PHASE, expands=before)) is widens


def test_an_epoch_has_every_image_at_most_once(tiny: SearchSpace) -> None:
    draws = UniformDraws(layout=PhaseSpace(tiny, PHASE).layout)
    phase = replace(PHASE, batch=4, subnets=2)
    first = EpochPlan.draw((5, 0, 0), phase, 10, draws)
    second = EpochPlan.draw((5, 0, 1), phase, 10, draws)

    seen = [
        index
        for request in first.requests(0, range(2), count=2)
        for index in request.images.tolist()
    ]
    assert (first.steps, first.images) == (2, 16)
    assert len(set(seen)) == 8
    assert first.order.tolist() != second.order.tolist()
    assert first.lr_at(1) == phase.lr_at(1, 2)
    assert second.lr_at(1) == phase.lr_at(3, 2)


def test_micro_batches_of_a_step_are_distributed_with_distinct_seeds(tiny: SearchSpace) -> None:
    draws = UniformDraws(layout=PhaseSpace(tiny, PHASE).layout)
    plan = EpochPlan.draw((5, 0, 3), replace(PHASE, batch=4), 10, draws)

    every = plan.requests(0, range(2), count=2)
    own = plan.requests(1, [1], count=2)

    assert [len(request.images) for request in every] == [2, 2, 2, 2]
    assert len({request.seed for request in every}) == 4
    assert [request.images.tolist() for request in own] == [plan.order[6:8].tolist()]
    assert own[0].seed == every[3].seed == (5, 0, 3, 1, 1)
    assert own[0].resolution == plan.codes[1, 0, 0]
