"""`BlockSpec`: the key of every measurement, table and prediction.

Standard library only: a table can be read and a network costed without torch.
"""

from dataclasses import dataclass, fields

from bench.blocks.layers import layers_of
from bench.blocks.shape import BlockShape


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BlockSpec(BlockShape):
    """One static block, and what it costs to compute: that follows from its layers."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference at batch 1."""
        return layers_of(self).macs

    @property
    def params(self) -> int:
        """Trainable parameters, norms' scales and shifts included."""
        return layers_of(self).params


SPEC_FIELDS = tuple(f.name for f in fields(BlockSpec))
