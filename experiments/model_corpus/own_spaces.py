"""Add sub-networks of our own search spaces to the corpus, in the files that `export` writes.

    python -m experiments.model_corpus.own_spaces --out CORPUS

Runs in the project's environment, in seconds. Weights are random. Each space is a family to fit on.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.files import write_bytes
from experiments.model_corpus.catalogue import FIT, SMALL
from experiments.model_corpus.corpus import RUNTIMES, write_manifest
from supernet.space.space import SearchSpace

# Of each space: its role, and sub-networks by resolution.
SPACES = {
    "ofa-mbv3-w1.0": (FIT, (128, 160, 192, 224)),
    "ofa-proxyless-w1.3": (FIT, (128, 176)),
    "ofa-resnet50d": (FIT, (128, 144, 160)),
    "tiny": (SMALL, (24, 32)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Add sub-networks of our spaces to the corpus.")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name, (role, resolutions) in SPACES.items():
        space, rng = SearchSpace.load(name), np.random.default_rng(0)
        for resolution in resolutions:
            blocks = space.blocks(space.sample(rng, 1, [resolution])[0])
            model, path = random_model(blocks), args.out / f"{name}-{resolution}"
            for runtime in RUNTIMES:
                content = get_backend(runtime).serialise(model)
                write_bytes(path.with_name(f"{path.name}.{runtime}"), content)
            rows.append(
                {
                    "name": path.name,
                    "family": name,
                    "role": role,
                    "macs": sum(block.macs for block in blocks),
                    "bytes": len(content),
                }
            )
            print(path.name, flush=True)
    write_manifest(args.out / "manifest-own.csv", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
