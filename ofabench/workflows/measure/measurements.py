"""`Measurements`: measured latencies of model files, as values, a table, and files."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, read_json, write_atomically, write_text
from ofabench.workflows.measure.measurement_text import measurement_lines, measurements_html
from ofabench.workflows.measure.model_measurement import ModelMeasurement

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "ofabench-measurements-1"
_OLD_START = "taken_at"  # in older files


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Measurements:
    """Latencies of model files, measured in the same rounds.

    Attributes:
        models: a measurement for each file and target.
        failures: of files that could not be measured, by name: why.
        started_at: when measuring began, ISO 8601.
        facts: of the device, when measuring began.
    """

    models: tuple[ModelMeasurement, ...]
    failures: Mapping[str, str]
    started_at: str
    facts: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.models)

    def __iter__(self) -> Iterator[ModelMeasurement]:
        return iter(self.models)

    def of(self, file: str, backend: str | None = None) -> ModelMeasurement:
        """Return the measurement of a file by its name; `InputError` where there is not one."""
        matches = [
            model
            for model in self.models
            if model.file == file and backend in {None, model.backend}
        ]
        if len(matches) != 1:
            raise InputError(
                f"{len(matches)} measurements are of {file}, expected one; there are those of "
                f"{', '.join(f'{model.file} ({model.backend})' for model in self.models)}"
            )
        return matches[0]

    @property
    def frame(self) -> "pd.DataFrame":
        """A row a measurement; the columns are the fields of `ModelMeasurement`."""
        import pandas as pd

        columns = [field.name for field in fields(ModelMeasurement)]
        return pd.DataFrame([asdict(model) for model in self.models], columns=columns)

    @property
    def wide(self) -> "pd.DataFrame":
        """`measured_ms`: a row a model (its file's name without suffix), a column a target.

        Where energy was measured, a column `energy on <target>` has `energy_mj`.
        """
        import pandas as pd

        from latency_models.predictors.energy import energy_key

        table = self.frame.assign(model=[Path(model.file).stem for model in self.models])
        table["energy_mj"] = pd.to_numeric(table["energy_mj"])

        def by_target(values: str) -> pd.DataFrame:
            return table.pivot_table(index="model", columns="target", values=values, sort=False)

        latencies = by_target("measured_ms")
        if table["energy_mj"].isna().all():
            return latencies
        return latencies.join(by_target("energy_mj").rename(columns=energy_key))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "format": FORMAT,
            "started_at": self.started_at,
            "facts": dict(self.facts),
            "models": [model.to_json() for model in self.models],
            "failures": dict(self.failures),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `.json` file with everything, or a `.csv` or `.parquet` table, by the suffix."""
        path = Path(path)
        match path.suffix:
            case ".json":
                write_text(path, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")
            case ".csv":
                write_text(path, self.frame.to_csv(index=False))
            case ".parquet":
                write_atomically(path, self.frame.to_parquet)
            case _:
                raise InputError(f"{path} is not a name in .json, .csv or .parquet")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote as JSON; `FileError` for any other file."""
        data = read_json(Path(path))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise FileError(
                f"{path} holds no measurements: name a file of `ofabench measure --out`"
            )
        try:
            return cls(
                models=tuple(ModelMeasurement.from_json(model) for model in data["models"]),
                failures=data["failures"],
                started_at=data["started_at" if "started_at" in data else _OLD_START],
                facts=data["facts"],
            )
        except VALUE_DAMAGE as error:
            raise FileError(f"{path} is damaged ({error}): measure again") from error

    def __str__(self) -> str:
        return "\n".join(measurement_lines(self.models, self.failures))

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"Measurements of {len(self.models)} models{failed}"

    def _repr_html_(self) -> str:
        return measurements_html(self.models, self.failures)
