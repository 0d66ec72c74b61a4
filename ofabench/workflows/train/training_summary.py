"""Summary of a training by phase."""

import html
from dataclasses import dataclass
from typing import Any

from supernet.train.checkpoint import Checkpoint

_HEADS = ("phase", "epochs", "loss of the last", "sub-network images a second")


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """Epochs done of a phase, the mean loss of the last, and images a second in all."""

    name: str
    epochs: int
    loss: float
    images_per_s: float


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Figures of a supernet's training, for people and as JSON values."""

    checkpoint: Checkpoint

    @property
    def phases(self) -> list[PhaseSummary]:
        """The phases that have an epoch done, in order."""
        summaries = []
        for phase in self.checkpoint.schedule.phases:
            records = [each for each in self.checkpoint.records if each.phase == phase.name]
            if records:
                seconds = sum(each.seconds for each in records)
                rate = sum(each.images for each in records) / seconds
                summaries.append(PhaseSummary(phase.name, len(records), records[-1].loss, rate))
        return summaries

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe, the phases and what was used."""
        checkpoint = self.checkpoint
        return {
            **checkpoint.recipe.about(),
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
            "seconds": sum(each.seconds for each in checkpoint.records),
            "usage": [each.to_json() for each in checkpoint.usage],
        }

    def lines(self, out: str) -> list[str]:
        """Return a table of the phases, what was used, and where the supernet is."""
        checkpoint, name = self.checkpoint, self.checkpoint.space.name
        if not checkpoint.schedule.phases:
            return [f"supernet of {name}, trained elsewhere: {out}"]
        lines = [f"{_HEADS[0]:<15} {_HEADS[1]}  {_HEADS[2]}  {_HEADS[3]}"]
        lines += [
            f"{phase.name:<15} {phase.epochs:>6}  {phase.loss:>16.3f}  {phase.images_per_s:.0f}"
            for phase in self.phases
        ]
        if checkpoint.recipe.sampling:
            lines.append(f"sub-networks drawn for {checkpoint.recipe.sampling}")
        used = checkpoint.usage
        hours = sum(usage.device_s for usage in used) / 3600
        energy_wh = sum(usage.energy_j for usage in used) / 3600
        how = ", ".join(dict.fromkeys(usage.how for usage in used))
        if used:
            lines.append(f"used {hours:.3g} device hours, {energy_wh:.3g} Wh ({how})")
        seconds = sum(each.seconds for each in checkpoint.records)
        trained = f"trained in {seconds:.0f} s" if checkpoint.finished else "not trained to the end"
        return [*lines, f"supernet of {name}, {trained}: {out}"]

    def phases_html(self) -> str:
        """Return the phases as a table of HTML; "" where there are none."""
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
