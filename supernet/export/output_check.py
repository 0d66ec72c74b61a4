"""Check that a model file gives torch's outputs, within the tolerance of its precision."""

import math

import numpy as np

from bench.errors import InputError
from bench.protocol.backend import Array
from supernet.export.model_card import OutputDifference
from supernet.export.precision import FP16, FP32, INT8

TOLERANCE = 1e-4  # of float32, relative to the largest output where that is above 1
HALF_TOLERANCE = 1e-2  # of float16; its numbers have 11 bits: 5e-4 each
# Of int8. At 10 dB the error is a third of the outputs; the accuracy cannot drop by more than the
# share of images whose class changes.
LEAST_SNR_DB, LEAST_AGREEMENT = 10.0, 0.8
_LARGEST = {FP32: TOLERANCE, FP16: HALF_TOLERANCE}


def compare(expected: Array, actual: Array, of: str) -> OutputDifference:
    """Compare outputs `actual` with `expected`, both (n, ...), for the images that `of` names."""
    expected64, actual64 = expected.astype(np.float64), actual.astype(np.float64)
    difference = actual64 - expected64
    noise, power = float(np.square(difference).sum()), float(np.square(expected64).sum())
    scale = max(1.0, float(np.abs(expected64).max()))
    rows = expected64.reshape(len(expected64), -1), actual64.reshape(len(actual64), -1)
    return OutputDifference(
        largest=float(np.abs(difference).max()) / scale,
        snr_db=10 * math.log10(power / noise) if noise > 0 and power > 0 else None,
        agreement=float(np.mean(rows[0].argmax(axis=1) == rows[1].argmax(axis=1))),
        images=len(expected64),
        of=of,
    )


def check_close(difference: OutputDifference, backend: str, precision: str) -> None:
    """Raise `InputError` where a file differs from torch by more than its precision explains."""
    if precision == INT8:
        _check_int8(difference, backend)
        return
    tolerance = _LARGEST[precision]
    if not difference.largest <= tolerance:
        advice = (
            "report it with the architecture"
            if precision == FP32
            else "its activations may leave the range of float16: export as fp32 or int8"
        )
        raise InputError(
            f"the {backend} file of {precision} differs from torch by {difference.largest:.2g}, at "
            f"most {tolerance:g} was expected; nothing was written: {advice}"
        )


def _check_int8(difference: OutputDifference, backend: str) -> None:
    # An error that is not a number also fails.
    exact = difference.snr_db is None and difference.largest == 0
    clear = exact or (difference.snr_db is not None and difference.snr_db >= LEAST_SNR_DB)
    if clear and difference.agreement >= LEAST_AGREEMENT:
        return
    ratio = "no" if difference.snr_db is None else f"{difference.snr_db:.1f} dB of"
    raise InputError(
        f"the int8 {backend} file gives {ratio} signal to noise and torch's class for "
        f"{difference.agreement:.1%} of {difference.images} images, at least {LEAST_SNR_DB:g} dB "
        f"and {LEAST_AGREEMENT:.0%} were expected; nothing was written: calibrate on more images "
        "(--calibration), on images like those that the network was trained on (--data), or export "
        "as fp16"
    )
