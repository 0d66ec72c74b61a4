"""CUDA through PyTorch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from bench.devices.cuda.driver import Mark, OutOfMemory
from bench.errors import DeviceError, MissingRuntimeError, first_line

FLUSH_FACTOR = 2  # times the cache's size: replacement is not strictly by age
LEAST_FLUSH_BYTES = 8_000_000
CYCLES_PER_NS = 2.0  # no GPU's clock is much faster; a slower one delays longer


def check_torch() -> None:
    """Raise an error with the reason if torch cannot use any GPU here."""
    try:
        import torch
    except ImportError as error:
        raise MissingRuntimeError(
            "GPUs are timed through PyTorch, which is not installed: pip install torch"
        ) from error
    if torch.version.cuda is None:
        raise MissingRuntimeError(
            f"torch {torch.__version__} is built without CUDA: install a CUDA build of it "
            "(pip uninstall torch, then choose CUDA at pytorch.org/get-started)"
        )
    if not torch.cuda.is_available():
        raise DeviceError(
            f"torch {torch.__version__} finds no usable GPU: is the driver loaded (nvidia-smi), "
            f"and new enough for CUDA {torch.version.cuda}?"
        )


def check_index(index: int) -> None:
    """Raise `DeviceError` if torch sees no such GPU."""
    check_torch()
    import torch

    count = torch.cuda.device_count()
    if index >= count:
        names = ", ".join(f"cuda:{number}" for number in range(count))
        raise DeviceError(
            f"device cuda:{index} does not exist, torch sees {count} GPUs: {names} "
            "(CUDA_VISIBLE_DEVICES decides which)"
        )


def uuid_of(index: int) -> str:
    """Return a GPU's identity, as NVML has it."""
    check_index(index)
    import torch

    with device_errors():
        return f"GPU-{torch.cuda.get_device_properties(index).uuid}"


class TorchDriver:
    """Driver of one GPU through torch, see `Driver`; `CUDA_VISIBLE_DEVICES` decides its index."""

    def __init__(self, index: int) -> None:
        check_index(index)
        import torch

        self._device = torch.device("cuda", index)
        with device_errors():
            self._cuda: Any = torch.cuda
            self._stream: Any = self._cuda.Stream(self._device)
            self._pool: Any = self._cuda.graph_pool_handle()

    @property
    def place(self) -> str:
        return str(self._device)

    @property
    def stream(self) -> int:
        return int(self._stream.cuda_stream)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        import torch

        with (
            device_errors(),
            torch.cuda.device(self._device),
            torch.cuda.stream(self._stream),
            torch.inference_mode(),
        ):
            yield

    def mark(self) -> Mark:
        event = self._cuda.Event(enable_timing=True)
        event.record(self._stream)
        return event

    def reached(self, mark: Mark) -> bool:
        return bool(mark.query())

    def between_ns(self, first: Mark, last: Mark) -> float:
        return float(first.elapsed_time(last)) * 1e6

    def wait(self) -> None:
        with device_errors():
            self._stream.synchronize()

    def hold(self, for_ns: float) -> None:
        # From torch's own tests; there is no public function for it.
        self._cuda._sleep(int(for_ns * CYCLES_PER_NS))

    def flush(self) -> None:
        self._sweep.zero_()

    def record(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        """See `Driver`. Graphs share memory: one runs at a time, and outputs are not kept."""
        with self.at_work():
            call()  # lazy initialisation must not be recorded
            self._stream.synchronize()
            # Not by `torch.cuda.graph`, which collects garbage and empties the cache each time.
            graph = self._cuda.CUDAGraph()
            graph.capture_begin(pool=self._pool)
            try:
                for _ in range(times):
                    call()
            except BaseException:
                with suppress(RuntimeError):  # a broken recording cannot be ended properly
                    graph.capture_end()
                raise
            graph.capture_end()
        replay: Callable[[], object] = graph.replay
        return replay

    def free(self) -> None:
        with device_errors():
            self._cuda.empty_cache()
            # The pool of deleted graphs must not be recorded into again.
            self._pool = self._cuda.graph_pool_handle()

    @cached_property
    def _sweep(self) -> Any:
        import torch

        cache_bytes = torch.cuda.get_device_properties(self._device).L2_cache_size
        size = max(FLUSH_FACTOR * cache_bytes, LEAST_FLUSH_BYTES)
        return torch.empty(size // 4, dtype=torch.int32, device=self._device)


@contextmanager
def device_errors() -> Iterator[None]:
    """Convert torch's errors for the GPU to ours."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_first_line(error)) from error
    except _card_errors() as error:
        raise DeviceError(
            f"the GPU or its driver failed: {_first_line(error)}; finished replicates are kept; "
            "see `nvidia-smi` and the kernel's log, then continue with --resume"
        ) from error


@contextmanager
def arithmetic(*, tf32: bool) -> Iterator[None]:
    """Allow or forbid TF32 for fp32 work in the block, and restore the settings afterwards."""
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    # The fastest algorithm is chosen when a shape is first used, before anything is timed.
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, True
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


def _card_errors() -> type[Exception]:
    """Return the class that torch raises if a GPU fails: `AcceleratorError` since 2.8."""
    import torch

    error_class: type[Exception] = getattr(torch, "AcceleratorError", RuntimeError)
    return error_class


def _first_line(error: Exception) -> str:
    return first_line(error)[:200]
