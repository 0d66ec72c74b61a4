"""Choice between the forms of a graph: both are timed on a few blocks, in the same rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.backends.registry import FORMS, get_backend
from bench.blocks.graph_form import CHOICES, GraphForm
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Backend, LoadedModel
from bench.protocol.device import Device, ReplicatePlan, Workload
from bench.protocol.target import Target

BLOCKS = 4  # of each form, spread over the space's sizes
REPLICATES, ROUNDS, SAMPLES = 2, 10, 3
CLEARLY = 0.98  # a form is chosen where its time is less than this share of the plain form's


@dataclass(frozen=True, slots=True, kw_only=True)
class FormComparison:
    """Time of blocks in one form over that in the plain form, on one device."""

    form: str
    value: str
    ratio: float
    smallest: float  # ratio of a block
    largest: float
    blocks: int

    @property
    def is_chosen(self) -> bool:
        return self.ratio < CLEARLY

    def __str__(self) -> str:
        """Return the figures and the choice in one line."""
        verdict = "chosen" if self.is_chosen else "not chosen"
        return (
            f"form {self.form}={self.value}: {self.ratio:.2f} times {CHOICES[self.form][0]} on "
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
        comparison = _compare(device, backend, target, name, (form, other), examples)
        comparisons.append(comparison)
        if comparison.is_chosen:
            form = other
    return form, comparisons


def _examples(name: str, precision: str, blocks: Sequence[BlockSpec]) -> list[BlockSpec]:
    """Return blocks that the form changes, from small to large."""
    if name == "stem" and precision != "int8":
        return []
    changed = sorted(
        (spec for spec in dict.fromkeys(blocks) if _changes(name, spec)), key=lambda spec: spec.macs
    )
    places = np.linspace(0, len(changed) - 1, min(BLOCKS, len(changed))).round().astype(int)
    return [changed[place] for place in places]


def _changes(name: str, spec: BlockSpec) -> bool:
    match name:
        case "hswish":
            return spec.act == "hswish"
        case "depthwise7":
            return (spec.kind, spec.kernel, spec.stride) == ("mbconv", 7, 1)
        case _:
            return spec.kind == "stem"


def _compare(  # noqa: PLR0913, PLR0917 - a comparison's device, target, form and blocks
    device: Device,
    backend: str,
    target: Target,
    name: str,
    forms: tuple[GraphForm, GraphForm],
    examples: Sequence[BlockSpec],
) -> FormComparison:
    models = {
        f"{place}-{number}": (form, spec)
        for place, spec in enumerate(examples)
        for number, form in enumerate(forms)
    }
    work = [Workload(role="model", file=key) for key in models]
    both = _BothForms(backend, models)
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
        value=CHOICES[name][1],
        ratio=float(other_ns / plain_ns),
        smallest=float(ratios.min()),
        largest=float(ratios.max()),
        blocks=len(examples),
    )


class _BothForms:
    """Backend that makes each workload's block in the workload's form."""

    def __init__(self, backend: str, models: Mapping[str, tuple[GraphForm, BlockSpec]]) -> None:
        self._plain = get_backend(backend)
        self._backends = {
            form: get_backend(backend, **dict(form.options())) for form, _ in models.values()
        }
        self._models = models
        self.name, self.file_suffix = self._plain.name, self._plain.file_suffix

    def version(self) -> str:
        return self._plain.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        backend, block = self._made(model)
        return backend.serialise(block, batch, precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        backend, block = self._made(model)
        return backend.load(block, target, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self._plain.load_file(content, target, seed=seed)

    def _made(self, model: Model) -> tuple[Backend, Model]:
        if not model.file:
            return self._plain, model
        form, spec = self._models[model.file]
        return self._backends[form], random_model((spec,))
