"""The second runner: TensorFlow's `benchmark_model`, built for the phone, given by the user.

It supports what the bundle's C library cannot: GPU and NNAPI drivers. Its protocol is weaker: each
burst is a separate process with cold caches and separate memory, and single samples are not
reported, see `bench.devices.android.benchmark_model.burst`. Clocks are not read during bursts, only
between rounds; other signs show thermal throttling.
"""

import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.devices.android.benchmark_model.burst import BenchmarkBurst, judged, words
from bench.devices.android.benchmark_model.delegate import Delegation
from bench.devices.android.facts.device_state import PhoneState
from bench.devices.android.phone.phone import Phone, read_state
from bench.devices.android.phone.settings_guard import FOLDER, WORK
from bench.devices.remote.connection import Connection
from bench.devices.remote.content import push_missing
from bench.devices.remote.facts.cooling import CoolDown, ThrottlingDetector, ThrottlingSigns
from bench.devices.remote.facts.device_state import joined
from bench.devices.remote.replicates.preparing import heat_checks, with_room
from bench.digests import file_digest
from bench.protocol.backend import Backend
from bench.protocol.device import THROTTLED, Facts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.timing.references import reference_places

PROGRAM_FOLDER, PROGRAM = f"{WORK}/benchmark", "benchmark_model"
VISIT_S = 300.0  # the program itself stops after 150 s
ACCELERATORS_SDK = 29  # Android 10: the first in which NNAPI's own processor path can be excluded
# Its process id is stored, so that it can be ended.
START = f'echo $$ > {FOLDER.runner_pid} && exec "$@"'


def version_of(binary: Path) -> str:
    """Return a name of the program by its content, since it reports no version."""
    return f"{PROGRAM}-{file_digest(binary)[:12]}"


class BenchmarkReplicates:
    """Measures replicates by starting the program once per burst."""

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
        self._heat: _ThermalState | None = None
        self._reported: set[str] = set()

    def run(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate, see `Device.run_replicate`."""
        phone = self._phone
        connection = phone.ready()
        self._report_old_nnapi()

        def place() -> tuple[str, ...]:
            program = frozenset({PROGRAM})
            push_missing(connection, PROGRAM_FOLDER, {PROGRAM: self._binary}, executable=program)
            return phone.shelf.place(connection, phone.folder, work, backend, target).models

        paths = with_room(phone, connection, work, backend, target, place)
        heat = self._heat_for(target.cores, connection)
        rng = np.random.default_rng(plan.seed)
        compute, _ = reference_places(list(work))
        with phone.changed_settings(connection, target):
            for _ in range(plan.rounds):
                cooled_s = heat.cool(connection)
                order = rng.permutation(len(work))
                by_place = {
                    index: self._burst(connection, f"{WORK}/{paths[index]}", target, plan.samples)
                    for index in order.tolist()
                }
                bursts = [by_place[index] for index in range(len(work))]
                samples_ns = np.array([burst.samples_ns for burst in bursts])
                facts: Facts = {
                    **heat.judge(connection, samples_ns[compute]),
                    **delegation_facts([burst.delegation for burst in bursts]),
                    "cooled_s": round(cooled_s, 3),
                    "samples": "first call, then the mean of the others",
                }
                self._report_partial_models(facts)
                yield RoundResult(samples_ns=samples_ns, order=order, facts=facts)

    def _burst(
        self, connection: Connection, model: str, target: Target, calls: int
    ) -> BenchmarkBurst:
        command = words(f"{PROGRAM_FOLDER}/{PROGRAM}", model, target, self._delegate, calls)
        completed = connection.run(["sh", "-c", START, "ofabench", *command], timeout_s=VISIT_S)
        return judged(completed, self._delegate, calls)

    def _heat_for(self, cores: str, connection: Connection) -> "_ThermalState":
        """Return the thermal state for these cores, relative to the first replicate's start."""
        if self._heat is None or self._heat.cores != cores:
            start_c = read_state(connection).temperature_c
            checks = heat_checks(self._phone, cores, start_c, self._clock_s, self._sleep)
            self._heat = _ThermalState(cores, *checks)
        self._heat.begin_replicate()
        return self._heat

    def _report_partial_models(self, facts: Facts) -> None:
        if facts["whole_graphs_share"] != 1.0:
            self._report_once(
                f"delegate {self._delegate} runs some models partly, the rest of them runs on "
                "the processor: see whole_graphs_share of the rounds"
            )

    def _report_old_nnapi(self) -> None:
        sdk = self._phone.facts().android_sdk
        if self._delegate == "nnapi" and (sdk is None or sdk < ACCELERATORS_SDK):
            self._report_once(
                "before Android 10 it is unknown whether NNAPI uses an accelerator or the "
                "processor: these times may be of either"
            )

    def _report_once(self, line: str) -> None:
        if line not in self._reported:
            self._reported.add(line)
            self._phone.notify(line)


class _ThermalState:
    """A phone's thermal state across replicates, read between rounds."""

    def __init__(self, cores: str, watch: ThrottlingDetector, cool_down: CoolDown) -> None:
        self.cores = cores
        self._watch = watch
        self._cool_down = cool_down
        self._throttled_by = ""  # reason for the next cool-down

    def begin_replicate(self) -> None:
        self._watch.begin_replicate()

    def cool(self, connection: Connection) -> float:
        """Wait if the last round was throttled; return the seconds waited."""
        reason, self._throttled_by = self._throttled_by, ""
        return self._cool_down.wait(reason, lambda: read_state(connection)) if reason else 0.0

    def judge(self, connection: Connection, compute_ns: NDArray[np.float64]) -> Facts:
        """Return facts of the round that just ended, from the phone and the compute reference."""
        state = read_state(connection)
        self._throttled_by = self._watch.throttled(_signs(state, compute_ns))
        return {
            "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "load_average": state.load_average,
            "temperature_c": state.temperature_c,
            "temperatures_c": joined(state.temperatures_c),
            **state.state(),
            THROTTLED: bool(self._throttled_by),
            "throttled_by": self._throttled_by or None,
        }


def _signs(state: PhoneState, compute_ns: NDArray[np.float64]) -> ThrottlingSigns:
    """Return the signs of throttling after a round; without clocks, which are idle by then."""
    later = compute_ns[:, 1:] if compute_ns.shape[1] > 1 else compute_ns
    return ThrottlingSigns(
        limits_khz=state.limits_khz,
        reported=state.reported_throttling,
        temperature_c=state.temperature_c,
        reference_ns=float(np.median(later)) if later.size else None,
    )


def delegation_facts(delegations: Sequence[Delegation]) -> Facts:
    """Return the delegate's work in a round: share of models run as a whole, and its API."""
    return {
        "whole_graphs_share": sum(delegation.whole for delegation in delegations)
        / len(delegations),
        "delegate_api": ",".join(
            sorted({delegation.api for delegation in delegations if delegation.api})
        )
        or None,
    }
