"""Summary of a training by phase."""

import html
from dataclasses import dataclass
from typing import Any

from supernet.train.checkpoint import Checkpoint

_HEADS = ("phase", "epochs", "loss of the last", "sub-network images a second")


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
        checkpoint, name = self.checkpoint, self.checkpoint.space.name
        if not checkpoint.schedule.phases:
            return [f"supernet of {name}, trained elsewhere: {out}"]
        lines = [f"{_HEADS[0]:<15} {_HEADS[1]}  {_HEADS[2]}  {_HEADS[3]}"]
        lines += [
            f"{phase.name:<15} {phase.epochs:>6}  {phase.loss:>16.3f}  {phase.images_per_s:.0f}"
            for phase in self.phases
        ]
        if checkpoint.init is not None:
            lines.append(checkpoint.init.line())
        if checkpoint.recipe.sampling:
            lines.append(f"sub-networks drawn for {checkpoint.recipe.sampling}")
        usage = checkpoint.usage
        hours = sum(run.device_s for run in usage) / 3600
        energy_wh = sum(run.energy_j for run in usage) / 3600
        sources = ", ".join(dict.fromkeys(run.how for run in usage))
        if usage:
            lines.append(f"used {hours:.3g} device hours, {energy_wh:.3g} Wh ({sources})")
        seconds = sum(record.seconds for record in checkpoint.records)
        trained = f"trained in {seconds:.0f} s" if checkpoint.finished else "training not finished"
        return [*lines, f"supernet of {name}, {trained}: {out}"]

    def phases_html(self) -> str:
        """Return the phases as an HTML table; "" if there are none."""
        rows = [
            (phase.name, str(phase.epochs), f"{phase.loss:.3f}", f"{phase.images_per_s:.0f}")
            for phase in self.phases
        ]
        if not rows:
            return ""
        head = "".join(f"<th>{each}</th>" for each in _HEADS)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in row)}</tr>" for row in rows
        )
        return f"<table><tr>{head}</tr>{body}</table>"
