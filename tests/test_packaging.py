"""What is built and installed: extras, the source distribution, images of containers."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

from bench.extras import EXTRAS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Of the source distribution: what its users and those who build from it need.
SHIPPED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "Dockerfile.cuda",
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "constraints-tflite-runtime.txt",
    "data/README.md",
    "docs/README.md",
    "docs/get-started/install.md",
    "docs/images/search-dark.svg",
    "docs/results/demo.md",
    "examples/measure_cpu.py",
    "examples/notebooks/measure.ipynb",
    "experiments/readme_picture.py",
    "mkdocs.yml",
    "pyproject.toml",
    "setup.py",
    "tests/conftest.py",
    "tests/phone_target/packages.txt",
    "tox.ini",
)
BY_SETUPTOOLS = ("LICENSE", "README.md", "pyproject.toml", "setup.py")
WARNING = re.compile(r"warn|deprecat", re.IGNORECASE)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[><=; ]", each)[0] for each in requirements}


def test_each_optional_package_is_in_the_extra_that_its_error_names() -> None:
    for package, extra in EXTRAS.values():
        assert package in _names(PROJECT["optional-dependencies"][extra]), package
        assert package not in _names(PROJECT["dependencies"]), package


def test_the_extra_all_has_every_optional_job_and_development_has_all() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    inside = set(everything.removeprefix("ofabench[").removesuffix("]").split(","))
    assert inside == {extra for _, extra in EXTRAS.values()}
    assert "ofabench[all]" in extras["dev"]


def test_every_package_is_installed() -> None:
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in ("bench", "latency_models", "supernet", "ofabench")
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(_packages()) == {*folders, "ofabench.tables"}


def test_every_pinned_interpreter_has_an_environment_of_tox() -> None:
    versions = [
        name.rsplit(" ", 1)[1].replace(".", "")
        for name in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    ]
    environments = re.search(r"^envlist = (.*)$", (ROOT / "tox.ini").read_text(), re.M)
    assert environments is not None
    assert {f"py{version}" for version in versions} <= set(environments[1].split(", "))


def _in_manifest(path: str) -> bool:
    """Whether MANIFEST.in, or setuptools by itself, puts a file into the source distribution."""
    if path in BY_SETUPTOOLS:
        return True
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        rule, *patterns = line.split()
        if rule == "include" and any(fnmatch(path, pattern) for pattern in patterns):
            return True
        if rule == "graft" and path.split("/", maxsplit=1)[0] in patterns:
            return True
    return False


@pytest.mark.parametrize("path", SHIPPED)
def test_the_source_distribution_is_to_hold(path: str) -> None:
    assert (ROOT / path).is_file()
    assert _in_manifest(path)


def _can_build() -> str:
    """Return why nothing can be built without a network; empty where it can."""
    if importlib.util.find_spec("build") is None:
        return "the package build is not installed"
    try:
        version = metadata.version("setuptools")
    except metadata.PackageNotFoundError:
        return "setuptools is not installed"
    return "" if int(version.split(".")[0]) >= 77 else f"setuptools is {version}, needed is 77"


def test_the_source_distribution_is_built_without_a_warning(tmp_path: Path) -> None:
    if reason := _can_build():
        pytest.skip(reason)
    work = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if files.returncode:
        pytest.skip("not a checkout of git")
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    built = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, env=env)
    assert built.returncode == 0, built.stdout + built.stderr
    lines = (built.stdout + built.stderr).splitlines()
    # Files with such a word in their names are no warnings.
    assert [line for line in lines if WARNING.search(line) and ".py" not in line] == []
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as source:
        held = {name.split("/", 1)[1] for name in source.getnames() if "/" in name}
    assert set(SHIPPED) <= held
    assert not [name for name in held if name.endswith(".pyc")]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_a_dockerfile_copies_what_is_there_and_names_extras_that_are(name: str) -> None:
    lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if line and line[0] not in "# "]
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions} <= known
    assert instructions[-2:] == [["ENTRYPOINT", '["ofabench"]'], ["CMD", '["--help"]']]
    (extras,) = [rest for word, rest in instructions if rest.startswith("EXTRAS=")]
    chosen = extras.removeprefix("EXTRAS=").split(",")
    assert set(chosen) <= set(PROJECT["optional-dependencies"])
    let_in = (ROOT / ".dockerignore").read_text()
    packages = {each.split(".")[0] for each in _packages()}
    for needed in (*packages, "data", "pyproject.toml", "setup.py", "constraints.txt", "LICENSE"):
        assert f"!{needed}\n" in let_in, needed


def _packages() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(settings["tool"]["setuptools"]["packages"])
