"""Whether a model file computes what torch computes, within the tolerance of its precision."""

import math

import numpy as np

from bench.errors import InputError
from bench.protocol.backend import Array
from supernet.export.model_card import OutputDifference
from supernet.export.precision import FP16, FP32, INT8

TOLERANCE = 1e-4  # of float32: over the largest output where that is above 1
HALF_TOLERANCE = 1e-2  # of float16, likewise; its numbers have 11 bits: 5e-4 each
# Of int8: less, and the file is another network. At 10 dB the error is a third of the outputs'
# own size, and what is put in another class is at most what can be lost of the accuracy.
LEAST_SNR_DB, LEAST_AGREEMENT = 10.0, 0.8
_LARGEST = {FP32: TOLERANCE, FP16: HALF_TOLERANCE}


def compare(expected: Array, got: Array, of: str) -> OutputDifference:
    """How near `got` is to `expected`, both (n, ...) outputs for the images that `of` names."""
    expected64, got64 = expected.astype(np.float64), got.astype(np.float64)
    off = got64 - expected64
    noise, power = float(np.square(off).sum()), float(np.square(expected64).sum())
    scale = max(1.0, float(np.abs(expected64).max()))
    flat = expected64.reshape(len(expected64), -1), got64.reshape(len(got64), -1)
    return OutputDifference(
        largest=float(np.abs(off).max()) / scale,
        snr_db=10 * math.log10(power / noise) if noise > 0 and power > 0 else None,
        agreement=float(np.mean(flat[0].argmax(axis=1) == flat[1].argmax(axis=1))),
        images=len(expected64),
        of=of,
    )


def check_close(found: OutputDifference, backend: str, precision: str) -> None:
    """Raise `InputError` for a file that is further from torch than its precision explains."""
    if precision == INT8:
        _check_int8(found, backend)
        return
    most = _LARGEST[precision]
    if not found.largest <= most:
        advice = (
            "report it with the architecture"
            if precision == FP32
            else "its activations may leave the range of float16: export as fp32 or int8"
        )
        raise InputError(
            f"the {backend} file of {precision} differs from torch by {found.largest:.2g}, at most "
            f"{most:g} was expected; nothing was written: {advice}"
        )


def _check_int8(found: OutputDifference, backend: str) -> None:
    # An error that is no number has no ratio, and fails too.
    exact = found.snr_db is None and found.largest == 0
    clear = exact or (found.snr_db is not None and found.snr_db >= LEAST_SNR_DB)
    if clear and found.agreement >= LEAST_AGREEMENT:
        return
    ratio = "no" if found.snr_db is None else f"{found.snr_db:.1f} dB of"
    raise InputError(
        f"the int8 {backend} file gives {ratio} signal to noise and torch's class for "
        f"{found.agreement:.1%} of {found.images} images, at least {LEAST_SNR_DB:g} dB and "
        f"{LEAST_AGREEMENT:.0%} were expected; nothing was written: calibrate on more images "
        "(--calibration), on images like those that the network was trained on (--data), or export "
        "as fp16"
    )
