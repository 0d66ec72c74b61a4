"""Options of predicting models of any origin from their operators."""

from dataclasses import dataclass

from bench.errors import InputError
from bench.options import SHARE, option
from ofabench.options.model_inputs import ModelInputOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictModelOptions(ModelInputOptions):
    """Inputs of the models, and what is done about operators that were not measured.

    Example:
        >>> PredictModelOptions(batch=1, measure_missing=True).share
        0.8
    """

    strict: bool = option(
        False, help="refuse a model with operators of a kind that was hardly ever measured"
    )
    measure_missing: bool = option(
        False, help="measure the unmeasured operators that matter most, on this machine"
    )
    share: float = option(
        0.8,
        unit=SHARE,
        metavar="80%",
        help="with --measure-missing: of the unmeasured time ({default})",
    )
    force: bool = option(False, help="with --measure-missing: measure though the device is busy")

    def check(self) -> None:
        """See that shapes can be read and the share is one."""
        ModelInputOptions.check(self)
        if not 0 < self.share <= 1:
            raise InputError(f"--share is {self.share}, expected above 0 and at most 100%")
