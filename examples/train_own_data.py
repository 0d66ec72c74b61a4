"""Train a supernet on a torch Dataset of one's own, judge its networks, export one.

python examples/train_own_data.py FOLDER
"""

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

import ofabench as ob

SCHEDULE = """
name = "short"
momentum = 0.9

[[phases]]
name = "sandwich"
epochs = 3
lr = 0.1
batch = 32
subnets = 2
sampling = "sandwich"
distillation = 1.0
"""


class Stripes(Dataset[tuple[Tensor, int]]):
    """Images of 32 x 32 pixels whose stripes are as many as their label says, in noise."""

    def __init__(self, count: int, seed: int) -> None:
        noise = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(count) % 10
        rows = torch.arange(32) / 32
        waves = torch.sin(2 * torch.pi * rows[None] * (self.labels[:, None] + 1))
        self.images = waves[:, None, :, None] + torch.rand(count, 1, 32, 32, generator=noise)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.images[place], int(self.labels[place])


def main(folder: Path, space: str | Path = "tiny", images: int = 1000) -> ob.ExportedModel:
    """Train on `images` stripes, measure sub-networks on others, and export the largest network."""
    schedule = folder / "short.toml"
    schedule.write_text(SCHEDULE)
    data = ob.TorchData(
        train=Stripes(images, 0), validation=Stripes(200, 1), test=Stripes(200, 2), name="stripes"
    )
    options = ob.TrainOptions(schedule=str(schedule))
    supernet = ob.train(space, data, out=folder / "stripes.safetensors", options=options)

    measured = supernet.evaluate(options=ob.EvaluationOptions(networks=4))
    print(measured.frame[["resolution", "accuracy", "accuracy_error"]])
    return ob.export((supernet, "largest"), out=folder / "largest.onnx")


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
