"""Options of a GPU: how models are launched, and in which arithmetic."""

from dataclasses import dataclass

from bench.options import Options, option

LAUNCHES = ("graph", "eager", "compile")


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaOptions(Options):
    """Settings of a GPU that change what a figure means.

    `launch` is how work reaches the GPU: "graph" replays a CUDA graph, without the gaps that a slow
    host leaves between kernels; "eager" launches each kernel from Python; "compile" is
    `torch.compile`, its kernels replayed as a graph. `tf32` lets fp32 convolutions and matrix
    products round their inputs to 10 bits of mantissa.
    """

    launch: str = option(
        "graph",
        choices=LAUNCHES,
        help="how work reaches the GPU: replayed as a CUDA graph (default), kernel by kernel, or "
        "torch.compile",
    )
    tf32: bool = option(False, help="let fp32 work round to TF32")

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return name and value pairs for `Target.options`."""
        return (("launch", self.launch), ("tf32", "on" if self.tf32 else "off"))
