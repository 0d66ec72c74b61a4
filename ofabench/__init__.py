"""Measure a device, learn what any network costs on it, ship the best network within its limits.

    import ofabench as ob

    with ob.open_device("cpu") as device:
        ...

Names are imported when they are first used, so that this import takes no time. What `__all__`
lists is public; CONTRIBUTING.md says for how long a name of it works.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.backends.registry import get_backend, register_backend
    from bench.blocks.model import Model
    from bench.blocks.spec import BlockSpec
    from bench.devices.cpu.local import LocalDevice
    from bench.devices.registry import register_device
    from bench.errors import OfabenchError
    from bench.notebook.plot import Plot
    from bench.protocol.backend import Backend, LoadedModel
    from bench.protocol.device import Device, ReplicatePlan, RoundResult, Workload
    from bench.protocol.target import Target
    from latency_models.operators.prediction import ModelPrediction
    from latency_models.operators.predictor import OperatorPredictor
    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable
    from ofabench.options.accuracy import AccuracyOptions, EvaluationOptions
    from ofabench.options.augmentation import AugmentationOptions
    from ofabench.options.deploy import DeployOptions
    from ofabench.options.device import DeviceOptions
    from ofabench.options.drift import DriftOptions
    from ofabench.options.export import ExportOptions
    from ofabench.options.finetune import FinetuneOptions
    from ofabench.options.fit import FitOptions
    from ofabench.options.fleet import Fleet, FleetMember
    from ofabench.options.measure import MeasureOptions, MeasureRequest
    from ofabench.options.measured_search import MeasuringOptions
    from ofabench.options.models import PredictModelOptions
    from ofabench.options.profile import ProfileOptions
    from ofabench.options.search import SearchOptions
    from ofabench.options.sweep import SweepOptions
    from ofabench.options.train import TrainOptions
    from ofabench.options.verify import VerifyOptions, VerifyRequest
    from ofabench.workflows.compare import compare
    from ofabench.workflows.deploy.deploy import deploy
    from ofabench.workflows.deploy.deployment import Deployment
    from ofabench.workflows.deploy.repeated_verification import verify_tries
    from ofabench.workflows.deploy.verification import Verification
    from ofabench.workflows.deploy.verification_tries import VerificationTries
    from ofabench.workflows.deploy.verify import verify
    from ofabench.workflows.devices import DeviceInfo, devices, open_device
    from ofabench.workflows.energy.fit import fit_energy
    from ofabench.workflows.energy.predictor import (
        EnergyPredictions,
        EnergyPredictor,
        load_energy_predictor,
    )
    from ofabench.workflows.export.export import export
    from ofabench.workflows.export.model_file import ExportedModel
    from ofabench.workflows.finetune.finetune import finetune
    from ofabench.workflows.fleet.drift import FleetDrift, drift_fleet
    from ofabench.workflows.fleet.fleet_file import load_fleet
    from ofabench.workflows.fleet.limits import fleet_limits
    from ofabench.workflows.fleet.measure import FleetMeasurements, measure_fleet
    from ofabench.workflows.fleet.sweep import FleetSweep, sweep_fleet
    from ofabench.workflows.fleet.verify import FleetVerification, verify_fleet
    from ofabench.workflows.latency.evaluation import Evaluation
    from ofabench.workflows.latency.fit import fit
    from ofabench.workflows.latency.predictions import Predictions
    from ofabench.workflows.latency.predictor import LatencyPredictor, load_predictor
    from ofabench.workflows.measure.measure import measure
    from ofabench.workflows.measure.measurements import Measurements
    from ofabench.workflows.measure.model_measurement import ModelMeasurement
    from ofabench.workflows.measure.profile import ModelProfile, profile
    from ofabench.workflows.models.fit_models import fit_models
    from ofabench.workflows.models.predict_models import PredictedModels, predict_models
    from ofabench.workflows.models.torch_module import predict_module
    from ofabench.workflows.remote_cleaning import RemoteCleaning, clean_remote
    from ofabench.workflows.search.accuracies import on_codes
    from ofabench.workflows.search.limits import (
        energy_limit,
        latency_limit,
        macs_limit,
        memory_limit,
        params_limit,
        size_limit,
    )
    from ofabench.workflows.search.loop.result import MeasuredSearch
    from ofabench.workflows.search.loop.search import search_on_device
    from ofabench.workflows.search.result import Front, SearchResult
    from ofabench.workflows.search.search import pareto, search
    from ofabench.workflows.space import load_space
    from ofabench.workflows.sweep.backend_sweeps import BackendSweeps
    from ofabench.workflows.sweep.drift import drift
    from ofabench.workflows.sweep.drift_report import DriftReport
    from ofabench.workflows.sweep.sweep import sweep
    from ofabench.workflows.sweep.sweep_result import Sweep, open_sweep
    from ofabench.workflows.train.supernet import SuperNet, load_supernet
    from ofabench.workflows.train.train import train
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.data.torch_dataset import TorchData
    from supernet.space.arch import ArchConfig
    from supernet.space.space import SearchSpace
    from supernet.train.callbacks import TrainCallback, TrainingEpoch

__version__ = "0.1.0"

# By name, the module that holds it. The same names are imported above, for type checkers.
_MODULES = {
    "AccuracyOptions": "ofabench.options.accuracy",
    "AccuracyPredictor": "supernet.accuracy.predictor",
    "ArchConfig": "supernet.space.arch",
    "AugmentationOptions": "ofabench.options.augmentation",
    "Backend": "bench.protocol.backend",
    "BackendSweeps": "ofabench.workflows.sweep.backend_sweeps",
    "BlockSpec": "bench.blocks.spec",
    "DeployOptions": "ofabench.options.deploy",
    "Deployment": "ofabench.workflows.deploy.deployment",
    "Device": "bench.protocol.device",
    "DeviceInfo": "ofabench.workflows.devices",
    "DeviceOptions": "ofabench.options.device",
    "DriftOptions": "ofabench.options.drift",
    "DriftReport": "ofabench.workflows.sweep.drift_report",
    "EnergyPredictions": "ofabench.workflows.energy.predictor",
    "EnergyPredictor": "ofabench.workflows.energy.predictor",
    "Evaluation": "ofabench.workflows.latency.evaluation",
    "EvaluationOptions": "ofabench.options.accuracy",
    "ExportOptions": "ofabench.options.export",
    "ExportedModel": "ofabench.workflows.export.model_file",
    "FinetuneOptions": "ofabench.options.finetune",
    "FitOptions": "ofabench.options.fit",
    "Fleet": "ofabench.options.fleet",
    "FleetDrift": "ofabench.workflows.fleet.drift",
    "FleetMeasurements": "ofabench.workflows.fleet.measure",
    "FleetMember": "ofabench.options.fleet",
    "FleetSweep": "ofabench.workflows.fleet.sweep",
    "FleetVerification": "ofabench.workflows.fleet.verify",
    "Front": "ofabench.workflows.search.result",
    "LatencyPredictor": "ofabench.workflows.latency.predictor",
    "LatencyTable": "latency_models.tables.table",
    "LoadedModel": "bench.protocol.backend",
    "LocalDevice": "bench.devices.cpu.local",
    "MeasureOptions": "ofabench.options.measure",
    "MeasureRequest": "ofabench.options.measure",
    "MeasuredSearch": "ofabench.workflows.search.loop.result",
    "Measurements": "ofabench.workflows.measure.measurements",
    "MeasuringOptions": "ofabench.options.measured_search",
    "Model": "bench.blocks.model",
    "ModelMeasurement": "ofabench.workflows.measure.model_measurement",
    "ModelPrediction": "latency_models.operators.prediction",
    "ModelProfile": "ofabench.workflows.measure.profile",
    "NetworksTable": "latency_models.tables.networks",
    "OfabenchError": "bench.errors",
    "OperatorPredictor": "latency_models.operators.predictor",
    "Plot": "bench.notebook.plot",
    "PredictModelOptions": "ofabench.options.models",
    "PredictedModels": "ofabench.workflows.models.predict_models",
    "Predictions": "ofabench.workflows.latency.predictions",
    "ProfileOptions": "ofabench.options.profile",
    "RemoteCleaning": "ofabench.workflows.remote_cleaning",
    "ReplicatePlan": "bench.protocol.device",
    "RoundResult": "bench.protocol.device",
    "SearchOptions": "ofabench.options.search",
    "SearchResult": "ofabench.workflows.search.result",
    "SearchSpace": "supernet.space.space",
    "SuperNet": "ofabench.workflows.train.supernet",
    "Sweep": "ofabench.workflows.sweep.sweep_result",
    "SweepOptions": "ofabench.options.sweep",
    "Target": "bench.protocol.target",
    "TargetsTable": "latency_models.tables.side_by_side",
    "TorchData": "supernet.data.torch_dataset",
    "TrainCallback": "supernet.train.callbacks",
    "TrainOptions": "ofabench.options.train",
    "TrainingEpoch": "supernet.train.callbacks",
    "Verification": "ofabench.workflows.deploy.verification",
    "VerificationTries": "ofabench.workflows.deploy.verification_tries",
    "VerifyOptions": "ofabench.options.verify",
    "VerifyRequest": "ofabench.options.verify",
    "Workload": "bench.protocol.device",
    "clean_remote": "ofabench.workflows.remote_cleaning",
    "compare": "ofabench.workflows.compare",
    "deploy": "ofabench.workflows.deploy.deploy",
    "devices": "ofabench.workflows.devices",
    "drift": "ofabench.workflows.sweep.drift",
    "drift_fleet": "ofabench.workflows.fleet.drift",
    "energy_limit": "ofabench.workflows.search.limits",
    "export": "ofabench.workflows.export.export",
    "finetune": "ofabench.workflows.finetune.finetune",
    "fit": "ofabench.workflows.latency.fit",
    "fit_energy": "ofabench.workflows.energy.fit",
    "fit_models": "ofabench.workflows.models.fit_models",
    "fleet_limits": "ofabench.workflows.fleet.limits",
    "get_backend": "bench.backends.registry",
    "latency_limit": "ofabench.workflows.search.limits",
    "load_energy_predictor": "ofabench.workflows.energy.predictor",
    "load_fleet": "ofabench.workflows.fleet.fleet_file",
    "load_predictor": "ofabench.workflows.latency.predictor",
    "load_space": "ofabench.workflows.space",
    "load_supernet": "ofabench.workflows.train.supernet",
    "macs_limit": "ofabench.workflows.search.limits",
    "measure": "ofabench.workflows.measure.measure",
    "measure_fleet": "ofabench.workflows.fleet.measure",
    "memory_limit": "ofabench.workflows.search.limits",
    "on_codes": "ofabench.workflows.search.accuracies",
    "open_device": "ofabench.workflows.devices",
    "open_sweep": "ofabench.workflows.sweep.sweep_result",
    "params_limit": "ofabench.workflows.search.limits",
    "pareto": "ofabench.workflows.search.search",
    "predict_models": "ofabench.workflows.models.predict_models",
    "predict_module": "ofabench.workflows.models.torch_module",
    "profile": "ofabench.workflows.measure.profile",
    "register_backend": "bench.backends.registry",
    "register_device": "bench.devices.registry",
    "search": "ofabench.workflows.search.search",
    "search_on_device": "ofabench.workflows.search.loop.search",
    "size_limit": "ofabench.workflows.search.limits",
    "sweep": "ofabench.workflows.sweep.sweep",
    "sweep_fleet": "ofabench.workflows.fleet.sweep",
    "train": "ofabench.workflows.train.train",
    "verify": "ofabench.workflows.deploy.verify",
    "verify_fleet": "ofabench.workflows.fleet.verify",
    "verify_tries": "ofabench.workflows.deploy.repeated_verification",
}

__all__ = [
    "AccuracyOptions",
    "AccuracyPredictor",
    "ArchConfig",
    "AugmentationOptions",
    "Backend",
    "BackendSweeps",
    "BlockSpec",
    "DeployOptions",
    "Deployment",
    "Device",
    "DeviceInfo",
    "DeviceOptions",
    "DriftOptions",
    "DriftReport",
    "EnergyPredictions",
    "EnergyPredictor",
    "Evaluation",
    "EvaluationOptions",
    "ExportOptions",
    "ExportedModel",
    "FinetuneOptions",
    "FitOptions",
    "Fleet",
    "FleetDrift",
    "FleetMeasurements",
    "FleetMember",
    "FleetSweep",
    "FleetVerification",
    "Front",
    "LatencyPredictor",
    "LatencyTable",
    "LoadedModel",
    "LocalDevice",
    "MeasureOptions",
    "MeasureRequest",
    "MeasuredSearch",
    "Measurements",
    "MeasuringOptions",
    "Model",
    "ModelMeasurement",
    "ModelPrediction",
    "ModelProfile",
    "NetworksTable",
    "OfabenchError",
    "OperatorPredictor",
    "Plot",
    "PredictModelOptions",
    "PredictedModels",
    "Predictions",
    "ProfileOptions",
    "RemoteCleaning",
    "ReplicatePlan",
    "RoundResult",
    "SearchOptions",
    "SearchResult",
    "SearchSpace",
    "SuperNet",
    "Sweep",
    "SweepOptions",
    "Target",
    "TargetsTable",
    "TorchData",
    "TrainCallback",
    "TrainOptions",
    "TrainingEpoch",
    "Verification",
    "VerificationTries",
    "VerifyOptions",
    "VerifyRequest",
    "Workload",
    "clean_remote",
    "compare",
    "deploy",
    "devices",
    "drift",
    "drift_fleet",
    "energy_limit",
    "export",
    "finetune",
    "fit",
    "fit_energy",
    "fit_models",
    "fleet_limits",
    "get_backend",
    "latency_limit",
    "load_energy_predictor",
    "load_fleet",
    "load_predictor",
    "load_space",
    "load_supernet",
    "macs_limit",
    "measure",
    "measure_fleet",
    "memory_limit",
    "on_codes",
    "open_device",
    "open_sweep",
    "params_limit",
    "pareto",
    "predict_models",
    "predict_module",
    "profile",
    "register_backend",
    "register_device",
    "search",
    "search_on_device",
    "size_limit",
    "sweep",
    "sweep_fleet",
    "train",
    "verify",
    "verify_fleet",
    "verify_tries",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
