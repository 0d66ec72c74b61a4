"""Pages in a real browser: every picture is drawn, nothing is fetched, nothing overflows."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ofabench.cli import main as cli
from ofabench.report.architecture_text import in_words
from tests.support import report_runs as runs
from tests.support.browser import DESKTOP_PX, PHONE_PX, Page, browser, programs

EVIL = (
    "<img src=x onerror='window.hacked=1'><script>window.hacked=2</script>"
    "<a href='https://evil.example/'>here</a><b>"
)
EVIL_FILE = "<img src=x onerror=hacked=1>&lt;b&gt;%{x}.json"


@pytest.fixture(scope="module", autouse=True)
def _only_with_a_browser() -> None:
    programs()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a folder that has every kind of file."""
    folder, out = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("out") / "report.html"
    runs.write_everything(folder)
    assert cli.main(["report", str(folder), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def desktop() -> Iterator[Page]:
    with browser(DESKTOP_PX) as page:
        yield page


@pytest.fixture(scope="module")
def phone() -> Iterator[Page]:
    with browser(PHONE_PX) as page:
        yield page


SECTIONS = (
    "Accuracy against latency",
    "Block by block: limit.json",
    "Block by block: front.json, most accurate",
    "Search history",
    "Predicted against measured: fake, fake 1, 1 thread",
    "Training: supernet.jsonl",
    "Latency by kernel and expand ratio: fake, fake 1, 1 thread",
    "Latency by block: note8, tflite 2.14, 4 threads",
    "Devices side by side: blocks",
    "Devices side by side: networks",
    "Samples over time: sweep.sqlite",
)


def test_every_section_is_drawn_and_nothing_is_fetched(everything: Path, desktop: Page) -> None:
    desktop.open(everything)

    drawn = desktop.drawn()
    assert set(SECTIONS) <= set(drawn)
    first = desktop.run("return document.querySelector('section h2').textContent")
    assert first == "Verdicts"
    assert [name for name, count in drawn.items() if count == 0] == []
    assert desktop.complaints() == []
    assert desktop.overflow_px() <= 0
    asked = desktop.requests()
    assert asked[0] == everything.resolve().as_uri()
    assert [one for one in asked[1:] if not one.startswith(("data:", "blob:"))] == []
    assert desktop.screenshot("report-desktop").stat().st_size > 10_000


def test_pointing_at_a_network_tells_its_architecture(everything: Path, desktop: Page) -> None:
    desktop.open(everything)
    front = json.loads(desktop.run(
        "return JSON.stringify([...document.querySelectorAll('.figure')][0]._fullData.map("
        "(trace) => trace.name))"
    ))  # fmt: skip
    first = sorted(runs.SPACE.sample(_after_codes(), 6), key=runs.network_ms)[0]

    told = desktop.point_at("Accuracy against latency", front.index("front: front.json"), 0)

    for line in in_words(runs.SPACE, first).split("<br>"):
        assert line in told
    assert "accuracy 70.00% (predicted)" in told


def _after_codes() -> np.random.Generator:
    """The generator as it is where `write_everything` draws the front."""
    rng = np.random.default_rng(0)
    runs.SPACE.sample_codes(rng, 30)
    return rng


def test_the_resolution_of_the_heat_map_is_chosen_by_its_slider(
    everything: Path, desktop: Page
) -> None:
    desktop.open(everything)
    title = "Latency by kernel and expand ratio: fake, fake 1, 1 thread"
    box = (
        "const box = [...document.querySelectorAll('section')].find((one) => "
        "one.querySelector('h2').textContent === arguments[0]).querySelector('.figure');"
    )
    places = "return box._fullData[0].y"
    assert desktop.run(box + places, title)[0].startswith("16 px")
    touch = "box.querySelector('.slider-rail-touch-rect')"
    place = desktop.run(
        f"{box}const rail = {touch}; rail.scrollIntoView({{block: 'center', behavior: 'instant'}});"
        "const edge = rail.getBoundingClientRect();"
        "return [edge.left + 2, edge.top + edge.height / 2]",
        title,
    )
    desktop.click(*place)

    assert desktop.run(box + places, title)[0].startswith("12 px")  # of images of 24 px


def test_a_phone_scrolls_down_and_never_sideways(everything: Path, phone: Page) -> None:
    phone.open(everything)

    assert phone.overflow_px() <= 0
    assert [name for name, count in phone.drawn().items() if count == 0] == []
    wide = phone.run(
        "return [...document.querySelectorAll('.figure, .wide, section > p')].filter((one) => "
        "one.getBoundingClientRect().right > window.innerWidth + 1).length"
    )
    assert wide == 0
    assert phone.complaints() == []
    assert phone.screenshot("report-phone").stat().st_size > 10_000


def test_a_page_is_drawn_as_it_comes_into_view(everything: Path, desktop: Page) -> None:
    desktop.chrome.get(everything.resolve().as_uri())
    drawn = "return document.querySelectorAll('.figure[data-drawn]').length"
    desktop.wait_for(f"{drawn} > 0")
    last = "const all = document.querySelectorAll('.figure'); const last = all[all.length - 1];"

    assert desktop.run(f"{last} return last.dataset.drawn") is None
    desktop.run(f"{last} last.scrollIntoView({{behavior: 'instant'}})")

    desktop.wait_for(f"{last} return last.dataset.drawn === 'done'")


def test_hostile_names_stay_text(tmp_path: Path, desktop: Page) -> None:
    evil = replace(runs.FAKE, device=EVIL)
    arch = runs.SPACE.smallest()
    runs.table(evil, facts={EVIL: EVIL}, space=EVIL).save(tmp_path / "t.parquet")
    runs.predictor(evil).save(tmp_path / "p.parquet")
    runs.judged(runs.SPACE.sample(np.random.default_rng(0), 8), evil).save(tmp_path / "n.parquet")
    found = runs.result(
        arch,
        0.7,
        space=EVIL,
        predictions={evil.key: 0.2, EVIL: 1.0},
        std_ms={evil.key: 0.0},
    )
    (tmp_path / EVIL_FILE).write_text(json.dumps(found))
    told = runs.verified(arch, 0.7, target=evil.key, space=EVIL) | {"arch": {EVIL: EVIL}}
    (tmp_path / "<svg onload=hacked=3>.verified.json").write_text(json.dumps(told))
    runs.write_lines(tmp_path / "log.jsonl", runs.log_lines(EVIL))
    out = tmp_path / "report.html"
    assert cli.main(["report", str(tmp_path), "--out", str(out)]) == 0

    desktop.open(out)

    assert desktop.run("return window.hacked === undefined")
    theirs = "body img, body script[src], body iframe, nav b, td b, p b, svg a"
    assert desktop.run("return document.querySelectorAll(arguments[0]).length", theirs) == 0
    headings = desktop.run("return [...document.querySelectorAll('h2')].map((h) => h.textContent)")
    assert f"Predicted against measured: {EVIL}, fake 1, 1 thread" in headings
    hover = desktop.point_at("Accuracy against latency", 0, 0)
    assert EVIL.replace("'", "") in hover.replace("'", "")
    assert desktop.complaints() == []
    asked = desktop.requests()
    assert [one for one in asked[1:] if not one.startswith(("data:", "blob:"))] == []


def test_two_tables_have_their_page(tmp_path: Path, desktop: Page, phone: Page) -> None:
    one, other, out = (tmp_path / name for name in ("a.parquet", "b.parquet", "c.html"))
    runs.table().save(one)
    runs.table(factor=1.06).save(other)
    assert cli.main(["compare", str(one), str(other), "--out", str(out)]) == 0

    for page, name in ((desktop, "compare-desktop"), (phone, "compare-phone")):
        page.open(out)
        assert min(page.drawn().values()) > 0
        assert page.overflow_px() <= 0
        assert page.complaints() == []
        page.screenshot(name)
    told = desktop.point_at("Ratio by block", 0, 0)
    assert "+6.0%" in told
    assert "by chance" in told
