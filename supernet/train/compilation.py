"""`torch.compile` of a network under training, within a time limit and interruptible.

torch compiles at the first call for each kind of input, for minutes on some machines, and takes no
notice of signals meanwhile. Here a signal or the end of the time abandons the compilation, and the
step runs uncompiled.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch._functorch.config
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from bench.errors import one_line

_LOG = logging.getLogger(__name__)
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The backward pass is compiled with the forward pass, in the thread that receives signals; torch
# versions without this setting compile it later, on a GPU in another thread.
_EAGER_BACKWARD = "force_non_lazy_backward_lowering"

Forward = Callable[[Tensor], Tensor]


class _AbandonedError(BaseException):
    """Raised inside torch's compiler, which catches every `Exception`."""


class _StopRequestedError(_AbandonedError):
    """SIGTERM or Ctrl-C was received."""


class Compiler:
    """Compiles the networks of a training, for `limit_s` in all; `clock` is in seconds."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._left_s, self._clock = limit_s, clock
        self._abandoned = False

    def compiled(self, module: nn.Module, uncompiled: Forward) -> Forward:
        """Return a function of images (n, c, h, w) that runs `module` compiled.

        It runs `uncompiled`, which computes the same, where compiling failed or was abandoned.
        """
        compiled: Forward = torch.compile(module)
        prepared: set[tuple[torch.Size, torch.dtype]] = set()

        def forward(images: Tensor) -> Tensor:
            # Autocast does not change within a training, so these determine what is compiled.
            kind = (images.shape, images.dtype)
            if kind in prepared and not self._abandoned:
                return compiled(images)
            logits = self._first(compiled, images)
            prepared.add(kind)
            return uncompiled(images) if logits is None else logits

        return forward

    def _first(self, compiled: Forward, images: Tensor) -> Tensor | None:
        """Compile by a first call and return its result; None if there is none."""
        if self._abandoned:
            return None
        started_s = self._clock()
        try:
            with _abandoned_after(self._left_s):
                return compiled(images)
        except _StopRequestedError:
            self._give_up()  # training is about to stop and says so
        except _AbandonedError:
            self._give_up("compiling did not end within --compile-limit")
        except TorchDynamoException as error:
            self._give_up(f"torch.compile failed ({one_line(error)})")
        finally:
            self._left_s -= self._clock() - started_s
        return None

    def _give_up(self, reason: str | None = None) -> None:
        self._abandoned = True
        torch._dynamo.reset()
        if reason is not None:
            _LOG.warning("%s: training continues without --compile", reason)


@contextmanager
def _abandoned_after(limit_s: float) -> Iterator[None]:
    """Raise `_AbandonedError` in the block at the time limit or at a request to stop.

    A request also reaches the handler that was there before. Signals are received in the main
    thread only: elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (*_STOP_SIGNALS, signal.SIGALRM)}

    def abandon(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            raise _AbandonedError
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        raise _StopRequestedError

    for number in before:
        signal.signal(number, abandon)
    signal.setitimer(signal.ITIMER_REAL, max(limit_s, 0.001))
    try:
        with _backward_at_once():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _backward_at_once() -> Iterator[None]:
    config = torch._functorch.config
    if not hasattr(config, _EAGER_BACKWARD):
        yield
        return
    with config.patch({_EAGER_BACKWARD: True}):
        yield
