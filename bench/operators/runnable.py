"""Operators that run by themselves, and those that turn out not to."""

import logging
from collections import Counter
from collections.abc import Callable, Container

from bench.errors import FileError, InputError
from bench.models.model_file import ModelFile
from bench.operators.cut import CutModel

logger = logging.getLogger(__name__)
Load = Callable[[ModelFile], object]
"""Loads a file and runs it once; `FileError` or `InputError` where that fails."""


def runnable(cut: CutModel, load: Load, known: Container[str] = ()) -> CutModel:
    """Return a cut model whose operators all run by themselves; others are counted as uncut.

    An operator may need what only its model gives it, such as indices within a small table.

    Args:
        cut: the operators of a model.
        load: tries one.
        known: digests of operators that have run already.
    """
    failed = {
        operator.digest: operator.kind
        for operator, file in cut.operators
        if operator.digest not in known and not runs_alone(file, load)
    }
    uncut = Counter(cut.uncut)
    uncut.update(failed[digest] for digest in cut.sequence if digest in failed)
    return CutModel.of(
        {each.digest: (each, file) for each, file in cut.operators if each.digest not in failed},
        [
            (digest, name)
            for digest, name in zip(cut.sequence, cut.names, strict=True)
            if digest not in failed
        ],
        uncut,
    )


def runs_alone(file: ModelFile, load: Load) -> bool:
    """Whether the model of an operator loads and runs; if not, the reason is logged."""
    try:
        load(file)
    except (FileError, InputError) as error:
        logger.debug("%s does not run by itself: %s", file.name, error)
        return False
    return True
