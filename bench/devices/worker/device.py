"""A device on another machine, measured by a worker of ours that runs there."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bench.devices.cuda.options import CudaOptions
from bench.devices.worker.client import WorkerClient
from bench.devices.worker.messages import GRACE_S, SILENCE_S
from bench.devices.worker.process import WorkerHost
from bench.devices.worker.shipping import Contents, NamedBackend, ShippedWork, ship_file, ship_work
from bench.devices.worker.start_failure import command_of
from bench.devices.worker.timeouts import DEFAULT_TIMEOUTS, WorkerTimeouts
from bench.errors import DeviceInUseError, DeviceLostError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.operators.profile import OperatorProfile
from bench.protocol.backend import Array, Backend
from bench.protocol.clock import Clock, SystemClock
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.energy import EnergyPlan, EnergyReading, EnergySource
from bench.protocol.target import Target

TRIES = 3
PART_BYTES = 4 << 20  # of a content in one frame
RELOCK_PAUSE_S = 1.0

SYSTEM: Clock = SystemClock()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker is started there.

    `python` is an interpreter of an environment with ofabench, `device` what the worker measures.
    """

    python: str
    device: str = "cpu"
    cuda: CudaOptions = field(default_factory=CudaOptions)


class WorkerDevice:
    """The device that a worker on `host` measures; it is started at the first use.

    A worker or a connection that ended is replaced at the next use.
    """

    def __init__(
        self,
        address: str,
        host: WorkerHost,
        options: WorkerOptions,
        *,
        timeouts: WorkerTimeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM,
    ) -> None:
        self.address = address
        self._host, self._options = host, options
        self._timeouts, self._clock = timeouts, clock
        self._client: WorkerClient | None = None
        self._locked = False
        self.sent_bytes = 0  # of contents

    def slug(self) -> str:
        return str(self._ask("slug"))

    def facts(self) -> Facts:
        facts: Facts = self._ask("facts")
        return facts

    def runtime_version(self, backend: Backend) -> str:
        """Return the version of the runtime there; `MissingRuntimeError` if it has none."""
        return str(self._ask("runtime_version", backend=NamedBackend(backend.name)))

    def choose_cores(self, threads: int, requested: str | None) -> str:
        return str(self._ask("choose_cores", threads=threads, requested=requested))

    def options(self) -> tuple[tuple[str, str], ...]:
        options: tuple[tuple[str, str], ...] = self._ask("options")
        return options

    def model_costs(self) -> ModelCosts:
        costs: ModelCosts = self._ask("model_costs")
        return costs

    def lock_name(self) -> str | None:
        """Return the name of a lock of this machine; the worker holds the device's own one."""
        name = self._ask("lock_name")
        return None if name is None else f"remote-{name}"

    def lock_there(self) -> None:
        """Lock the device on its machine; `DeviceInUseError` if another process measures it."""
        self._ask("lock")
        self._locked = True

    def unlock_there(self) -> None:
        """Release the lock, if a worker holds it."""
        self._locked = False
        if self._client is not None:
            try:
                self._client.call("unlock")
            except DeviceLostError:  # the worker has ended, and its lock with it
                self._drop()

    def check_quiet(self) -> None:
        self._ask("check_quiet")

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Compute through the backend there."""
        contents = Contents()
        digest = contents.add(content)

        def compute(client: WorkerClient) -> Array:
            self._send(client, contents)
            outputs: Array = client.call(
                "infer",
                timeout_s=self._timeouts.model_s,
                content=digest,
                images=images,
                backend=NamedBackend(backend.name, backend.options()),
                target=target,
            )
            return outputs

        return self._repeated(compute)

    def check_model_file(self, file: ModelFile) -> tuple[InputSpec, ...]:
        """Return the file's inputs; `InputError` or `FileError` for one that cannot run there.

        The worker loads it; a file that ends the process that loads it ends the worker only, also
        in a second try.
        """
        try:
            inputs: tuple[InputSpec, ...] = self._with_file(file, "check_model_file", tries=2)
        except DeviceLostError as error:
            self._ask("slug")  # raises where the machine itself is away
            raise InputError(f"{file.name} ends the process that loads it: {error}") from error
        return inputs

    def profile_model_file(self, file: ModelFile, threads: int) -> OperatorProfile:
        """Return the time of each operator of a model file, as `profile` does for `cpu` there."""
        profile: OperatorProfile = self._with_file(file, "profile_model_file", threads=threads)
        return profile

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate there; each round arrives when it ends."""
        contents, limits = Contents(), self._timeouts
        longest_s, began_s = 0.0, self._clock.monotonic()
        rounds = self._stream(
            "run_replicate",
            ship_work(work, backend, target, contents),
            contents,
            first_s=limits.load_s + limits.load_each_s * len(work),
            later_s=lambda: max(limits.least_round_s, limits.patience * longest_s),
            target=target,
            plan=plan,
        )
        with closing(rounds):
            for result in rounds:
                check_round(result, len(work), plan.samples, self.address)
                longest_s = max(longest_s, self._clock.monotonic() - began_s)
                yield result
                began_s = self._clock.monotonic()

    def energy_source(self) -> EnergySource:
        """Return the sensor there, or the reason why there is none."""
        source: EnergySource = self._ask("energy_source")
        reason = source.reason and f"{self.address}: {source.reason}"
        return replace(source, reason=reason)

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        """Measure energy and memory there; each reading arrives when it ends."""
        contents, limits = Contents(), self._timeouts
        each_s = limits.load_each_s + limits.patience * plan.most_s
        yield from self._stream(
            "measure_energy",
            ship_work(work, backend, target, contents),
            contents,
            first_s=limits.load_s + each_s,
            later_s=lambda: each_s,
            target=target,
            plan=plan,
        )

    def close(self) -> None:
        """End the worker and the connection."""
        self._locked = False
        self._drop()
        self._host.close()

    def _with_file(self, file: ModelFile, call: str, *, tries: int = TRIES, **more: Any) -> Any:
        contents = Contents()
        shipped = ship_file(file, contents)

        def run(client: WorkerClient) -> Any:
            self._send(client, contents)
            return client.call(call, timeout_s=self._timeouts.model_s, file=shipped, **more)

        return self._repeated(run, tries)

    def _stream(
        self,
        call: str,
        work: ShippedWork,
        contents: Contents,
        *,
        first_s: float,
        later_s: Callable[[], float],
        **more: Any,
    ) -> Generator[Any]:
        """Yield what a call on workloads yields, after it is sure that the worker is there."""
        client = self._repeated(checked)
        try:
            self._send(client, contents)
            yield from client.stream(call, first_s=first_s, later_s=later_s, work=work, **more)
        except DeviceLostError:
            self._drop()
            raise

    def _ask(self, call: str, **arguments: Any) -> Any:
        return self._repeated(lambda client: client.call(call, **arguments))

    def _repeated(self, query: Callable[[WorkerClient], T], tries: int = TRIES) -> T:
        """Run a query, with another worker if one ended; only for queries that may be repeated."""
        for attempt in range(tries):
            try:
                return query(self._connected())
            except DeviceLostError:
                self._drop()
                if attempt == tries - 1:
                    raise
        raise AssertionError("a query is tried at least once")

    def _send(self, client: WorkerClient, contents: Contents) -> None:
        """Send the contents that the worker lacks; what it has of one is not sent again."""
        if not contents.digests():
            return
        for digest, present_bytes in client.call("missing", digests=contents.digests()).items():
            for start, part, last in contents.parts(digest, present_bytes, PART_BYTES):
                client.call("put", digest=digest, start=start, part=part, last=last)
                self.sent_bytes += len(part)

    def _connected(self) -> WorkerClient:
        if self._client is None:
            options = self._options
            process = self._host.start(command_of(options.python))
            client = WorkerClient(
                process, options.python, self.address, self._timeouts, self._clock.monotonic
            )
            try:
                client.call("open", device=options.device, cuda=options.cuda)
                if self._locked:
                    self._lock_again(client)
            except BaseException:
                client.close()
                raise
            self._client = client
        return self._client

    def _lock_again(self, client: WorkerClient) -> None:
        """Lock the device for another worker; the last one may hold it until it misses us."""
        deadline_s = self._clock.monotonic() + SILENCE_S + GRACE_S
        while True:
            try:
                client.call("lock")
                return
            except DeviceInUseError:
                if self._clock.monotonic() > deadline_s:
                    raise
            self._clock.sleep(RELOCK_PAUSE_S)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def checked(client: WorkerClient) -> WorkerClient:
    """Return the client if its worker answers."""
    client.check()
    return client


def check_round(result: RoundResult, places: int, samples: int, where: str) -> None:
    """Raise `DeviceLostError` for a round that does not fit the replicate's plan."""
    order = result.order
    if (
        result.samples_ns.shape != (places, samples)
        or order.ndim != 1
        or len(order) != places + result.repeated_bursts
        or set(order.tolist()) != set(range(places))
    ):
        raise DeviceLostError(
            f"{where}: the worker sent a round of {result.samples_ns.shape} with {len(order)} "
            f"bursts, expected {(places, samples)}"
        )
