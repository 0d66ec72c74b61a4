"""Summary of a training by phase."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.notebook.html_table import rows_html
from supernet.train.checkpoint import Checkpoint

_HEADS = ("phase", "epochs", "loss of the last", "sub-network images a second")
_NAME_WIDTH = 15


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """Finished epochs of a phase, mean loss of the last one, and images per second."""

    name: str
    epochs: int
    loss: float
    images_per_s: float


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Figures of a supernet's training, as text and as JSON values."""

    checkpoint: Checkpoint

    @property
    def phases(self) -> list[PhaseSummary]:
        """The phases with a finished epoch, in order."""
        summaries = []
        for phase in self.checkpoint.schedule.phases:
            records = [record for record in self.checkpoint.records if record.phase == phase.name]
            if records:
                seconds = sum(record.seconds for record in records)
                rate = sum(record.images for record in records) / seconds
                summaries.append(PhaseSummary(phase.name, len(records), records[-1].loss, rate))
        return summaries

    def to_dict(self) -> dict[str, Any]:
        """Return recipe, phases, time and energy as JSON values."""
        checkpoint = self.checkpoint
        return {
            **checkpoint.about(),
            "finished": checkpoint.finished,
            "class_names": list(checkpoint.class_names) or None,
            "phases": [
                {
                    "name": phase.name,
                    "epochs": phase.epochs,
                    "loss": phase.loss,
                    "images_per_s": phase.images_per_s,
                }
                for phase in self.phases
            ],
            "seconds": sum(item.seconds for item in checkpoint.records),
            "usage": [item.to_json() for item in checkpoint.usage],
        }

    def lines(self, out: str) -> list[str]:
        """Return a table of the phases, time, energy and the supernet's path, as lines."""
        widths = (f"<{_NAME_WIDTH}", *(f">{len(head)}" for head in _HEADS[1:-1]), "")
        table = [
            "  ".join(format(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in (_HEADS, *map(_cells, self.phases))
        ]
        return [*(table if self.checkpoint.schedule.phases else ()), *self._notes(out)]

    def _notes(self, out: str) -> Iterator[str]:
        """What was trained, where, and what it took."""
        checkpoint, name = self.checkpoint, self.checkpoint.space.name
        if not checkpoint.schedule.phases:
            yield f"supernet of {name}, trained elsewhere: {out}"
            return
        if checkpoint.init is not None:
            yield checkpoint.init.line()
        if checkpoint.recipe.sampling:
            yield f"sub-networks drawn for {checkpoint.recipe.sampling}"
        usage = checkpoint.usage
        hours = sum(run.device_s for run in usage) / 3600
        energy_wh = sum(run.energy_j for run in usage) / 3600
        sources = ", ".join(dict.fromkeys(run.how for run in usage))
        if usage:
            yield f"used {hours:.3g} device hours, {energy_wh:.3g} Wh ({sources})"
        seconds = sum(record.seconds for record in checkpoint.records)
        trained = f"trained in {seconds:.0f} s" if checkpoint.finished else "training not finished"
        yield f"supernet of {name}, {trained}: {out}"

    def html(self, out: str) -> str:
        """Return the same as HTML."""
        return rows_html(_HEADS, map(_cells, self.phases), below=self._notes(out))


def _cells(phase: PhaseSummary) -> tuple[str, ...]:
    return phase.name, str(phase.epochs), f"{phase.loss:.3f}", f"{phase.images_per_s:.0f}"
