"""What the layout promises: dependencies run one way, and light things stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "bench": {"bench"},
    "latency_models": {"bench", "latency_models"},
    "supernet": {"bench", "latency_models", "supernet"},
    "ofabench": {"bench", "latency_models", "supernet", "ofabench"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way_and_nothing_is_pickled(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports(path)} & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[package]
    assert {"joblib", "dill", "cloudpickle", "shelve", "marshal"}.isdisjoint(imports(path))
    for node in ast.walk(ast.parse(path.read_text())):
        # torch.load(weights_only=True) raises pickle's own error: that name is all we use of it.
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
            assert node.attr == "UnpicklingError"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_command_line_reads_arguments_and_prints(path: Path) -> None:
    """Elsewhere, functions take options and objects, and say things by logging and progress."""
    place = path.relative_to(ROOT).parts
    if place[:2] == ("ofabench", "cli"):
        return
    assert "argparse" not in set(imports(path))
    if place[:2] == ("ofabench", "display"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_load_never_unpickles(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert "weights_only=True" in ast.unparse(node), path


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("bench.blocks.spec", ("torch", "numpy")),
        ("bench.timing.measurement", ("torch", "onnxruntime")),
        ("latency_models.tables.table", ("torch", "sklearn")),
        ("supernet.space.space", ("torch", "sklearn")),
        ("ofabench.cli.main", ("torch", "sklearn", "pandas", "onnxruntime")),
    ],
)
def test_a_light_module_imports_nothing_heavy(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
