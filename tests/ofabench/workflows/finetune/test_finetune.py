"""`finetune`: continuation bit by bit, the best epoch, other classes, its record, bad input."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from bench.errors import FileError, InputError, InterruptedSweepError
from ofabench.options.finetune import FinetuneOptions
from ofabench.options.running import RunningOptions
from ofabench.workflows.export.export import export
from ofabench.workflows.finetune.finetune import finetune, state_path
from ofabench.workflows.train import training_run
from ofabench.workflows.train.extraction import ExtractedNetwork, load_extracted
from ofabench.workflows.train.supernet import load_supernet
from supernet.data.open_data import open_data
from supernet.data.torch_dataset import TorchData
from supernet.export.network_file import load_network
from supernet.train.callbacks import TrainingEpoch
from supernet.train.checkpoint import FINE_TUNING, load_checkpoint, load_trained
from supernet.train.log import read_log
from tests.support.micro_supernets import MICRO, micro_images, save_micro

QUICK = FinetuneOptions(epochs=2, batch=40, threads=1, lr=0.05, ema=0.9)
FIVE = ("a", "b", "c", "d", "e")
CLASSIFIER = "units.head_classifier.block.main.linear"


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_micro(tmp_path_factory.mktemp("weights") / "s.safetensors")


@pytest.fixture
def network(supernet: Path, tmp_path: Path) -> Path:
    """The file of an extracted sub-network."""
    path = tmp_path / "given.safetensors"
    load_supernet(supernet, data=micro_images()).extract("smallest", out=path)
    return path


def weights(path: Path) -> dict[str, Tensor]:
    return load_network(path).network.state_dict()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def interrupted(patch: pytest.MonkeyPatch, steps: int, *args: Any, **keywords: Any) -> Path:
    """Fine-tune, with Ctrl-C during step number `steps`; return the file of the state."""

    @contextmanager
    def requested() -> Iterator[Callable[[], bool]]:
        calls = count(1)
        yield lambda: next(calls) >= steps  # is called once a step

    with patch.context() as local:
        local.setattr(training_run, "stop_requested", requested)
        with pytest.raises(InterruptedSweepError, match="with the same command and --resume"):
            finetune(*args, **keywords)
    return state_path(keywords["out"])


@pytest.mark.parametrize("steps", [2, 6, 9])
@pytest.mark.parametrize("taught", [False, True])
def test_a_stop_and_a_resume_change_no_tensor(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    network: Path,
    supernet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    taught: bool,
) -> None:
    options = replace(QUICK, teacher=supernet) if taught else QUICK
    whole = finetune(network, micro_images(), out=tmp_path / "whole.safetensors", options=options)
    out = tmp_path / "net.safetensors"

    path = interrupted(monkeypatch, steps, network, micro_images(), out=out, options=options)
    assert not out.exists()
    state = load_checkpoint(path, FINE_TUNING)
    assert 6 * state.epoch + state.step == steps  # 240 of the 300 images, in batches of 40
    resumed = finetune(network, micro_images(), out=out, options=replace(options, resume=True))

    assert equal(weights(out), weights(tmp_path / "whole.safetensors"))
    assert resumed.finetuning == whole.finetuning
    assert not state_path(out).exists()
    curve = [line["loss"] for line in read_log(tmp_path / "net.finetune.jsonl") if "loss" in line]
    assert curve == [
        line["loss"] for line in read_log(tmp_path / "whole.finetune.jsonl") if "loss" in line
    ]


def test_the_best_epoch_is_kept_with_its_accuracy(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    epochs: list[TrainingEpoch] = []
    options = replace(QUICK, epochs=4)

    tuned = finetune(network, micro_images(), out=out, options=options, callbacks=[epochs.append])

    record = tuned.finetuning
    assert record is not None
    assert record.before is not None
    lines = read_log(tmp_path / "net.finetune.jsonl")
    curve = [line["accuracy"] for line in lines if line["kind"] == "validation"]
    assert len(curve) == record.epochs == 4
    assert [epoch.accuracy("fine-tuned") for epoch in epochs] == curve
    assert record.after == max(record.before, *curve)
    expected = 0 if record.before >= max(curve) else 1 + curve.index(max(curve))
    assert record.best_epoch == expected
    assert record.gain == pytest.approx(record.after - record.before)
    # The file's accuracy, by the same images in another way.
    model = export(load_extracted(out, micro_images(), images=True))
    assert model.card.accuracies is not None
    assert model.card.accuracies.before == record.after
    assert model.card.finetuning == record


def test_without_a_better_epoch_the_start_is_kept(network: Path, tmp_path: Path) -> None:
    options = replace(QUICK, lr=1e-9, ema=None, weight_decay=0.0)

    tuned = finetune(network, micro_images(), out=tmp_path / "net.safetensors", options=options)

    assert tuned.finetuning is not None
    assert (tuned.finetuning.best_epoch, tuned.finetuning.gain) == (0, 0.0)
    assert "no epoch was better than the start" in str(tuned)
    assert equal(weights(network), weights(tmp_path / "net.safetensors"))


def test_the_average_is_what_is_evaluated(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "net.safetensors", replace(QUICK, ema=0.9)

    path = interrupted(monkeypatch, 6, network, micro_images(), out=out, options=options)

    state = load_checkpoint(path, FINE_TUNING)
    assert state.best is not None
    evaluated = state.best.network["0.main.conv.conv.weight"]
    assert torch.equal(evaluated, state.average["units.b0.block.main.conv.conv.weight"])
    assert not torch.equal(evaluated, state.network["units.b0.block.main.conv.conv.weight"])


def five_classes(names: tuple[str, ...] = ()) -> TorchData:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (300, 1, 12, 12), dtype=torch.uint8, generator=generator)
    return TorchData(
        train=TensorDataset(images, torch.arange(300) % 5), name="b", class_names=names
    )


def test_other_classes_have_a_new_head_only(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ofabench")
    out, options = tmp_path / "net.safetensors", replace(QUICK, head_epochs=1, ema=None)
    path = interrupted(monkeypatch, 6, network, five_classes(FIVE), out=out, options=options)
    # After the phase that trains the head all other tensors are those that were given.
    state = load_checkpoint(path, FINE_TUNING)
    assert (state.phase, state.epoch) == (1, 0)
    kept = {name: each for name, each in state.network.items() if not name.startswith(CLASSIFIER)}
    given = {
        f"units.b{name.replace('.', '.block.', 1)}": each for name, each in weights(network).items()
    }
    assert equal(kept, {name: given[name] for name in kept})
    assert len(kept) == len(given) - 2

    tuned = finetune(network, five_classes(FIVE), out=out, options=replace(options, resume=True))

    assert f"re-initialised: {CLASSIFIER}.weight, {CLASSIFIER}.bias" in caplog.text
    assert tuned.blocks[-1].out_channels == 5
    assert tuned.network.class_names == FIVE
    assert tuned.finetuning is not None
    assert (tuned.finetuning.before, tuned.finetuning.gain) == (None, None)
    assert tuned.finetuning.reinitialised == (f"{CLASSIFIER}.weight", f"{CLASSIFIER}.bias")
    assert "its head is new" in str(tuned)
    assert export(tuned).card.class_names == FIVE


def test_a_sub_network_in_memory_and_its_file_give_the_same(
    supernet: Path, network: Path, tmp_path: Path
) -> None:
    opened = load_supernet(supernet, data=micro_images())
    options = replace(QUICK, epochs=1)
    sources: list[Any] = [network, opened.extract("smallest"), (opened, "smallest")]

    for number, source in enumerate(sources):
        finetune(source, micro_images(), out=tmp_path / f"{number}.safetensors", options=options)

    first = weights(tmp_path / "0.safetensors")
    assert all(equal(first, weights(tmp_path / f"{n}.safetensors")) for n in (1, 2))
    again = finetune(tmp_path / "0.safetensors", micro_images(), out=tmp_path / "n.safetensors",
                     options=options)  # fmt: skip
    assert again.finetuning is not None
    assert again.finetuning.start == "0.safetensors"


class NoValidation:
    """Opened images whose validation part has one image."""

    def __init__(self) -> None:
        self._parts = open_data(micro_images(), MICRO)
        self.validation = self._parts.validation.subset(1, np.random.default_rng(0))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parts, name)


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({}, NoValidation(), "has 1 validation images"),
        ({"batch": 1000}, micro_images(), "takes batches of 1000, the data has 240"),
        ({"resume": True}, micro_images(), "no fine-tuning to resume"),
        ({"teacher": "TEACHER"}, five_classes(FIVE), "the teacher .* 3 classes, the data .* 5"),
        ({"teacher": "NETWORK"}, micro_images(), "is a sub-network, expected a supernet"),
    ],
)
def test_bad_input_writes_nothing(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    network: Path,
    supernet: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    data: Any,
    message: str,
) -> None:
    named = {"TEACHER": supernet, "NETWORK": network}
    changes = {name: named.get(value, value) for name, value in changes.items()}
    before = sorted(tmp_path.iterdir())

    with pytest.raises((InputError, FileError), match=message):
        finetune(network, data, out=tmp_path / "n.safetensors", options=replace(QUICK, **changes))

    assert sorted(tmp_path.iterdir()) == before


def test_files_that_exist_are_not_overwritten(
    network: Path, supernet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, data = tmp_path / "net.safetensors", micro_images()
    state = interrupted(monkeypatch, 2, network, data, out=out, options=QUICK).read_bytes()

    with pytest.raises(InputError, match="has an interrupted fine-tuning"):
        finetune(network, data, out=out, options=QUICK)
    resume = replace(QUICK, resume=True)
    with pytest.raises(InputError, match="began with other weights"):
        finetune((supernet, "largest"), data, out=out, options=resume)
    with pytest.raises(InputError, match=r"has epochs 2, not 3"):
        finetune(network, data, out=out, options=replace(resume, epochs=3))
    with pytest.raises(InputError, match=r"has label_smoothing 0\.1, not 0\.0"):
        finetune(network, data, out=out, options=replace(resume, label_smoothing=0.0))
    with pytest.raises(InputError, match="other phases, with the head first or without"):
        finetune(network, data, out=out, options=replace(resume, head_epochs=1))
    with pytest.raises(InputError, match=r"ema is 0\.9, not 0\.5"):
        finetune(network, data, out=out, options=replace(resume, ema=0.5))
    with pytest.raises(FileError, match="is a state of a fine-tuning, expected a supernet"):
        load_trained(state_path(out))
    assert state_path(out).read_bytes() == state

    finetune(network, data, out=out, options=resume)
    with pytest.raises(InputError, match="exists already"):
        finetune(network, data, out=out, options=QUICK)
    assert isinstance(finetune(network, data, out=out, options=resume), ExtractedNetwork)
    with pytest.raises(InputError, match="fine-tuned with other lr"):
        finetune(network, data, out=out, options=replace(resume, lr=0.2))


def test_options_that_do_not_fit_each_other() -> None:
    with pytest.raises(InputError, match="warmup-epochs is 3, expected less than the 2"):
        FinetuneOptions(epochs=2, warmup_epochs=3)
    with pytest.raises(InputError, match="give one"):
        FinetuneOptions(distillation=0.5)
    with pytest.raises(InputError, match="expected cpu, cuda"):
        RunningOptions(device="tpu")
