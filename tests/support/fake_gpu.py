"""Simulated GPU: a stream with its own clock, separate from the host's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.backends.fake import FakeBackend, FakeModel
from bench.devices.cuda.device import CudaDevice
from bench.devices.cuda.driver import Driver, OutOfMemory
from bench.devices.cuda.options import CudaOptions
from bench.errors import DeviceError
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target
from tests.support.fake_nvml import FakeGpuState

QUEUE_NS, LAUNCH_NS, WAIT_NS = 300.0, 4_000.0, 2_000.0  # of the host
KERNEL_NS, FLUSH_NS, GRAPH_NS = 2_000.0, 40_000.0, 1_000.0  # of the GPU
COLD_FACTOR = 1.5  # of an inference after the cache was flushed


@dataclass
class FakeEvent:
    """Event on the stream, with its time on the GPU."""

    at_ns: float


@dataclass
class FakeGpu:
    """Simulated `Driver`; `host_ns` is the host's clock, `card_ns` the end of the queued work."""

    memory_bytes: float = float("inf")
    fails_after: int | None = None  # number of waits before it fails
    place: str = "cuda:0"
    stream: int = 0
    host_ns: float = 0.0
    card_ns: float = 0.0
    used_bytes: float = 0.0
    slow: float = 1.0  # factor of all times
    log: list[str] = field(default_factory=list)
    _cold: bool = False
    _recording: list[Callable[[], None]] | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        yield

    def mark(self) -> FakeEvent:
        self.host_ns += QUEUE_NS
        self.card_ns = max(self.card_ns, self.host_ns)
        return FakeEvent(self.card_ns)

    def reached(self, mark: FakeEvent) -> bool:
        return mark.at_ns <= self.host_ns

    def between_ns(self, first: FakeEvent, last: FakeEvent) -> float:
        assert last.at_ns <= self.host_ns, "not waited for"
        return last.at_ns - first.at_ns

    def wait(self) -> None:
        self.log.append("wait")
        if self.fails_after is not None and self.log.count("wait") > self.fails_after:
            raise DeviceError("the GPU or its driver failed: unspecified launch failure")
        self.host_ns = max(self.host_ns, self.card_ns) + WAIT_NS

    def hold(self, for_ns: float) -> None:
        self.log.append("hold")
        self._run(for_ns)

    def flush(self) -> None:
        self.log.append("flush")
        self._run(FLUSH_NS)
        self._cold = True

    def record(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        call()
        self._recording = []
        for _ in range(times):
            call()
        kernels, self._recording = self._recording, None
        self.log.append(f"record {times}")

        def replay() -> None:
            self.host_ns += LAUNCH_NS
            self._run(GRAPH_NS)
            for kernel in kernels:
                kernel()

        return replay

    def free(self) -> None:
        self.log.append("free")
        self.used_bytes = 0.0

    def launch(self, cost_ns: float) -> None:
        """Queue a kernel of a model."""
        if self._recording is not None:
            self._recording.append(lambda: self._kernel(cost_ns))
            return
        self.host_ns += LAUNCH_NS
        self._kernel(cost_ns)

    def clock_ns(self) -> int:
        return round(self.host_ns)

    def clock_s(self) -> float:
        return self.host_ns / 1e9

    def sleep(self, seconds: float) -> None:
        self.host_ns += seconds * 1e9

    def _kernel(self, cost_ns: float) -> None:
        factor = COLD_FACTOR if self._cold else 1.0
        self._cold = False
        self._run((KERNEL_NS + cost_ns * factor) * self.slow)

    def _run(self, for_ns: float) -> None:
        self.host_ns += QUEUE_NS
        self.card_ns = max(self.card_ns, self.host_ns) + for_ns


@dataclass
class FakeCudaModel:
    """A model of the fake backend on a simulated GPU."""

    card: FakeGpu
    model: FakeModel
    recordable: bool = True

    def run(self) -> None:
        self.card.launch(self.model.cost_ns)

    def infer(self, images: Array) -> Array:
        return self.model.infer(images)


def load_fake(
    driver: Driver, content: bytes, target: Target, options: CudaOptions, seed: int
) -> FakeCudaModel:
    """A `Loader` of the fake backend's files."""
    assert isinstance(driver, FakeGpu)
    model = FakeBackend().load_file(content, target, seed=seed)
    activations = target.batch * max(b.in_bytes + b.out_bytes for b in model.model.blocks)
    if driver.used_bytes + activations > driver.memory_bytes:
        raise OutOfMemory(f"tried to allocate {activations} bytes")
    driver.used_bytes += activations
    return FakeCudaModel(driver, model, recordable=options.launch != "eager")


def load_fake_file(
    driver: Driver, file: ModelFile, target: Target, options: CudaOptions, seed: int
) -> FakeCudaModel:
    """A `FileLoader` of the fake backend's files."""
    return load_fake(driver, file.content(), target, options, seed)


def _drawn_j(now_s: float) -> float:
    """Return the energy of a GPU that draws 50 W at all times."""
    return 50.0 * now_s


def fake_gpu(
    card: FakeGpu | None = None,
    state: FakeGpuState | None = None,
    options: CudaOptions | None = None,
) -> CudaDevice:
    """Return a GPU device whose driver is simulated."""
    driver = card or FakeGpu()
    state = state or FakeGpuState(clock=driver.clock_s, total=_drawn_j)
    return CudaDevice(
        "cuda:0",
        options or CudaOptions(),
        driver=driver,
        card=state,
        loader=lambda _: load_fake,
        file_loader=lambda _: load_fake_file,
        clock_ns=driver.clock_ns,
        sleep=driver.sleep,
    )
