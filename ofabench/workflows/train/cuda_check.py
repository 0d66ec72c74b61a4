"""Errors of a CUDA device that torch uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import DeviceError, InputError, first_line


def check_cuda(device: str) -> None:
    """Raise `InputError` where `device` ("cuda" or "cuda:N") is a GPU that torch does not find."""
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise InputError(
            f"--device {device}: torch {torch.__version__} finds no CUDA device; take --device "
            "cpu, or install torch's CUDA build"
        )
    index, count = torch.device(device).index or 0, torch.cuda.device_count()
    if index >= count:
        raise InputError(
            f"--device {device}: torch finds {count} CUDA devices, numbered from 0; take one of "
            "these"
        )


@contextmanager
def gpu_memory() -> Iterator[None]:
    """Convert torch's error for a GPU without enough free memory to a one-line `DeviceError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"the GPU has too little free memory ({first_line(error)}); free it from other "
            "processes, or take another --device"
        ) from error
