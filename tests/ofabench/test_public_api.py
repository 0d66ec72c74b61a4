"""What `import ofabench` promises: every public name is there, light, typed and documented."""

import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ofabench

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "pandas", "numpy", "sklearn", "onnxruntime", "rich", "scipy")
CALLABLES = [name for name in ofabench.__all__ if inspect.isfunction(getattr(ofabench, name))]


def typed_names() -> dict[str, str]:
    """Names that type checkers see, with their modules."""
    tree = ast.parse((ROOT / "ofabench" / "__init__.py").read_text())
    (block,) = (each for each in tree.body if isinstance(each, ast.If))
    return {
        alias.name: str(each.module)
        for each in block.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }


def test_the_import_is_light() -> None:
    code = f"import sys, ofabench; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_three_lists_of_names_are_equal() -> None:
    assert typed_names() == ofabench._MODULES
    assert sorted(ofabench._MODULES) == ofabench.__all__
    assert set(ofabench.__all__) <= set(dir(ofabench))


@pytest.mark.parametrize("name", ofabench.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    result = getattr(ofabench, name)

    assert result.__name__ == name
    assert inspect.getdoc(result)
    assert (
        result.__doc__ != getattr(result.__mro__[1], "__doc__", None)
        if isinstance(result, type)
        else True
    )


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        ofabench.swep  # noqa: B018


@pytest.mark.parametrize("name", CALLABLES)
def test_a_public_function_documents_its_arguments_and_has_an_example(name: str) -> None:
    function = getattr(ofabench, name)
    text = inspect.getdoc(function) or ""

    arguments = [each for each in inspect.signature(function).parameters if each != "progress"]
    for each in arguments:
        assert f"{each}:" in text or f"{each}," in text or f"{each} " in text, each
    assert ">>> " in text


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=True, exclude_empty=True)
    result: list[doctest.DocTest] = []
    for name in ofabench.__all__:
        thing: Any = getattr(ofabench, name)
        module = inspect.getmodule(thing)
        names = {**vars(module), "ob": ofabench}
        result += finder.find(thing, name, module=module, globs=names)
    return [each for each in result if each.examples]


@pytest.mark.slow
@pytest.mark.parametrize("example", examples(), ids=lambda item: str(item.name))
def test_an_example_runs(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    messages: list[str] = []

    doctest.DocTestRunner().run(example, out=messages.append)

    assert "".join(messages) == ""
