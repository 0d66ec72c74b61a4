"""README and docs: what they tell a newcomer to paste works, and their links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofabench
from ofabench.cli.derived.command import CommandGroup
from ofabench.cli.main import COMMANDS, commands, main
from tests.support.few_digits import use_few_digits

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "data").rglob("*.md")])
CODE = ("bench", "latency_models", "supernet", "ofabench", "examples", "experiments")
MEASURING = ("sweep", "verify")  # other tests run beside this one: --force measures all the same
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def _block(language: str) -> str:
    """The one code block of a language in README."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)
    assert len(blocks) == 1
    return str(blocks[0])


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """Lines outside of tables and code, with their numbers."""
    code = False
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if line.startswith("```"):
            code = not code
        elif not (code or line.startswith(("|", "    ", "  <", "<"))):
            yield number, line


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the commands a small draw of the digits."""
    use_few_digits(monkeypatch, test=100)


@pytest.mark.slow
@pytest.mark.usefixtures("few_images")
def test_the_shell_block_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = _block("sh").replace("\\\n", " ").strip().splitlines()
    assert len(lines) >= 9
    for line in lines:
        program, *argv = shlex.split(line)
        assert program == "ofabench"
        forced = ["--force"] if argv[0] in MEASURING else []
        # A network of 200 images may miss a verdict, on a machine that other tests use as well.
        fine = (0, 1) if argv[0] == "verify" else (0,)
        assert main([*argv, *forced]) in fine, line
    assert (tmp_path / "report.html").stat().st_size > 1_000_000


@pytest.mark.slow
@pytest.mark.usefixtures("few_images")
def test_the_python_block_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = _block("python").replace("networks=20", "networks=20, force=True")
    assert len(block.splitlines()) <= 14
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert (tmp_path / "found.json").exists()


def _sentences(page: Path) -> set[str]:
    """Sentences of at least eight words, of lists and paragraphs, as words in lower case."""
    lines = page.read_text().splitlines()
    kept = {number for number, line in _prose(page) if not line.startswith("#")}
    text = "\n".join(line if at in kept else "" for at, line in enumerate(lines, start=1))
    text = re.sub(r"\]\([^)]*\)", "]", text)
    result = set()
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text):
        for sentence in re.split(r"[.:;!?]\s", f"{paragraph} "):
            words = re.findall(r"\w+", sentence.lower())
            if len(words) >= 8:
                result.add(" ".join(words))
    return result


def test_no_sentence_is_on_two_pages() -> None:
    where: dict[str, Path] = {}
    for page in (README, *DOCS.rglob("*.md")):
        for sentence in _sentences(page):
            first = where.setdefault(sentence, page)
            assert first == page, f"{first.name} and {page.name}: {sentence}"


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text()):
        address = match[1] or match[2]
        if address.startswith(("http://", "https://")):
            continue
        name, _, anchor = address.partition("#")
        target = page if not name else page.parent / name
        assert target.exists(), f"{page.name} links to {address}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name} links to {address}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_are_at_most_120_columns(page: Path) -> None:
    assert [number for number, line in _prose(page) if len(line) > 120] == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    for page in DOCS.rglob("*.md"):
        name = str(page.relative_to(DOCS))
        assert name == "README.md" or f"]({name})" in index, name


def test_every_public_name_is_on_one_page_of_the_reference() -> None:
    pages = (page.read_text() for page in (DOCS / "reference/api").glob("*.md"))
    names = [name for text in pages for name in re.findall(r"^::: ofabench\.(\w+)$", text, re.M)]
    assert sorted(names) == sorted(ofabench.__all__)


def test_the_first_tutorial_has_the_commands_of_readme_in_their_order() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / "tutorials/cpu.md").read_text(), re.M | re.S)
    assert "".join(blocks) == _block("sh")


def test_public_docstrings_say_each_argument_by_itself() -> None:
    for name in ofabench.__all__:
        value = getattr(ofabench, name)
        functions = [value, *(vars(value).values() if isinstance(value, type) else ())]
        for function in functions:
            part = (function.__doc__ or "").partition("Args:")[2].partition("\n\n")[0]
            together = re.findall(r"^\s+(\w+(?:, \w+)+): ", part, re.M)
            assert together == [], f"{name}: the site's build refuses arguments in one line"


def test_pages_that_code_and_texts_name_exist() -> None:
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    for file in [*files, *PAGES]:
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{file.relative_to(ROOT)} names {name}"


def _flags(command: str, action: str) -> set[str]:
    """Options of a command, or of its `action` where it is a group of commands."""
    declared = commands()[command].load()
    if isinstance(declared, CommandGroup):
        declared = {each.name: each for each in declared.commands}.get(action, declared)
    return set(declared.parser("ofabench")._option_string_actions)


def test_options_that_pages_name_exist() -> None:
    count = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for match in re.finditer(r"\bofabench ([a-z][a-z-]*)([^`\n#]*)", text):
            if match[1] not in COMMANDS or page.name == "CHANGELOG.md":
                continue
            action = (match[2].split() or [""])[0]
            named = re.findall(r"(?<!\S)(--[a-z][a-z-]*)", match[2])
            unknown = set(named) - _flags(match[1], action)
            assert not unknown, f"{page.relative_to(ROOT)}: {match[0].strip()}"
            count += 1
    assert count > 200
