"""`Deployment`: a folder with its contents and its verdicts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.notebook.html_table import lines_html
from ofabench.workflows.deploy.deploy_page import amount
from ofabench.workflows.deploy.verification_text import accuracy_lines, failed, latency_lines


@dataclass(frozen=True, slots=True, repr=False)
class Deployment:
    """A folder with a model, its card, the search's result and their checksums.

    `card` has the JSON values of `card.json`.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / str(self.card["model"]["file"])

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the file on test images, a fraction; None if not measured."""
        value: float | None = self.card["accuracy"]["accuracy"]
        return value

    @property
    def failed(self) -> bool:
        """Whether a prediction is not within tolerance, or a limit not met."""
        verified = [row["verification"] for row in self.card["latency"]]
        broken = any(row["met"] is False for row in self.card["limits"])
        return broken or any(failed(row) for row in verified if row is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON values."""
        return dict(self.card)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return lines_html(str(self).splitlines())

    def __repr__(self) -> str:
        return f"Deployment({str(self.folder)!r}, model={self.model.name!r}, failed={self.failed})"

    def _lines(self) -> Iterator[str]:
        from ofabench.workflows.export.card_text import card_lines
        from supernet.export.model_card import ModelCard

        card, model = self.card, self.card["model"]
        yield json.dumps({"space": model["space"], **model["arch"]})
        size = model["size_bytes"]
        yield f"  {self.folder}: {model['file']}, {size:,} bytes, with its card"
        yield from card_lines(
            ModelCard.from_json(model, self.folder), card["accuracy"]["not_measured"]
        )
        yield from accuracy_lines(card["accuracy"])
        for row in card["limits"]:
            if row["met"] is not None:
                met = "met" if row["met"] else "NOT MET"
                yield f"  {row['name']} {amount(row['actual'])} of {amount(row['limit'])}: {met}"
        for row in card["latency"]:
            yield row["target"]
            if row["verification"] is not None:
                yield from latency_lines(row["verification"])
                continue
            yield f"  predicted  {row['predicted_ms']:.4g} ms, give or take {row['std_ms']:.2g}"
            if row["limit_ms"] is not None:
                yield f"  limit      {row['limit_ms']:g} ms"
            yield f"  measured   no: {row['not_measured']}"
