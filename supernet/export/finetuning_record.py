"""`FinetuningRecord`: how a sub-network was fine-tuned, and its accuracy before and after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from supernet.data.wilson import Z_95, format_share, wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningRecord:
    """Fine-tuning of a sub-network on `data`, for `epochs` in all.

    The network is that after epoch `best_epoch` (from 1), the best by `images` validation images;
    0 where none was better than the start. `after` is its accuracy on them, a fraction with its
    standard error over `groups` of images; `before` that of the network as extracted, with its
    statistics recalibrated on the same training images, None where its head is new. `gain` is the
    difference, paired by images. `weights` is the SHA-256 of the weights before, from the file
    `start`, `reinitialised` names those that were not kept. `options` are all others.
    """

    data: str
    start: str
    weights: str
    epochs: int
    best_epoch: int
    images: int
    groups: int
    after: float
    after_error: float
    before: float | None = None
    before_error: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    reinitialised: tuple[str, ...] = ()
    teacher: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def after_interval(self) -> tuple[float, float]:
        """95 % interval of `after`."""
        return wilson_interval(self.after, self.after_error, self.images, self.groups)

    @property
    def before_interval(self) -> tuple[float, float] | None:
        """95 % interval of `before`; None where there is none."""
        if self.before is None or self.before_error is None:
            return None
        return wilson_interval(self.before, self.before_error, self.images, self.groups)

    @property
    def gain_interval(self) -> tuple[float, float] | None:
        """95 % interval of `gain`; None where there is none."""
        if self.gain is None or self.gain_error is None:
            return None
        margin = Z_95 * self.gain_error
        return self.gain - margin, self.gain + margin

    def sentences(self) -> list[str]:
        """Return the record in sentences: what was done, and the accuracies."""
        taught = f" with the teacher {self.teacher}" if self.teacher else ""
        if self.best_epoch:
            kept = f"the network after epoch {self.best_epoch} is the best"
        else:
            kept = "no epoch was better than the start, which is kept"
        duration = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        sentences = [f"Fine-tuned on {self.data} for {duration}{taught}; {kept}."]
        after = format_share(self.after, self.after_interval)
        on = f"On {self.images} validation images, which chose the epoch"
        interval, gain = self.before_interval, self.gain_interval
        if self.before is None or interval is None:
            return [*sentences, f"{on}: {after} (its head is new)."]
        before = format_share(self.before, interval)
        difference = ""
        if self.gain is not None and gain is not None:
            low, high = (100 * end for end in gain)
            difference = f", {100 * self.gain:+.2f} points ({low:+.2f} to {high:+.2f})"
        return [*sentences, f"{on}: {before} before, {after} after{difference}."]
