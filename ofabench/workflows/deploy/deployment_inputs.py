"""Inputs of a deployment: network, predictors and search result, each with its file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digests import file_digest
from bench.errors import InputError
from ofabench.options.deploy import DeployOptions
from ofabench.options.device import DeviceOptions
from ofabench.options.export import check_source
from ofabench.workflows.deploy.deploy_search import digest_of_search, read_search
from ofabench.workflows.search.latencies import LatencySource, check_distinct, latency_source

if TYPE_CHECKING:
    from ofabench.workflows.train.extraction import ExtractedNetwork

ENDS = ("largest", "smallest")


@dataclass(frozen=True, kw_only=True)
class DeploymentInputs:
    """Inputs of a deployment: a network, latency predictors, and its search's result.

    `supernet` and `network` are files or objects, one of them None; `weights` is the file. `arch`
    is a file's path or one of the words `ENDS`. `search` is the search's result as JSON values, if
    any, read from `search_path`; `pick` is the number of the network in a front.
    """

    supernet: Any = None
    network: Any = None
    weights: Path
    arch: str | None
    result: Path | None
    pick: int | None = None
    search: Mapping[str, Any] | None = None
    search_path: Path | None = None
    latencies: tuple[LatencySource, ...] = ()
    data: Any = None
    options: DeployOptions

    @property
    def predicted_accuracy(self) -> float | None:
        """The accuracy that the search predicted, a fraction."""
        return None if self.search is None else float(self.search["accuracy"])

    @property
    def limits(self) -> Mapping[str, float]:
        """The search's limits by name."""
        return {} if self.search is None else self.search["limits"]

    @property
    def data_in_memory(self) -> bool:
        """Whether the images are in memory and cannot be opened again by a name."""
        data = self.data if self.data is not None else getattr(self.supernet, "data", None)
        return data is not None and not isinstance(data, str | os.PathLike)

    def request(self, device: Any) -> dict[str, Any]:
        """Return the request as JSON values, which are equal for equal requests."""
        form, options = self.options.form, self.options
        arch = self.arch
        if arch is not None and arch not in ENDS:
            arch = digest_of_search(Path(arch))
        data = self.data
        return {
            "weights": file_digest(self.weights),
            "arch": arch,
            "result": None if self.result is None else file_digest(self.result),
            "format": form.format,
            "precision": form.precision,
            **({"forms": form.forms} if form.forms else {}),
            "data": data if data is None else str(getattr(data, "name", data)),
            "calibration": form.calibration if form.precision == "int8" else None,
            "images": form.images if form.accuracy else None,
            "test_images": options.test_images if form.accuracy else None,
            "latency": [file_digest(_file(source)) for source in self.latencies],
            "device": _address(device) if options.verify else None,
            **({} if self.pick is None else {"pick": self.pick}),
            **({} if options.finetune is None else {"finetune": options.finetune}),
        }

    def open(self) -> "ExtractedNetwork":
        """Extract or read the network, with the images that are needed."""
        from ofabench.workflows.export.model_file import needs_images
        from ofabench.workflows.export.source import open_network

        if self.network is not None:
            # Data of other classes, and normalised otherwise, may be given for fine-tuning.
            images = needs_images(self.options.form) and self.options.finetune is None
            return open_network(self.network, self.data if images else None, images=images)
        pick = self.pick if self.result is None else None
        return open_network((self.supernet, self.arch), self.data, pick=pick)

    def check_result(self, network: Any) -> None:
        """Raise `InputError` if the search's result is of another network."""
        from supernet.search.result_file import read_network

        if self.search_path is None:
            return
        searched = read_network(self.search_path, self.pick, network.space)
        if (searched.space, searched.arch) != (network.space, network.arch):
            raise InputError(
                f"{self.search_path} is of another network than the one to deploy; give the "
                "result that it was extracted from"
            )


def read_inputs(  # noqa: PLR0913 - as of `deploy`
    folder: Path,
    *,
    supernet: Any,
    network: Any,
    arch: Any,
    result: Any,
    pick: int | None,
    latencies: Any,
    data: Any,
    options: DeployOptions,
) -> DeploymentInputs:
    """Read the inputs of a deployment; objects in memory are written into `folder`."""
    weights = _weights(folder, supernet, network)
    arch = _arch_file(folder, arch, supernet)
    result_file = _result_file(folder, result)
    path = (
        Path(arch) if result_file is None and arch is not None and arch not in ENDS else result_file
    )
    if path is None and pick is not None:
        raise InputError("--pick chooses a network of --arch or --result; name a file of several")
    check_source(network=network, arch=arch, pick=pick if result_file is None else None)
    search = read_search(path, pick)
    return DeploymentInputs(
        supernet=supernet,
        network=network,
        weights=weights,
        arch=arch,
        result=result_file,
        pick=pick,
        search=search,
        search_path=path if search is not None else None,
        latencies=_latency_files(folder, latencies),
        data=data,
        options=options,
    )


def _weights(folder: Path, supernet: Any, network: Any) -> Path:
    """The file with the network's weights."""
    if (supernet is None) == (network is None):
        raise InputError("give a supernet or a network, one of them")
    source = supernet if network is None else network
    if isinstance(source, str | os.PathLike):
        return Path(source)
    if network is None and hasattr(supernet, "path"):
        return Path(supernet.path)
    if network is not None and hasattr(network, "save"):
        path = folder / "network.safetensors"
        network.save(path)
        return path
    kind = "supernet" if network is None else "network"
    raise InputError(f"the {kind} is {source!r:.60}, expected a {kind} or its file")


def _arch_file(folder: Path, arch: Any, supernet: Any) -> str | None:
    """The architecture's word or file; one in memory is written into the folder."""
    from ofabench.workflows.train.network_arguments import arch_of
    from ofabench.workflows.train.supernet import load_supernet

    if arch is None or isinstance(arch, str | os.PathLike):
        return None if arch is None else os.fspath(arch)
    if hasattr(arch, "save"):
        return str(_result_file(folder, arch))
    opened = load_supernet(Path(supernet)) if isinstance(supernet, str | os.PathLike) else supernet
    path = folder / "arch.jsonl"
    path.write_text(opened.space.to_line(arch_of(arch, opened.space)) + "\n", encoding="utf-8")
    return str(path)


def _result_file(folder: Path, result: Any) -> Path | None:
    """The file of a search's result; one in memory is written into the folder."""
    if result is None or isinstance(result, str | os.PathLike):
        return None if result is None else Path(result)
    if not hasattr(result, "save"):
        raise InputError(
            f"the result is {result!r:.60}, expected a result of `search`, or its file"
        )
    path = folder / "search.json"
    result.save(path)
    return path


def _latency_files(folder: Path, latencies: Any) -> tuple[LatencySource, ...]:
    """Latency predictors with their files; those in memory are written into the folder."""
    several = isinstance(latencies, Sequence) and not isinstance(latencies, str)
    sources = [latency_source(latency) for latency in (latencies if several else [latencies])]
    check_distinct(sources)
    for index, source in enumerate(sources):
        if source.file is None:
            path = folder / f"latency-{index + 1}.parquet"
            source.predictor.save(path)
            sources[index] = replace(source, file=path)
    return tuple(sources)


def _file(source: LatencySource) -> Path:
    assert source.file is not None
    return source.file


def _address(device: Any) -> str | None:
    if isinstance(device, DeviceOptions):
        return device.device
    return device if isinstance(device, str) else str(getattr(device, "address", device))
