"""Training under limits, with a focus, by the sandwich rule, and in other precisions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import InfeasibleError, InputError
from supernet.constraints.constraints import Constraint, macs
from supernet.data.tensor_source import TensorSource
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import Recipe, load_checkpoint
from supernet.train.engine import Engine, share_weights
from supernet.train.run_options import RunOptions
from supernet.train.sampling import Sampling
from supernet.train.schedule import Schedule
from supernet.train.trainer import train
from supernet.weights.model import SuperNet
from tests.support.training_child import SCHEDULE, SPACE, make_images

SANDWICH = """
name = "sandwich"
momentum = 0.9
clip_norm = 1.0
[[phases]]
name = "all"
epochs = 2
lr = 0.05
batch = 32
subnets = 4
sampling = "sandwich"
distillation = 1.0
"""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(
        space=SearchSpace.from_toml(SPACE), schedule=Schedule.from_toml(SCHEDULE), data="stripes"
    )


class PhaseRecorder:
    """Records the networks that each phase trains."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: dict[str, list[list[ArchConfig]]] = {}
        step = Engine.step

        def watched(
            engine: Engine, phase: Any, lr: float, archs: Any, *rest: Any
        ) -> tuple[list[float], float]:
            self.seen.setdefault(phase.name, []).append(list(archs))
            return step(engine, phase, lr, archs, *rest)

        monkeypatch.setattr(Engine, "step", watched)


def limit_on_macs(space: SearchSpace, share: float) -> Constraint:
    """At most that share of the largest network's multiply-accumulates."""
    costs = macs(space.choices)
    largest_macs = costs(space.encode([space.largest()]))[0]
    return Constraint(name="macs", costs=costs, limit=share * largest_macs, unit="MACs")


def run(recipe: Recipe, out: Path, sampling: Sampling | None = None) -> None:
    train(recipe, TensorSource(make_images(), "stripes"), out, RunOptions(), sampling)


def test_only_networks_within_the_limits_are_trained(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, limit, reports = (
        PhaseRecorder(monkeypatch),
        limit_on_macs(recipe.space, 0.5),
        list[str](),
    )

    run(recipe, tmp_path / "a.safetensors", Sampling(limits=(limit,), report=reports.append))

    steps = recorder.seen["all"]
    costs = limit.costs(recipe.space.encode([arch for step in steps for arch in step]))
    assert len(steps) == 9
    assert costs.max() <= limit.limit
    assert len(set(costs.tolist())) > 3
    assert {arch for (arch,) in recorder.seen["full"]} <= {recipe.space.largest(r) for r in (8, 12)}
    assert len(reports) == 1
    assert reports[0].startswith("all: rejection, ")
    assert "within the limits" in reports[0]


def test_an_infeasible_limit_is_refused_before_the_last_phase_trains(
    recipe: Recipe, tmp_path: Path
) -> None:
    limit = limit_on_macs(recipe.space, 0.001)

    with pytest.raises(InfeasibleError, match="no network of the phase 'all' is within the limit"):
        run(recipe, tmp_path / "a.safetensors", Sampling(limits=(limit,)))

    assert not list(tmp_path.iterdir())


def test_a_phase_without_feasible_networks_trains_all_of_them(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, reports = PhaseRecorder(monkeypatch), list[str]()
    text = SCHEDULE.replace("expands = 1}", "expands = 1, resolutions = 1}").replace(
        '    {name = "all"',
        '    {name = "deep", epochs = 1, lr = 0.1, batch = 32, depths = 1, expands = 1, '
        'resolutions = 1},\n    {name = "all"',
    )
    limit = limit_on_macs(recipe.space, 0.3)

    run(
        replace(recipe, schedule=Schedule.from_toml(text)),
        tmp_path / "a.safetensors",
        Sampling(limits=(limit,), report=reports.append),
    )

    assert reports[0] == "deep: none of its networks is within the limits, all are drawn"
    assert len({step[0].kernels for step in recorder.seen["deep"]}) > 1


def test_the_sandwich_holds_the_largest_and_the_smallest(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, space = PhaseRecorder(monkeypatch), recipe.space

    run(replace(recipe, schedule=Schedule.from_toml(SANDWICH)), tmp_path / "a.safetensors")

    for step in recorder.seen["all"]:
        size = step[0].resolution
        assert [arch.resolution for arch in step] == [size] * 4
        assert step[:2] == [space.largest(size), space.smallest(size)]


def test_a_sandwich_under_limits_still_has_its_teacher(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, limit = PhaseRecorder(monkeypatch), limit_on_macs(recipe.space, 0.4)

    run(
        replace(recipe, schedule=Schedule.from_toml(SANDWICH)),
        tmp_path / "a.safetensors",
        Sampling(limits=(limit,)),
    )

    for step in recorder.seen["all"]:
        assert step[0] == recipe.space.largest(step[0].resolution)
        assert limit.costs(recipe.space.encode(step[1:])).max() <= limit.limit


def test_a_focus_learns_from_losses_and_lives_in_the_checkpoint(
    recipe: Recipe, tmp_path: Path
) -> None:
    costs = macs(recipe.space.choices)
    focused = Sampling(focus="best-up", costs=costs)
    run(recipe, tmp_path / "plain.safetensors")
    run(recipe, tmp_path / "best.safetensors", focused)
    run(recipe, tmp_path / "worst.safetensors", replace(focused, focus="worst-up"))

    plain, best, worst = (
        load_checkpoint(tmp_path / f"{name}.safetensors") for name in ("plain", "best", "worst")
    )

    assert plain.estimate == {}
    # Three epochs of three steps with two networks, each epoch forgotten by 0.7.
    assert float(best.estimate["seen"]) == pytest.approx(6 * (1 + 0.7 + 0.49))
    name = "units.s1_b0.block.main.expand.conv.weight"
    networks = [checkpoint.network[name] for checkpoint in (plain, best, worst)]
    assert not torch.equal(networks[0], networks[1])
    assert not torch.equal(networks[1], networks[2])


def test_focus_favours_networks_that_lose_least(recipe: Recipe) -> None:
    """Losses are made to fall with depth, at equal cost for all: then depth is what is drawn."""
    space = recipe.space
    everything = replace(recipe.schedule.phases[1], subnets=2)

    def equal(codes: Codes) -> Any:
        return np.zeros(len(codes))

    from supernet.train.epoch import EpochPlan
    from supernet.train.sampling import PhaseSpace

    phase_space = PhaseSpace(space, everything)
    sampling = Sampling(focus="best-up", costs=equal)
    draws = sampling.within(phase_space, everything, last=True)
    plan = EpochPlan.draw((0, 0, 0), everything, 3200, draws)
    depth = space.columns.index("d0")
    losses = (5.0 - plan.codes[:, :, depth]).tolist()

    learnt = sampling.learn(phase_space, plan, losses, {})
    drawn = EpochPlan.draw(
        (0, 0, 1), everything, 3200, sampling.composed(draws, phase_space, everything, learnt)
    )

    deep = [(p.codes[:, :, depth] == 2).mean() for p in (plan, drawn)]
    assert deep[0] == pytest.approx(0.5, abs=0.1)
    assert deep[1] == pytest.approx(1 - 0.5**3, abs=0.07)  # the best of three


def test_bfloat16_trains_and_float16_needs_a_gpu(recipe: Recipe, tmp_path: Path) -> None:
    run(replace(recipe, precision="bfloat16"), tmp_path / "half.safetensors")
    run(recipe, tmp_path / "full.safetensors")

    half, full = (load_checkpoint(tmp_path / f"{n}.safetensors") for n in ("half", "full"))
    assert half.network["units.stem.block.main.conv.conv.weight"].dtype == torch.float32
    for a, b in zip(half.records, full.records, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=0.1)
    assert half.records[-1].loss != full.records[-1].loss
    with pytest.raises(InputError, match="float16 trains on CUDA devices only"):
        run(replace(recipe, precision="float16"), tmp_path / "x.safetensors")


def test_a_static_module_shares_the_very_weights(recipe: Recipe) -> None:
    network, arch = SuperNet(recipe.space).train(), recipe.space.largest(8)
    images = make_images(n=16).images[:, :, :8, :8]

    module = share_weights(network, arch).train()

    torch.testing.assert_close(module(images), network(images, arch))
    module(images).sum().backward()
    shared = network.unit("s1.b1").block.get_parameter("main.expand.conv.weight")
    assert shared.grad is not None
    assert {id(p) for p in module.parameters()} <= {id(p) for p in network.parameters()}


def test_micro_batches_must_share_a_batch_evenly(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 micro-batches cannot share evenly"):
        run(replace(recipe, micro_batches=3), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
