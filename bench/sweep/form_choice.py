"""Choice between equivalent graphs: both are timed on a few blocks, in the same rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.backends.registry import FORMS, formed_backend, get_backend
from bench.blocks.graph_form import CHOICES, GraphForm
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.protocol.backend import LoadedModel
from bench.protocol.device import Device, ReplicatePlan, Workload
from bench.protocol.target import Target

BLOCKS = 4  # of each form, spread over the space's sizes
REPLICATES, ROUNDS, SAMPLES = 2, 10, 3
CLEARLY = 0.98  # a form is chosen where its time is less than this share of the plain form's
CLEARLY_ROUNDED = 0.95  # the same for float16 weights, which change outputs a little


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write blocks: the form of the graph, and its precision."""

    form: GraphForm
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormComparison:
    """Time of blocks written as `value` over that of the same blocks as `plain`, on one device."""

    form: str
    value: str
    plain: str
    ratio: float
    smallest: float  # ratio of a block
    largest: float
    blocks: int

    @property
    def is_chosen(self) -> bool:
        return self.ratio < (CLEARLY_ROUNDED if self.form == "weights" else CLEARLY)

    def __str__(self) -> str:
        """Return the figures and the choice in one line."""
        verdict = "chosen" if self.is_chosen else "not chosen"
        return (
            f"form {self.form}={self.value}: {self.ratio:.2f} times the time of {self.plain} on "
            f"{self.blocks} blocks ({self.smallest:.2f} to {self.largest:.2f}), {verdict}"
        )


def choose_form(
    device: Device, backend: str, target: Target, blocks: Sequence[BlockSpec]
) -> tuple[GraphForm, list[FormComparison]]:
    """Return the fastest form for a space's blocks on a device, and what was measured for it.

    Forms are compared one after the other, each with those already chosen.
    """
    form, comparisons = GraphForm(), []
    for name in FORMS.get(backend, ()):
        examples = _examples(name, target.precision, blocks)
        if not examples:
            continue
        other = replace(form, **{name: CHOICES[name][1]})
        variants = Variant(form, target.precision), Variant(other, target.precision)
        comparison = _compare(device, backend, target, name, variants, examples)
        comparisons.append(comparison)
        if comparison.is_chosen:
            form = other
    return form, comparisons


def compare_int8(
    device: Device, backend: str, target: Target, blocks: Sequence[BlockSpec]
) -> FormComparison:
    """Return the time of a space's blocks in int8 over that in float32, in the target's forms."""
    form = GraphForm.from_options(target.options)
    int8 = replace(form, weights=CHOICES["weights"][0])
    variants = Variant(form, "fp32"), Variant(int8, "int8")
    return _compare(device, backend, target, "precision", variants, spread_over_sizes(blocks))


def _examples(name: str, precision: str, blocks: Sequence[BlockSpec]) -> list[BlockSpec]:
    """Return blocks that the form changes, from small to large."""
    if (name, precision == "int8") in {("stem", False), ("weights", True)}:
        return []
    return spread_over_sizes([spec for spec in blocks if _changes(name, spec)])


def spread_over_sizes(blocks: Sequence[BlockSpec]) -> list[BlockSpec]:
    """Return a few different blocks, from small to large."""
    by_size = sorted(dict.fromkeys(blocks), key=lambda spec: spec.macs)
    places = np.linspace(0, len(by_size) - 1, min(BLOCKS, len(by_size))).round().astype(int)
    return [by_size[place] for place in places]


def _changes(name: str, spec: BlockSpec) -> bool:
    match name:
        case "hswish":
            return spec.act == "hswish"
        case "depthwise7":
            return (spec.kind, spec.kernel) == ("mbconv", 7)
        case "weights":
            return spec.params > 0
        case _:
            return spec.kind == "stem"


def _compare(  # noqa: PLR0913, PLR0917 - a comparison's device, target, form and blocks
    device: Device,
    backend: str,
    target: Target,
    name: str,
    variants: tuple[Variant, Variant],
    examples: Sequence[BlockSpec],
) -> FormComparison:
    models = {
        f"{place}-{number}": (variant, (spec,))
        for place, spec in enumerate(examples)
        for number, variant in enumerate(variants)
    }
    work = [Workload(role="model", file=key) for key in models]
    both = VariantBackend(backend, models)
    samples_ns = []
    for replicate in range(REPLICATES):
        plan = ReplicatePlan(rounds=ROUNDS, samples=SAMPLES, seed=replicate)
        rounds = device.run_replicate(work, both, target, plan)
        samples_ns += [result.samples_ns[:, 1:] for result in rounds]
    latencies_ns = np.nanmedian(np.concatenate(samples_ns, axis=1), axis=1).reshape(-1, 2)
    ratios = latencies_ns[:, 1] / latencies_ns[:, 0]
    plain_ns, other_ns = latencies_ns.sum(axis=0)
    return FormComparison(
        form=name,
        value=_value(name, variants[1]),
        plain=_value(name, variants[0]),
        ratio=float(other_ns / plain_ns),
        smallest=float(ratios.min()),
        largest=float(ratios.max()),
        blocks=len(examples),
    )


def _value(name: str, variant: Variant) -> str:
    return variant.precision if name == "precision" else str(getattr(variant.form, name))


class VariantBackend:
    """Backend that writes each workload's blocks as the workload's variant.

    `models` has variant and blocks by the `file` of a workload.
    """

    def __init__(
        self, backend: str, models: Mapping[str, tuple[Variant, tuple[BlockSpec, ...]]]
    ) -> None:
        self.inner = get_backend(backend)
        self._backends = {
            variant: formed_backend(backend, variant.form) for variant, _ in models.values()
        }
        self._models = models
        self.name, self.file_suffix = self.inner.name, self.inner.file_suffix

    def substitutes(self, model: Model) -> bool:
        """Return whether the model is one of the variants."""
        return bool(model.file)

    def version(self) -> str:
        return self.inner.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        if not self.substitutes(model):
            return self.inner.serialise(model, batch, precision)
        variant, blocks = self._models[model.file]
        return self._backends[variant].serialise(random_model(blocks), batch, variant.precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        if not self.substitutes(model):
            return self.inner.load(model, target, seed=seed)
        variant, blocks = self._models[model.file]
        precise = replace(target, precision=variant.precision)
        return self._backends[variant].load(random_model(blocks), precise, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self.inner.load_file(content, target, seed=seed)
