"""A simulated runtime: latencies are computed, so that a sweep can be tested exactly.

The outputs of `infer` are torch's. `run` does nothing; the fake device advances its own clock by
`cost_ns`.
"""

import math
import zlib
from dataclasses import dataclass, field
from functools import cached_property

from bench.backends.inputs import check_precision
from bench.backends.torch_backend import TorchBackend, model_from_bytes
from bench.blocks.model import Model
from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Array
from bench.protocol.target import Target

_CALL_NS = 3_000.0
_BLOCK_NS = 1_500.0
_MAC_NS = {"stem": 0.09, "mbconv": 0.06, "bottleneck": 0.045}
_OTHER_MAC_NS = 0.05
_BYTE_NS = 0.02
_CHAIN_SHARE = 0.92  # blocks in a chain find their inputs in the cache


def block_cost_ns(spec: BlockSpec) -> float:
    """Return the cost of one block alone: work, memory traffic, up to 4 % that its key decides."""
    work = spec.macs * _MAC_NS.get(spec.kind, _OTHER_MAC_NS)
    traffic = (spec.in_bytes + spec.out_bytes + 4 * spec.params) * _BYTE_NS
    noise = zlib.crc32(spec.key.encode()) % 1000 / 1000
    return (_BLOCK_NS + work + traffic) * (0.98 + 0.04 * noise)


@dataclass(frozen=True)
class FakeModel:
    """Model with a computed cost per inference; outputs are computed by torch."""

    model: Model
    target: Target
    seed: int = field(default=0)

    @cached_property
    def cost_ns(self) -> float:
        """Time of one inference: a function of blocks, batch size and threads alone."""
        costs = [block_cost_ns(spec) for spec in self.model.blocks]
        share = _CHAIN_SHARE if len(costs) > 1 else 1.0
        return _CALL_NS + share * sum(costs) * self.target.batch / math.sqrt(self.target.threads)

    def run(self) -> None:
        """Do nothing; see `cost_ns`."""

    def infer(self, images: Array) -> Array:
        """Return the outputs for `images`, computed by torch."""
        return TorchBackend().load(self.model, self.target).infer(images)


class FakeBackend:
    """Backend of `ofabench`'s own tests and dry runs."""

    name = "fake"
    file_suffix = ".json"

    def version(self) -> str:
        return "1"

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        """Return the torch backend's file: blocks and weights."""
        return TorchBackend().serialise(model, batch, precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> FakeModel:
        check_precision(target)
        return FakeModel(model, target, seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> FakeModel:
        return self.load(model_from_bytes(content), target, seed=seed)
