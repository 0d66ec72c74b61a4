"""What the pictures hold, on files whose figures are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofabench.report.architecture_text import in_words, short_target
from ofabench.report.assemble import render_report
from ofabench.report.blocks import block_sections
from ofabench.report.devices import device_sections
from ofabench.report.drawing import drawing_sections
from ofabench.report.front import front_sections
from ofabench.report.heat_map import latency_heat_map
from ofabench.report.history import history_sections
from ofabench.report.inputs import Inputs, read_inputs
from ofabench.report.judged import judged_sections
from ofabench.report.page import plain
from ofabench.report.samples import sample_sections
from ofabench.report.searches import Search, read_search
from ofabench.report.verified import verdict_sections
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace
from tests.support import report_runs as runs

ARCH = ArchConfig(
    resolution=28,
    depths=(2, 1, 2),
    kernels=(7, 3, 5, 0, 0, 3, 5, 0),
    expands=(4, 3, 2, 0, 0, 2, 4, 0),
)

VERIFIED = "limit.verified.json"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("run")
    runs.write_everything(folder)
    return read_inputs([folder])


def _search(data: dict[str, Any]) -> Search:
    return read_search(Path("s.json"), data)


def test_an_architecture_in_words() -> None:
    assert in_words(runs.SPACE, ARCH).split("<br>") == [
        "28 px",
        "stage 1: 2 blocks, kernels 7 3, expand 4 3",
        "stage 2: 1 block, kernels 5, expand 2",
        "stage 3: 2 blocks, kernels 3 5, expand 2 4",
    ]
    assert in_words(None, ARCH).split("<br>") == [
        "28 px",
        "depths 2 1 2",
        "kernels 7 3 5 3 5",
        "expands 4 3 2 2 4",
    ]
    wide = SearchSpace.load("ofa-resnet50d")
    assert "width 0.65" in in_words(wide, wide.smallest())
    assert short_target(runs.PHONE) == "note8, tflite 2.14, 4 threads"
    assert short_target(replace(runs.FAKE, batch=8, precision="int8")).endswith("batch 8, int8")


def test_texts_of_files_are_letters_to_plotly() -> None:
    assert plain("<a href='x'>&lt;") == "&lt;a href='x'&gt;&amp;lt;"


def test_a_heat_map_has_a_row_a_place_and_a_slider_over_resolutions() -> None:
    table = runs.table()
    figure = latency_heat_map(table.rows)
    assert figure is not None
    heat, steps = figure.data[0], figure.layout.sliders[0].steps

    # `tiny` has images of 24, 28 and 32 px; its first elastic place is after the stem's stride.
    assert [step.label for step in steps] == ["24", "28", "32"]
    assert list(heat.y)[:2] == ["16 px 8→8", "16 px 8→24 /2"]
    assert list(steps[0].args[0]["y"][0])[:2] == ["12 px 8→8", "12 px 8→24 /2"]
    spec = next(
        one
        for one in table.specs
        if (one.in_size, one.in_channels, one.out_channels, one.kernel) == (16, 8, 24, 5)
        and one.mid_channels == 24
    )
    assert heat.z[1][list(heat.x).index("k5 e3")] == pytest.approx(runs.block_ms(spec))
    # Odd sizes round up at every halving, as networks do: of 28 px, 14, 7, 4.
    sizes = [name.split()[0] for name in steps[1].args[0]["y"][0]]
    assert sizes == ["14"] * 2 + ["7"] * 2 + ["4"] * 3
    for step in steps:
        filled = [value for row in step.args[0]["z"][0] for value in row if value is not None]
        size = int(step.label)
        places = {s for s in runs.SPACE.unique_blocks([size]) if s.kind == "mbconv"}
        assert len(filled) == len({(s.in_size, s.in_channels, s.out_channels, s.stride, s.kernel,
                                    s.mid_channels) for s in places})  # fmt: skip


def test_a_heat_map_without_stems_or_choices() -> None:
    rows = runs.table().rows
    whole = latency_heat_map(rows[rows["kind"] == "mbconv"])
    assert whole is not None
    assert len(whole.layout.sliders) == 0
    assert latency_heat_map(rows[rows["kind"] == "stem"]) is None


def test_predicted_against_measured_with_its_baselines(everything: Inputs) -> None:
    section = judged_sections(everything)[0]
    assert section.figure is not None
    assert section.table is not None

    dots = section.figure.data[-1]
    assert np.asarray(dots.x) == pytest.approx(1.03 * np.asarray(dots.y))
    rows = section.table.set_index("predicted by")
    assert rows.loc["predictor", "bias"] == "-2.9%"
    figures = rows.loc[["predictor", "sum of blocks"]].to_numpy().tolist()
    assert figures[0] == figures[1]
    assert [name.name for name in section.figure.data[:2]] == ["within 10%", "within 5%"]


def test_networks_that_were_fitted_on_are_no_judgement(everything: Inputs) -> None:
    from latency_models.predictors.predictor import network_key

    networks = everything.networks["fake-judged.parquet"]
    archs = runs.SPACE.from_frame(networks.frame)
    fitted = {network_key(runs.SPACE.blocks(arch)): runs.network_ms(arch) for arch in archs}
    knows = replace(runs.predictor(), fitted=fitted)

    assert judged_sections(Inputs(networks={"n": networks}, predictors={"p": knows})) == []


def test_a_front_has_panels_by_target_and_by_kind_of_images(everything: Inputs) -> None:
    (section,) = front_sections(everything)
    assert section.figure is not None
    front = [one for one in section.figure.data if one.name == "front: front.json"]

    assert [one.xaxis for one in front] == ["x", "x3"]
    assert list(front[0].y) == pytest.approx([0.70, 0.72, 0.74, 0.76, 0.78, 0.80])
    assert list(front[0].x) == sorted(front[0].x)
    found = everything.searches["front.json"].found[0]
    assert in_words(runs.SPACE, found.arch) in front[0].text[0]
    by_name = {one.name: one for one in section.figure.data}
    way, outcome = by_name["from prediction to measurement"], everything.outcomes[VERIFIED]
    assert list(way.x) == [outcome.predicted_ms, outcome.measured_ms, None]
    assert list(way.y) == [pytest.approx(0.70), pytest.approx(0.70), None]
    measured = by_name["verified, as measured"]
    assert (way.xaxis, measured.xaxis) == ("x2", "x2")  # of test images: an axis of their own
    assert measured.error_y.array == pytest.approx([0.02])
    assert measured.error_y.arrayminus == pytest.approx([0.02])
    axes = [section.figure.layout[name].title.text for name in ("yaxis", "yaxis2", "yaxis3")]
    assert axes == ["accuracy, validation", "accuracy, test", "accuracy, validation"]
    limits = [shape.x0 for shape in section.figure.layout.shapes]
    assert outcome.limit_ms in limits
    cloud = section.figure.data[0]
    assert len(cloud.x) == 30


def test_a_network_is_drawn_as_wide_as_its_latency(everything: Inputs) -> None:
    sections = drawing_sections(everything)
    assert [one.title.split(": ")[1] for one in sections] == [
        "limit.json",
        "front.json, least accurate",
        "front.json, middle",
        "front.json, most accurate",
    ]
    figure = sections[0].figure
    assert figure is not None
    found = everything.searches["limit.json"].found[0]
    blocks = runs.SPACE.blocks(found.arch)

    for axis, target in (("x", runs.FAKE), ("x2", runs.PHONE)):
        bars = [one for one in figure.data if one.xaxis == axis]
        widths = np.concatenate([one.width for one in bars])
        starts = np.concatenate([one.x for one in bars])
        order = np.argsort(starts)
        expected = np.array([runs.block_ms(block, target) for block in blocks])
        assert widths[order] == pytest.approx(expected)
        assert starts[order] == pytest.approx(np.r_[0, np.cumsum(expected)[:-1]])
        words = np.concatenate([one.text for one in bars])[order]
        assert [text.split("<br>")[0].split(": ")[1] for text in words] == [b.key for b in blocks]


def test_a_block_that_could_not_run_is_not_drawn(everything: Inputs) -> None:
    arch = everything.searches["limit.json"].found[0].arch
    key = f"block:{runs.SPACE.blocks(arch)[3].key}"
    broken = replace(runs.predictor(), provenance={"unrunnable": {key: "no memory"}})

    only = Inputs(searches={"s": everything.searches["limit.json"]}, predictors={"p": broken})
    assert drawing_sections(only) == []


def test_history_is_the_best_so_far(everything: Inputs) -> None:
    (section,) = history_sections(everything)
    assert section.figure is not None

    assert [one.name for one in section.figure.data] == [
        "front.json, its most accurate",
        "limit.json",
    ]
    line = section.figure.data[1]
    assert list(line.x) == [50, 90, 100]
    assert list(line.y) == pytest.approx([0.65, 0.75, 0.75])
    silent = _search(runs.result(ARCH, 0.5, history=[]))
    assert history_sections(Inputs(searches={"s": silent})) == []


def test_devices_side_by_side(everything: Inputs) -> None:
    blocks, networks = device_sections(everything)
    assert blocks.table is not None
    assert networks.table is not None
    assert networks.figure is not None

    assert blocks.table["blocks in common"].tolist() == ["147"]
    assert "20 networks measured on all" in networks.text
    first = networks.figure.data[0]
    archs = runs.SPACE.sample(np.random.default_rng(1), 20)
    assert sorted(first.x) == pytest.approx(sorted(1.03 * runs.network_ms(a) for a in archs))
    ratio = np.median([runs.network_ms(a, runs.PHONE) / runs.network_ms(a) for a in archs])
    assert float(networks.table["times the first's latency"][0]) == pytest.approx(ratio, rel=0.01)


def test_predictors_alone_tell_of_random_networks() -> None:
    inputs = Inputs(predictors={"a": runs.predictor(), "b": runs.predictor(runs.PHONE)})

    (section,) = device_sections(inputs)

    assert "200 random networks of tiny, as the predictors tell them" in section.text
    assert device_sections(Inputs(predictors={"a": runs.predictor()})) == []


def test_predictors_hold_a_space_that_is_not_shipped() -> None:
    text = runs.SPACE.text.replace('name = "tiny"', 'name = "mine"')
    own = {"space": "mine", "space_toml": text}
    ours, theirs = (
        replace(runs.predictor(target), provenance=own) for target in (runs.FAKE, runs.PHONE)
    )

    (section,) = device_sections(Inputs(predictors={"a": ours, "b": theirs}))

    assert "200 random networks of mine, as the predictors tell them" in section.text
    older = replace(theirs, provenance={"space": "mine"})
    assert device_sections(Inputs(predictors={"a": ours, "b": older})) == []


def test_each_section_only_where_its_input_is(everything: Inputs) -> None:
    table = everything.tables["fake-blocks.parquet"]
    assert [one.title.split(":")[0] for one in block_sections(Inputs(tables={"t": table}))] == [
        "Latency by kernel and expand ratio",
        "Latency by block",
    ]
    nothing = Inputs()
    makers = (verdict_sections, front_sections, drawing_sections, history_sections,
              judged_sections, block_sections, device_sections, sample_sections)  # fmt: skip
    assert all(make(nothing) == [] for make in makers)


def test_figures_are_json_that_cannot_end_its_script(tmp_path: Path) -> None:
    runs.write_lines(tmp_path / "log.jsonl", runs.log_lines("</script><script>alert(1)</script>"))

    page, _ = render_report([tmp_path])

    assert "<script>alert" not in page
    data = page.split('type="application/json" id="figure-0-data">')[1].split("</script>")[0]
    assert json.loads(data)["data"][0]["name"] == plain("</script><script>alert(1)</script>")
