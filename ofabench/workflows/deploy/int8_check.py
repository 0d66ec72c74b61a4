"""Warns before a search for an int8 network where int8 is the slower precision on the target."""

import logging
from collections.abc import Sequence

from bench.sweep.form_choice import FormComparison, compare_int8
from ofabench.options.deploy import DeployOptions
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.search.latencies import LatencySource
from supernet.space.space import SearchSpace

logger = logging.getLogger(__name__)
SLOWER = 1.05  # a ratio beyond the noise of a few seconds


def warn_if_int8_is_slower(
    space: SearchSpace,
    latencies: Sequence[LatencySource],
    device: DeviceLike,
    options: DeployOptions,
) -> FormComparison | None:
    """Time a few blocks of the space in both precisions, and warn where int8 takes longer.

    Nothing is measured for other precisions, without the measuring that `options.verify` allows,
    or where no predictor is of the device and the file's runtime.
    """
    if options.form.precision != "int8" or not options.verify:
        return None
    with device_in(device) as opened:
        targets = [source.predictor.target for source in latencies]
        target = next(
            (
                target
                for target in targets
                if (target.device, target.backend) == (opened.slug(), options.form.format)
            ),
            None,
        )
        if target is None:
            return None
        with measuring_alone(opened, wait=waits(device)):
            if not options.force:
                opened.check_quiet()
            compared = compare_int8(opened, target.backend, target, space.unique_blocks(None))
    if compared.ratio > SLOWER:
        logger.warning(
            "int8 takes %.2f times the time of float32 on %d blocks of this space on %s with %s: "
            "consider --precision fp32, or other graph forms (ofabench sweep --forms auto)",
            compared.ratio,
            compared.blocks,
            opened.address,
            target.backend,
        )
    return compared
