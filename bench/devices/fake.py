"""A simulated machine: its disturbances are configured, and equal seeds give equal samples."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.backends.fake import FakeBackend, FakeModel
from bench.blocks.model import Model
from bench.errors import DeviceError, UnrunnableError
from bench.power.measuring import EnergyBench, energy_readings
from bench.power.sensor import CounterSensor
from bench.protocol.backend import Array, Backend
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.energy import EnergyPlan, EnergyReading, EnergySource
from bench.protocol.target import Target
from bench.timing.host_bursts import time_rounds

MEMORY_BOUND_BYTES = 4_000_000  # weights of a model that exceed the simulated caches
BURST_NS = 50_000_000  # memory is slow in one of four intervals of this length
STUMBLE_FACTOR = 20.0
COUNTER, COUNTER_PERIOD_S = "simulated counter", 0.0005
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDisturbances:
    """Disturbances of a simulated machine; with all zero it repeats itself exactly."""

    noise: float = 0.0  # standard deviation of each inference's logarithm
    layout: float = 0.0  # the same for each model of a replicate, as by its memory layout
    level: float = 0.0  # the same for each replicate: the machine's speed
    drift: float = 0.0  # slower by this share for each second of a replicate
    stumbles: float = 0.0  # share of inferences that are preempted, and detected
    # Memory-bound inferences are slower by this share, a quarter of the time.
    memory_swing: float = 0.0
    cold: float = 0.25  # extra cost of an inference after another model's


NO_FLAWS = SimulatedDisturbances()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPower:
    """Power of a simulated machine, read from a simulated counter of energy."""

    idle_w: float = 2.0
    active_w: float = 3.0  # more than that, while an inference runs
    # Weights need this for each inference, so that energy is not proportional to time.
    uj_per_kilobyte: float = 0.5


POWER = SimulatedPower()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDevice:
    """Device for tests and dry runs; it runs the fake backend with a simulated clock."""

    flaws: SimulatedDisturbances = NO_FLAWS
    seed: int = 0
    memory_bytes: int = 4_000_000_000
    room_bytes: int | None = None  # for one model's activations; a larger model cannot run
    busy_with: str = ""  # reason that `check_quiet` reports
    power: SimulatedPower | None = POWER  # None: it reports no energy
    address: str = "fake"

    def slug(self) -> str:
        return "fake"

    def facts(self) -> Facts:
        return {
            "cpu_model": "fake",
            "cpu_cores": 8,
            "memory_available_bytes": self.memory_bytes,
            "governor": None,
            "energy_sensor": self.energy_source().name or None,
        }

    def runtime_version(self, backend: Backend) -> str:
        return backend.version()

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Return the requested cores: every core exists."""
        del threads
        return requested or ""

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def model_costs(self) -> ModelCosts:
        return ModelCosts()

    def lock_name(self) -> str | None:
        """Return None: no other process disturbs computed times."""
        return None

    def check_quiet(self) -> None:
        if self.busy_with:
            raise DeviceError(f"device fake is busy: {self.busy_with}; stop it, or use --force")

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Compute through the backend, in this process."""
        return backend.load_file(content, target).infer(images)

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Time by the simulated clock; results depend on the replicate's seed only."""
        for place, workload in enumerate(work):
            sizes = (block.in_bytes + block.out_bytes for block in workload.blocks)
            needed = target.batch * max(sizes, default=0)
            if self.room_bytes is not None and needed > self.room_bytes:
                raise UnrunnableError("out of memory", place=place)
        machine = _Machine(self.flaws, [self.seed, plan.seed])
        inferences = [machine.call(_load(workload, backend, target)) for workload in work]
        yield from time_rounds(
            inferences, plan, clock_ns=machine.clock_ns, watch=machine, facts=machine.facts
        )

    def energy_source(self) -> EnergySource:
        if self.power is None:
            return EnergySource(reason="the device fake was made without power")
        return EnergySource(name=COUNTER)

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        """Measure by the simulated clock; results depend on the plan's seed only."""
        machine = _Machine(self.flaws, [self.seed, plan.seed, 1], self.power or POWER)
        memory_bytes = 0

        @contextmanager
        def load(place: int) -> Iterator[Callable[[], object]]:
            nonlocal memory_bytes
            model = _load(work[place], backend, target)
            memory_bytes = weights_bytes(model) + 100_000
            yield machine.call(model)

        bench = EnergyBench(
            load=load,
            sensor=lambda: None if self.power is None else machine.sensor(),
            clock=machine.now_s,
            sleep=machine.sleep,
            peak_memory=lambda: memory_bytes,
        )
        yield from energy_readings(bench, len(work), plan)

    def close(self) -> None:
        """Do nothing: nothing was changed."""


def _load(workload: Workload, backend: Backend, target: Target) -> FakeModel:
    # Also by name, because a backend for loaded files may wrap another one.
    if isinstance(backend, FakeBackend) or backend.name == FakeBackend.name:
        # The costs of a fake model do not depend on its weights, so none are created.
        count = len(workload.blocks)
        model = Model(workload.blocks, ({},) * count, file=workload.file)
        loaded = backend.load(model, target)
        if isinstance(loaded, FakeModel):
            return loaded
    raise DeviceError(f"device fake runs only the backend fake, got {backend.name}")


def weights_bytes(model: FakeModel) -> int:
    """Return the bytes of a model's weights in fp32."""
    return 4 * sum(block.params for block in model.model.blocks)


class _Machine:
    """Consistent inferences, clock, counter of energy and disturbance monitor."""

    def __init__(
        self, flaws: SimulatedDisturbances, seed: Sequence[int], power: SimulatedPower = POWER
    ) -> None:
        self._flaws, self._power = flaws, power
        self._inferences_j = 0.0  # beyond the idle machine
        self._rng = np.random.default_rng(seed)
        self._level = float(np.exp(flaws.level * self._rng.standard_normal()))
        self._now_ns = 0.0
        self._last: object = None
        self._stumbled = False

    def call(self, model: FakeModel) -> Callable[[], None]:
        """Return an inference that advances the clock by its cost at that time."""
        weight_bytes, power = weights_bytes(model), self._power
        memory_bound = weight_bytes > MEMORY_BOUND_BYTES
        weights_j = weight_bytes / 1e3 * power.uj_per_kilobyte / 1e6
        layout = np.exp(self._flaws.layout * self._rng.standard_normal())
        cost_ns = float(model.cost_ns * layout)
        identity = object()

        def run() -> None:
            factor = self._factor(memory_bound=memory_bound, cold=self._last is not identity)
            self._now_ns += cost_ns * factor
            self._inferences_j += cost_ns * factor / 1e9 * power.active_w + weights_j
            self._last = identity

        return run

    def clock_ns(self) -> int:
        return round(self._now_ns)

    def now_s(self) -> float:
        return self._now_ns / 1e9

    def sleep(self, seconds: float) -> None:
        self._now_ns += seconds * 1e9

    def sensor(self) -> CounterSensor:
        """Return a counter of the machine's energy."""
        return CounterSensor(COUNTER, [_Counter(self)], self.now_s, period_s=COUNTER_PERIOD_S)

    def drawn_uj(self) -> int:
        """Return the energy since the machine was made, in microjoules."""
        return round((self.now_s() * self._power.idle_w + self._inferences_j) * 1e6)

    def facts(self) -> Facts:
        taken_at = EPOCH + timedelta(microseconds=self._now_ns / 1e3)
        return {"taken_at": taken_at.isoformat(timespec="milliseconds"), "load_average": 0.0}

    def reset(self) -> None:
        self._stumbled = False

    def begin(self) -> None:
        self._stumbled = False

    def preempted(self) -> bool:
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


class _Counter:
    """The simulated counter, from its first value on."""

    def __init__(self, machine: _Machine) -> None:
        self._machine, self._first_uj = machine, machine.drawn_uj()
        self.total_uj = 0

    def advance(self, now_s: float) -> None:
        """See `JouleCounter`."""
        del now_s
        self.total_uj = self._machine.drawn_uj() - self._first_uj
