"""Compiling a network under training: limits, signals and failures."""

import logging
import os
import signal
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from ofabench.workflows.train.graceful_stop import stop_requested
from supernet.train.compilation import Compiler, Forward

IMAGES = torch.ones(2, 3, 4, 4)


class FakeCompiler:
    """Stands for `torch.compile`: calls `compiling` at the first call for each shape."""

    def __init__(self, compiling: Callable[[], None]) -> None:
        self.compiling, self.compiled_calls = compiling, 0

    def __call__(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        shapes = set()

        def forward(images: Tensor) -> Tensor:
            if images.shape not in shapes:
                self.compiling()
                shapes.add(images.shape)
            self.compiled_calls += 1
            return torch.full((len(images),), 2.0)

        return forward


def network(
    monkeypatch: pytest.MonkeyPatch, compiling: Callable[[], None], ticks: Iterator[float]
) -> tuple[Forward, FakeCompiler]:
    compiler = FakeCompiler(compiling)
    monkeypatch.setattr(torch, "compile", compiler)
    shared = Compiler(600.0, clock=lambda: next(ticks))
    return shared.compiled(nn.Identity(), lambda images: torch.ones(len(images))), compiler


def signalled(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def test_compiled_logits_are_used_and_each_shape_is_compiled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compilations: list[None] = []
    compiled, compiler = network(
        monkeypatch, lambda: compilations.append(None), iter([0.0, 1.0, 2.0, 3.0])
    )

    results = [compiled(IMAGES), compiled(IMAGES), compiled(IMAGES[:1])]

    assert [result.tolist() for result in results] == [[2.0, 2.0], [2.0, 2.0], [2.0]]
    assert (len(compilations), compiler.compiled_calls) == (2, 3)


def test_at_the_time_limit_training_continues_uncompiled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled, compiler = network(monkeypatch, signalled(signal.SIGALRM), iter([0.0, 1.0]))

    with caplog.at_level(logging.WARNING):
        results = [compiled(IMAGES), compiled(IMAGES)]

    assert [result.tolist() for result in results] == [[1.0, 1.0]] * 2
    assert compiler.compiled_calls == 0
    assert caplog.messages == [
        "compiling did not end within --compile-limit: training continues without --compile"
    ]


def test_the_limit_is_for_all_compilations_together(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    monkeypatch.setattr(signal, "setitimer", lambda which, seconds: limits.append(seconds))
    compiled, _ = network(monkeypatch, lambda: None, iter([0.0, 250.0, 300.0, 400.0]))

    compiled(IMAGES)
    compiled(IMAGES[:1])

    assert limits == [600.0, 0, 350.0, 0]


def test_after_the_limit_no_other_network_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", FakeCompiler(signalled(signal.SIGALRM)))
    ticks = iter([0.0, 600.0])
    compiler = Compiler(600.0, clock=lambda: next(ticks))  # a third look at the clock would fail
    first, second = (compiler.compiled(nn.Identity(), torch.sum) for _ in range(2))

    assert [float(first(IMAGES)), float(second(IMAGES))] == [96.0, 96.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_abandons_the_compilation_and_is_noted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    compiled, _ = network(monkeypatch, signalled(number), iter([0.0, 1.0]))

    with stop_requested() as requested:
        assert compiled(IMAGES).tolist() == [1.0, 1.0]
        assert requested()
    assert caplog.messages == []


def test_handlers_of_signals_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    compiled, _ = network(monkeypatch, signalled(signal.SIGALRM), iter([0.0, 1.0]))

    compiled(IMAGES)

    assert [signal.getsignal(number) for number in numbers] == before


def test_an_error_of_the_compiler_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise TorchDynamoException("no C++ compiler\nwas found")

    compiled, _ = network(monkeypatch, fail, iter([0.0, 1.0]))

    with caplog.at_level(logging.WARNING):
        assert compiled(IMAGES).tolist() == [1.0, 1.0]

    assert caplog.messages == [
        "torch.compile failed (no C++ compiler was found): training continues without --compile"
    ]
