"""The second runner: TensorFlow's `benchmark_model`, built for the phone, from the user.

It reaches what the bundle's C library cannot: GPU and NNAPI drivers. Its protocol is weaker: each
visit is a process of its own, which finds nothing in the caches, with memory of its own, and its
calls are not told one by one, see `bench.devices.android.benchmark_model.visit`. Clocks are not
read while it works, only between passes; heat is seen by what else tells it.
"""

import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.devices.android.adb.content import push_missing
from bench.devices.android.benchmark_model.delegate import Delegation
from bench.devices.android.benchmark_model.visit import BenchmarkBurst, judged, words
from bench.devices.android.facts.cooling import CoolDown, HeatWatch, Signs
from bench.devices.android.facts.cores import parse_list
from bench.devices.android.facts.device_state import PhoneState, joined
from bench.devices.android.loads.preparing import changes_for, with_room
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.phone import RUNNER_PID, Phone, read_moment
from bench.devices.android.phone.settings_guard import WORK, changed
from bench.digests import file_digest
from bench.protocol.backend import Backend
from bench.protocol.device import THROTTLED, Facts, LoadPlan, PassResult, Workload
from bench.protocol.target import Target
from bench.timing.references import reference_places

FOLDER, PROGRAM = f"{WORK}/benchmark", "benchmark_model"
VISIT_S = 300.0  # the program itself stops after 150 s
ACCELERATORS_SDK = 29  # Android 10: the first that lets NNAPI's own processor path be ruled out
START = f'echo $$ > {RUNNER_PID} && exec "$@"'  # its number kept, so that it can be ended


def version_of(binary: Path) -> str:
    """Name the program by its content: it does not tell a version."""
    return f"{PROGRAM}-{file_digest(binary)[:12]}"


class BenchmarkLoads:
    """Runs loads by starting the program once a visit."""

    def __init__(
        self,
        phone: Phone,
        binary: Path,
        delegate: str,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._phone = phone
        self._binary = binary
        self._delegate = delegate
        self._clock_s = clock_s
        self._sleep = sleep
        self._heat: _Heat | None = None
        self._told: set[str] = set()

    def run(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """As `Device.run_load`."""
        phone = self._phone
        connection = phone.ready()
        self._tell_old_nnapi()

        def place() -> list[str]:
            program = frozenset({PROGRAM})
            push_missing(connection, FOLDER, {PROGRAM: self._binary}, executable=program)
            return phone.shelf.place(connection, work, backend, target.batch)[0]

        paths = with_room(phone, connection, work, backend, target.batch, place)
        heat = self._heat_for(target.cores, connection)
        rng = np.random.default_rng(plan.seed)
        compute, _ = reference_places(list(work))
        with changed(connection, changes_for(phone, connection, target), phone.session, phone.tell):
            for _ in range(plan.passes):
                cooled_s = heat.cool(connection)
                order = rng.permutation(len(work))
                made = {
                    i: self._visit(connection, f"{WORK}/{paths[i]}", target, plan.calls)
                    for i in order.tolist()
                }
                visits = [made[i] for i in range(len(work))]
                samples_ns = np.array([visit.samples_ns for visit in visits])
                facts: Facts = {
                    **heat.judge(connection, samples_ns[compute]),
                    **delegation_facts([visit.delegation for visit in visits]),
                    "cooled_s": round(cooled_s, 3),
                    "samples": "first call, then the mean of the others",
                }
                self._tell_parts(facts)
                yield PassResult(samples_ns=samples_ns, order=order, facts=facts)

    def _visit(
        self, connection: Connection, model: str, target: Target, calls: int
    ) -> BenchmarkBurst:
        started = words(f"{FOLDER}/{PROGRAM}", model, target, self._delegate, calls)
        done = connection.run(["sh", "-c", START, "ofabench", *started], timeout_s=VISIT_S)
        return judged(done, self._delegate, calls)

    def _heat_for(self, cores: str, connection: Connection) -> "_Heat":
        """Heat as it is followed for these cores; the first load's start is everyone's."""
        if self._heat is None or self._heat.cores != cores:
            options, start_c = self._phone.options, read_moment(connection).temperature_c
            cool_down = CoolDown(
                start_c,
                wait_s=options.cool_wait_s,
                total_s=options.cool_total_s,
                tell=self._phone.tell,
                clock_s=self._clock_s,
                sleep=self._sleep,
            )
            self._heat = _Heat(cores, HeatWatch(parse_list(cores), start_c), cool_down)
        self._heat.begin_load()
        return self._heat

    def _tell_parts(self, facts: Facts) -> None:
        if facts["whole_graphs_share"] != 1.0:
            self._tell_once(
                f"delegate {self._delegate} takes some models in part, the rest of them runs on "
                "the processor: see whole_graphs_share of the passes"
            )

    def _tell_old_nnapi(self) -> None:
        sdk = self._phone.facts().android_sdk
        if self._delegate == "nnapi" and (sdk is None or sdk < ACCELERATORS_SDK):
            self._tell_once(
                "before Android 10 nothing tells whether NNAPI uses an accelerator or the "
                "processor: take these times for either"
            )

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._phone.tell(line)


class _Heat:
    """A phone's heat from load to load, looked at between passes."""

    def __init__(self, cores: str, watch: HeatWatch, cool_down: CoolDown) -> None:
        self.cores = cores
        self._watch = watch
        self._cool_down = cool_down
        self._why = ""  # what is to be cooled down for

    def begin_load(self) -> None:
        self._watch.begin_load()

    def cool(self, connection: Connection) -> float:
        """Wait where the last pass was throttled; seconds that it took."""
        why, self._why = self._why, ""
        return self._cool_down.wait(why, lambda: read_moment(connection)) if why else 0.0

    def judge(self, connection: Connection, compute_ns: NDArray[np.float64]) -> Facts:
        """Facts of the pass that just ended, by the phone and by the compute reference."""
        now = read_moment(connection)
        self._why = self._watch.throttled(_signs(now, compute_ns))
        return {
            "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "load_average": now.load_average,
            "temperature_c": now.temperature_c,
            "temperatures_c": joined(now.temperatures_c),
            **now.state(),
            THROTTLED: bool(self._why),
            "throttled_by": self._why or None,
        }


def _signs(now: PhoneState, compute_ns: NDArray[np.float64]) -> Signs:
    """What is to be seen after a pass; clocks are left out, they have fallen idle by then."""
    later = compute_ns[:, 1:] if compute_ns.shape[1] > 1 else compute_ns
    return Signs(
        limits_khz=now.limits_khz,
        thermal_status=now.thermal_status,
        temperature_c=now.temperature_c,
        reference_ns=float(np.median(later)) if later.size else None,
    )


def delegation_facts(done: Sequence[Delegation]) -> Facts:
    """What the delegate did in a pass: share of models that it took whole, and what it drove."""
    return {
        "whole_graphs_share": sum(one.whole for one in done) / len(done),
        "delegate_api": ",".join(sorted({one.api for one in done if one.api})) or None,
    }
