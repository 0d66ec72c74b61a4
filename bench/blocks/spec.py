"""`BlockSpec`: the key of every measurement, table and prediction.

It needs the standard library only: tables are read and networks predicted without torch.
"""

from dataclasses import dataclass, fields

from bench.blocks.layers import layers_of
from bench.blocks.shape import BlockShape


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BlockSpec(BlockShape):
    """One static block, and its computational cost, which follows from its layers."""

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference at batch 1."""
        return layers_of(self).macs

    @property
    def params(self) -> int:
        """Trainable parameters, including norms' scales and shifts."""
        return layers_of(self).params


SPEC_FIELDS = tuple(f.name for f in fields(BlockSpec))
