"""Bundle of the phone runner, built here and copied to a folder on request."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.errors import FileError
from bench.files import make_folder
from ofabench.options.devices import BundleOptions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhoneBundle:
    """Folder with the runner and its libraries."""

    folder: Path
    bundle: Bundle

    @property
    def sizes_bytes(self) -> dict[str, int]:
        """Each file's size by its name."""
        return {name: (self.folder / name).stat().st_size for name in self.bundle.files}

    def to_dict(self) -> dict[str, Any]:
        """Return the folder and the bundle's facts, as values for JSON."""
        return {"folder": str(self.folder), **self.bundle.to_json()}


def build_phone_bundle(options: BundleOptions) -> PhoneBundle:
    """Return the runner for phones, built if not cached, and copied to `options.out`.

    Raises:
        FileError: the folder to make exists already.
        MissingRuntimeError: a compiler or a package is missing.
    """
    if options.out is not None and options.out.exists():
        raise FileError(f"{options.out} exists; name a folder that does not, or remove it")
    bundle = ensure_bundle(
        options.abi, debs=options.debs, compiler=options.compiler, notify=logger.info
    )
    if options.out is None:
        return PhoneBundle(bundle.folder, bundle)
    with make_folder(options.out) as folder:
        shutil.copytree(bundle.folder, folder, dirs_exist_ok=True)
    return PhoneBundle(options.out, bundle)
