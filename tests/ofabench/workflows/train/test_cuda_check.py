"""A missing or full GPU is refused in one line."""

import pytest
import torch

from bench.errors import DeviceError, InputError
from ofabench.options.accuracy import EvaluationOptions
from ofabench.workflows.train.cuda_check import check_cuda, gpu_memory


def test_a_gpu_that_torch_does_not_find_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_cuda("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"--device cuda: .* finds no CUDA device"):
        check_cuda("cuda")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_cuda("cuda:1")
    with pytest.raises(InputError, match="--device cuda:2: torch finds 2 CUDA devices"):
        check_cuda("cuda:2")


def test_a_device_is_cpu_or_cuda_with_its_number() -> None:
    assert EvaluationOptions(device="cuda:10").device == "cuda:10"
    for name in ("gpu", "cuda:", "cuda:x", "cpu:0"):
        with pytest.raises(InputError, match=f"--device is '{name}', expected cpu, cuda or cuda:N"):
            EvaluationOptions(device=name)


def test_a_full_gpu_is_refused() -> None:
    with pytest.raises(DeviceError) as raised, gpu_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore\n")

    assert str(raised.value) == (
        "the GPU has too little free memory (CUDA out of memory. Tried to allocate 2 GiB.); "
        "free it from other processes, or take another --device"
    )
