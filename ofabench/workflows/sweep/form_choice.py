"""Graph forms of a sweep: as the options name them, measured, or of the sweep to continue."""

import logging
from pathlib import Path

from bench.backends.registry import backend_of, formed_backend
from bench.blocks.graph_form import GraphForm
from bench.protocol.backend import Backend
from bench.protocol.device import Device
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from bench.sweep.form_choice import choose_form
from bench.sweep.store import SweepStore
from ofabench.options.sweep import AUTO_FORMS, PLAIN_FORMS, SweepOptions
from ofabench.workflows.devices import measuring_alone
from supernet.space.space import SearchSpace

logger = logging.getLogger(__name__)


def backend_of_sweep(  # noqa: PLR0913, PLR0917 - what a sweep was given
    device: Device,
    backend: Backend,
    target: Target,
    space: SearchSpace,
    out: Path,
    options: SweepOptions,
    *,
    wait: bool,
    progress: Progress,
) -> Backend:
    """Return the backend in the forms that the options request; `target` is of the plain ones.

    `auto` measures on the device, and names in the log what it chose; a sweep that is continued
    keeps its forms.
    """
    if options.forms == PLAIN_FORMS:
        return backend
    if options.forms != AUTO_FORMS:
        return formed_backend(backend.name, GraphForm.parse(options.forms))
    if options.resume:
        with SweepStore.open(out) as store:
            return backend_of(store.target)
    with measuring_alone(device, wait=wait, progress=progress):
        if not options.force:
            device.check_quiet()
        blocks = space.unique_blocks(options.resolutions)
        form, comparisons = choose_form(device, backend.name, target, blocks)
    for comparison in comparisons:
        logger.info("%s", comparison)
    return formed_backend(backend.name, form)
