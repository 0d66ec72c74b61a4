"""A simulated machine: its disturbances are configured, and equal seeds give equal samples."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.backends.fake import FakeBackend, FakeModel
from bench.blocks.model import Model
from bench.errors import DeviceError, UnrunnableError
from bench.protocol.backend import Array, Backend
from bench.protocol.device import Facts, LoadCosts, LoadPlan, PassResult, Workload
from bench.protocol.target import Target
from bench.timing.host_bursts import time_passes

MEMORY_BOUND_BYTES = 4_000_000  # weights of a model that the fake caches do not hold
BURST_NS = 50_000_000  # memory is slow in one of four stretches of this length
STUMBLE_FACTOR = 20.0
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDisturbances:
    """What a fake machine does wrong; all zero is a machine that repeats itself exactly."""

    noise: float = 0.0  # standard deviation of each call's logarithm
    layout: float = 0.0  # the same for each model of a load: where its memory came to lie
    level: float = 0.0  # the same for each load: how fast the machine happens to be
    drift: float = 0.0  # slower by this share for each second that a load lasts
    stumbles: float = 0.0  # share of calls that are switched out, and seen to be
    memory_swing: float = 0.0  # memory-bound calls are slower by this share, a quarter of the time
    cold: float = 0.25  # what a call costs more when another model was called before it


NO_FLAWS = SimulatedDisturbances()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDevice:
    """Device for tests and dry runs; it runs the fake backend by a clock of its own."""

    flaws: SimulatedDisturbances = NO_FLAWS
    seed: int = 0
    memory_bytes: int = 4_000_000_000
    room_bytes: int | None = None  # of one model's activations; a larger one cannot run
    busy_with: str = ""  # what `check_quiet` complains of
    address: str = "fake"

    def slug(self) -> str:
        return "fake"

    def facts(self) -> Facts:
        return {
            "cpu_model": "fake",
            "cpu_cores": 8,
            "memory_available_bytes": self.memory_bytes,
            "governor": None,
        }

    def runtime_version(self, backend: Backend) -> str:
        return backend.version()

    def choose_cores(self, threads: int, wanted: str | None) -> str:
        """Every core is there."""
        del threads
        return wanted or ""

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def load_costs(self) -> LoadCosts:
        return LoadCosts()

    def lock_name(self) -> str | None:
        """None: no other process disturbs what is computed."""
        return None

    def check_quiet(self) -> None:
        if self.busy_with:
            raise DeviceError(f"device fake is busy: {self.busy_with}; stop it, or use --force")

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Through the backend, in this process."""
        return backend.load_file(content, target).infer(images)

    def run_load(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """Time by the fake clock; what happens depends on the load's seed and nothing before it."""
        for place, one in enumerate(work):
            needed = target.batch * max((b.in_bytes + b.out_bytes for b in one.blocks), default=0)
            if self.room_bytes is not None and needed > self.room_bytes:
                raise UnrunnableError("out of memory", place=place)
        machine = _Machine(self.flaws, [self.seed, plan.seed])
        calls = [machine.call(_load(one, backend, target)) for one in work]
        yield from time_passes(
            calls, plan, clock_ns=machine.clock_ns, watch=machine, facts=machine.facts
        )

    def close(self) -> None:
        """Nothing was changed."""


def _load(workload: Workload, backend: Backend, target: Target) -> FakeModel:
    # By name, for a backend that loads files in place of models wraps another.
    if backend.name == FakeBackend.name:
        # The costs of a fake model do not depend on its weights, so none are made.
        count = len(workload.blocks)
        model = Model(workload.blocks, ({},) * count, file=workload.file)
        loaded = backend.load(model, target)
        if isinstance(loaded, FakeModel):
            return loaded
    raise DeviceError(f"device fake runs only the backend fake, got {backend.name}")


class _Machine:
    """Calls, a clock and a watch that agree."""

    def __init__(self, flaws: SimulatedDisturbances, seed: Sequence[int]) -> None:
        self._flaws = flaws
        self._rng = np.random.default_rng(seed)
        self._level = float(np.exp(flaws.level * self._rng.standard_normal()))
        self._now_ns = 0.0
        self._last: object = None
        self._stumbled = False

    def call(self, model: FakeModel) -> Callable[[], None]:
        """Make a call that moves the clock by what it costs at that moment."""
        weights_bytes = 4 * sum(block.params for block in model.model.blocks)
        memory_bound = weights_bytes > MEMORY_BOUND_BYTES
        layout = np.exp(self._flaws.layout * self._rng.standard_normal())
        cost_ns = float(model.cost_ns * layout)
        me = object()

        def run() -> None:
            factor = self._factor(memory_bound=memory_bound, cold=self._last is not me)
            self._now_ns += cost_ns * factor
            self._last = me

        return run

    def clock_ns(self) -> int:
        return round(self._now_ns)

    def facts(self) -> Facts:
        taken_at = EPOCH + timedelta(microseconds=self._now_ns / 1e3)
        return {"taken_at": taken_at.isoformat(timespec="milliseconds"), "load_average": 0.0}

    def reset(self) -> None:
        self._stumbled = False

    def begin(self) -> None:
        self._stumbled = False

    def switched(self) -> bool:
        return self._stumbled

    def stolen(self, *, last: bool = False) -> bool | None:
        del last
        return False

    def _factor(self, *, memory_bound: bool, cold: bool) -> float:
        flaws = self._flaws
        factor = self._level * (1 + flaws.drift * self._now_ns / 1e9)
        factor *= float(np.exp(flaws.noise * self._rng.standard_normal()))
        if cold:
            factor *= 1 + flaws.cold
        if memory_bound and int(self._now_ns / BURST_NS) % 4 == 3:
            factor *= 1 + flaws.memory_swing
        if self._rng.random() < flaws.stumbles:
            self._stumbled = True
            factor *= STUMBLE_FACTOR
        return factor
