"""What the loop's workers do, each called here as in its process."""

from pathlib import Path

import pytest

from bench.protocol.progress import NoProgress
from ofabench.options.quickstart import AccuracyPart, ExportPart, TrainPart
from ofabench.options.verify import VerifyRequest
from ofabench.workflows.quickstart.worker_tasks import (
    accuracy_part,
    export_part,
    train_part,
    verify_part,
)
from supernet.data import open_data
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts

SCHEDULE = """
name = "short"
[[phases]]
name = "full"
epochs = 1
lr = 0.1
batch = 50
"""


def small_digits(seed: int) -> DatasetParts:
    splits = load_digits_parts(train=220, validation=40, test=50, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_data._DATASETS, "digits", small_digits)


@pytest.mark.slow
def test_tasks_write_the_files_of_the_next_ones_and_return_a_summary(tmp_path: Path) -> None:
    schedule, supernet = tmp_path / "short.toml", tmp_path / "supernet.safetensors"
    schedule.write_text(SCHEDULE)
    common = {"space": "tiny", "data": "digits", "schedule": str(schedule), "seed": 3}

    trained = train_part(TrainPart.read({**common, "out": supernet}), NoProgress())

    assert "full" in trained.words
    assert trained.to_dict() == {"words": trained.words, "failed": False}
    learnt = accuracy_part(
        AccuracyPart.read(
            {
                "checkpoint": supernet,
                "networks": 10,
                "images": 20,
                "model": "kernel",
                "out": tmp_path / "a.parquet",
            }
        ),
        NoProgress(),
    )
    assert learnt.words
    assert (tmp_path / "a.parquet").exists()
    model = tmp_path / "net.onnx"
    exported = export_part(
        ExportPart.read(
            {"checkpoint": supernet, "arch": "smallest", "accuracy": False, "out": model}
        ),
        NoProgress(),
    )
    assert f"written to {model}" in exported.words
    request = {
        "model": model,
        "replicates": 3,
        "rounds": 2,
        "force": True,
        "out": tmp_path / "v.json",
    }
    for repeats in range(2):
        verified = verify_part(VerifyRequest.read(request), NoProgress())
        assert verified.words.startswith("net.onnx on ")
        assert ("repeat 1" in verified.words) is (repeats == 1)
        assert not verified.failed
