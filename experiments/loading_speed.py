"""How fast are training images read, and what share of a training step is that?

    python -m experiments.loading_speed [--workers 1 2] [--seconds 5] [--images 500] [--json]

A folder of JPEGs of 500x375 pixels is made, and read as a training stream at 224 and 128 pixels
(decoded, cropped, mirrored, jittered, normalised), by so many threads; the figures are images a
second and milliseconds of all cores an image, medians of five turns. They are the same images again
and again, so the disk is not measured. Then steps of `tiny` on composed digits in memory: the share
of a step that its images take. torch has one thread. Takes under a minute; nothing else may run.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812

from bench.devices.cpu.host_facts import cpu_model
from supernet.data.batch_stream import BatchRequest, Source
from supernet.data.dataset import Dataset
from supernet.data.digits import compose
from supernet.data.folder_parts import open_folder
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.weights.model import SuperNet

SIZE, QUALITY = (500, 375), 90
BATCH, TURNS = 64, 5
DIGITS_BATCH, DIGITS_STEPS = 128, 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each row (5)")
    parser.add_argument("--images", type=int, default=500, metavar="N", help="files (500)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        figures["kilobytes an image"] = make_jpegs(Path(name), args.images) / 1000
        for resolution in (224, 128):
            for workers in args.workers:
                source = open_folder(Path(name), workers=workers).train_source
                row = f"{resolution} px, {workers} workers"
                rate, cpu_ms = speed(source, resolution, args.seconds / TURNS)
                figures[f"images a second, {row}"] = rate
                figures[f"CPU ms an image, {row}"] = cpu_ms
    figures["share of a digits step, %"] = 100 * share_of_a_step()
    when, machine = datetime.now(UTC).date(), f"{cpu_model()}, {platform.system()}"
    if args.json:
        print(json.dumps({"machine": machine, "date": str(when), **figures}))
        return 0
    print(f"{machine}, {when}")
    for name, value in figures.items():
        print(f"{name:<42} {value:8.2f}")
    return 0


def make_jpegs(root: Path, images: int) -> float:
    """Write two classes of noise, as large as photographs in bytes; return the mean bytes."""
    rng, written = np.random.default_rng(0), 0
    for part, count in (("train", images), ("val", 2)):
        for number in range(count):
            image = np.zeros((SIZE[1], SIZE[0], 3))
            for across, strength in ((6, 100), (40, 60), (500, 20)):
                down = across * 3 // 4
                noise = rng.integers(0, 256, (down, across, 3), np.uint8)
                wide = Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)
                image += (np.asarray(wide) / 255 - 0.5) * strength
            folder = root / part / f"class{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{number}.jpg"
            Image.fromarray((image + 128).clip(0, 255).astype(np.uint8)).save(path, quality=QUALITY)
            written += path.stat().st_size
    return written / (images + 2)


def speed(source: Source, resolution: int, seconds: float) -> tuple[float, float]:
    """Return images a second and CPU ms an image, medians over turns of a running stream."""
    rng = np.random.default_rng(0)
    requests = [
        BatchRequest(images=rng.integers(0, len(source), BATCH), resolution=resolution, seed=(k,))
        for k in range(10_000)
    ]
    rates, costs_ms, stream = [], [], source.stream(requests)
    for _ in range(3):  # as many as are read ahead
        next(stream)
    for _ in range(TURNS):
        begun, cpu, read = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begun < seconds:
            read += len(next(stream).labels)
        rates.append(read / (time.perf_counter() - begun))
        costs_ms.append(1000 * (time.process_time() - cpu) / read)
    del stream  # closes it
    return float(np.median(rates)), float(np.median(costs_ms))


def share_of_a_step() -> float:
    """Return the share of the steps' time that the digits' batches take."""
    part = compose("train", 1000, seed=0)
    dataset = Dataset(
        images=torch.from_numpy(part.images).float() / 255,
        labels=torch.from_numpy(part.labels),
        groups=torch.from_numpy(part.groups),
        classes=10,
    )
    space, rng = SearchSpace.load("tiny"), np.random.default_rng(0)
    network = SuperNet(space).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    archs = space.sample(rng, DIGITS_STEPS)
    requests = [
        BatchRequest(
            images=rng.integers(0, 1000, DIGITS_BATCH), resolution=arch.resolution, seed=(k,)
        )
        for k, arch in enumerate(archs)
    ]
    stream, reading_s, begun = TensorSource(dataset, "digits").stream(requests), 0.0, 0.0
    for step, arch in enumerate(archs):
        if step == 2:  # the first ones allocate
            reading_s, begun = 0.0, time.perf_counter()
        requested_s = time.perf_counter()
        batch = next(stream)
        reading_s += time.perf_counter() - requested_s
        optimiser.zero_grad()
        F.cross_entropy(network(batch.images, arch), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return reading_s / (time.perf_counter() - begun)


if __name__ == "__main__":
    sys.exit(main())
