"""What the pictures hold, on files whose figures are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.charts.look import log_ticks, plain
from latency_models.tables.side_by_side import TargetsTable
from ofabench.charts.architecture_text import in_words
from ofabench.report.accuracy_latency import CHOSEN, front_sections
from ofabench.report.assemble import page_of, render_report
from ofabench.report.block_chart import block_chart_sections
from ofabench.report.block_latency import block_sections
from ofabench.report.device_comparison import device_sections
from ofabench.report.heat_map import common_scale, latency_heat_map
from ofabench.report.held_out import evaluated_predictors
from ofabench.report.inputs import Inputs, read_inputs
from ofabench.report.measured_traces import sides
from ofabench.report.names import names_of
from ofabench.report.page import Section
from ofabench.report.prediction_quality import prediction_sections
from ofabench.report.search_history import history_sections
from ofabench.report.searches import Search, read_search
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
        candidate
        for candidate in table.specs
        if (candidate.in_size, candidate.in_channels, candidate.out_channels, candidate.kernel)
        == (16, 8, 24, 5)
        and candidate.mid_channels == 24
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


@pytest.mark.slow
def test_all_heat_maps_have_the_scale_of_both_targets(everything: Inputs) -> None:
    frames = [table.rows for table in everything.tables_by_target().values()]
    elastic = [frame[frame["kind"] == "mbconv"]["latency_ms"] for frame in frames]
    low, high = min(ms.min() for ms in elastic), max(ms.max() for ms in elastic)

    assert common_scale(frames) == (low, high)
    sections = block_sections(everything, names_of(everything))
    heats = [s.charts[0].figure.data[0] for s in sections if "expansion ratio" in s.title]
    assert [(heat.zmin, heat.zmax) for heat in heats] == [(low, high)] * 2
    assert all(heat.texttemplate for heat in heats)  # values stand in the cells


def test_ticks_of_logarithmic_axes_are_few_and_round() -> None:
    assert log_ticks(0.01, 0.12) == [0.01, 0.02, 0.05, 0.1]
    assert log_ticks(0.0025, 1.8) == [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    assert log_ticks(2.2, 3.6) == [2.0]
    assert log_ticks(1, 1e9) == [1.0, 1e2, 1e4, 1e6, 1e8]


def _prediction_section(inputs: Inputs) -> Section:
    return prediction_sections(inputs, names_of(inputs), evaluated_predictors(inputs))[0]


def test_predicted_against_measured_with_its_baselines(everything: Inputs) -> None:
    section = _prediction_section(everything)
    (chart,) = section.charts  # no correction of drift: nothing ties the two sweeps together

    names = [trace.name for trace in chart.figure.data]
    assert names == ["within 10%", "within 5%", "y = x", "held-out networks"]
    line, dots = chart.figure.data[2:]
    assert list(line.x) == list(line.y)
    assert np.asarray(dots.x) == pytest.approx(1.03 * np.asarray(dots.y))
    figures, networks = section.tables
    assert figures["predicted by"] == ["predictor", "sum of blocks", "MACs alone", "best constant"]
    # Measured is 1.03 times predicted: the bias is 1 / 1.03 - 1.
    assert figures["as measured, bias"][:2] == pytest.approx([-0.0291262] * 2)
    assert figures["as measured, within 5 %"][:2] == [1.0, 1.0]
    assert len(networks) == 20
    errors = np.array(networks["as measured, prediction error"], dtype=float)
    assert errors == pytest.approx(-0.0291262)


def test_drift_corrected_figures_have_their_own_chart_and_columns(everything: Inputs) -> None:
    table = everything.networks["fake-judged.parquet"]
    slower = {"compute": 1.03, "memory": 1.03}
    then = replace(runs.predictor(), provenance={"space": "tiny", "references": {
        "compute": 1.0, "memory": 1.0}})  # fmt: skip
    tail = table.frame.assign(**{runs.FAKE.column.replace("_ms", "_p90"): np.arange(1.0, 21.0)})
    now = replace(table, provenance={"references": slower}, frame=tail)
    section = _prediction_section(Inputs(networks={"n": now}, predictors={"p": then}))

    raw, corrected = (chart.figure.data[-1] for chart in section.charts)
    assert np.asarray(corrected.x) == pytest.approx(np.asarray(raw.x) / 1.03)
    figures, networks = section.tables
    assert figures["drift-corrected, bias"][0] == pytest.approx(0)
    assert figures["as measured, bias"][0] == pytest.approx(-0.0291262)
    assert networks["p90, ms"] == list(range(1, 21))
    assert "+3.0" in section.text


def test_networks_that_were_fitted_on_are_not_evaluated(everything: Inputs) -> None:
    from latency_models.predictors.predictor import network_key

    networks = everything.networks["fake-judged.parquet"]
    archs = runs.SPACE.from_frame(networks.frame)
    fitted = {network_key(runs.SPACE.blocks(arch)): runs.network_ms(arch) for arch in archs}
    knows = replace(runs.predictor(), fitted=fitted)

    assert evaluated_predictors(Inputs(networks={"n": networks}, predictors={"p": knows})) == {}


def test_validation_and_test_images_have_charts_by_target(everything: Inputs) -> None:
    (section,) = front_sections(everything, names_of(everything))
    captions = [chart.caption.split(",")[0] for chart in section.charts]

    assert captions == [
        "Validation images: accuracy and latency predicted",
        "Test images: measured",
        "Validation images: accuracy and latency predicted",
    ]
    validation, test, other = (chart.figure for chart in section.charts)
    front = next(trace for trace in validation.data if trace.name == "Pareto front")
    assert list(front.y) == pytest.approx([0.70, 0.72, 0.74, 0.76, 0.78, 0.80])
    assert list(front.x) == sorted(front.x)
    network = everything.searches["front.json"].networks[0]
    assert in_words(runs.SPACE, network.arch) in front.text[0]
    assert [len(figure.data[0].x) for figure in (validation, other)] == [30, 30]  # the cloud
    (star,) = [trace for trace in validation.data if trace.name == CHOSEN]
    assert len(star.x) == 1
    outcome = everything.outcomes[VERIFIED]
    by_name = {trace.name: trace for trace in test.data}
    way = by_name["from prediction to measurement"]
    assert list(way.x) == [outcome.predicted_ms, outcome.measured_ms, None]
    assert list(way.y) == [pytest.approx(0.70), pytest.approx(0.70), None]
    measured = by_name["latency measured, with 95 % interval of the accuracy"]
    assert measured.error_y.array == pytest.approx([0.02])
    assert measured.error_y.arrayminus == pytest.approx([0.02])
    assert [a.text for a in validation.layout.annotations if "new text" in str(a.text)] == []
    limits = [shape.x0 for shape in test.layout.shapes]
    assert outcome.limit_ms in limits
    label = next(a for a in test.layout.annotations if str(a.text).startswith("within"))
    assert (label.x, label.y) == (outcome.measured_ms, pytest.approx(0.72))  # the bar's upper end
    assert label.yshift > 0


def test_labels_of_near_neighbours_take_turns() -> None:
    assert sides([1.0, 2.0, 3.0], 2.0) == [True, True, True]
    assert sides([3.0, 1.0, 1.1, 1.2], 2.0) == [True, True, False, True]
    assert sides([1.0], 0.0) == [True]


def test_networks_are_stacked_on_a_common_axis(everything: Inputs) -> None:
    (section,) = block_chart_sections(everything, names_of(everything))
    drawn = everything.searches["limit.json"].networks[0]
    name = names_of(everything).searches["limit.json"]
    blocks = runs.SPACE.blocks(drawn.arch)

    assert len(section.charts) == 2  # a chart per target
    for chart, target in zip(section.charts, (runs.FAKE, runs.PHONE), strict=True):
        figure = chart.figure
        assert set(figure.layout.yaxis.categoryarray) == {
            "smallest network", "largest network", name, "Pareto front, least accurate",
            "Pareto front, middle", "Pareto front, most accurate",
        }  # fmt: skip
        parts = [
            (start, width, words)
            for bars in figure.data
            for label, start, width, words in zip(
                bars.y, bars.base, bars.x, bars.customdata, strict=True
            )
            if label == name
        ]
        starts, widths, words = zip(*sorted(parts), strict=True)
        expected = np.array([runs.block_ms(block, target) for block in blocks])
        assert widths == pytest.approx(expected)
        assert starts == pytest.approx(np.r_[0, np.cumsum(expected)[:-1]])
        assert [text.split("<br>")[0].split(": ")[1] for text in words] == [b.key for b in blocks]
    (table,) = section.tables
    assert len(table) == 12
    share = max(runs.block_ms(block) for block in blocks) / runs.network_ms(drawn.arch)
    row = list(zip(table["network"], table["target"], strict=True)).index(
        (name, "fake, fake 1, 1 thread")
    )
    assert table["largest share of a block"][row] == pytest.approx(share)


def test_a_block_that_could_not_run_is_not_drawn(everything: Inputs) -> None:
    arch = everything.searches["limit.json"].networks[0].arch
    every = [runs.SPACE.blocks(each) for each in
             (arch, runs.SPACE.smallest(), runs.SPACE.largest())]  # fmt: skip
    keys = {f"block:{blocks[3].key}": "no memory" for blocks in every}
    broken = replace(runs.predictor(), provenance={"unrunnable": keys})

    only = Inputs(searches={"s": everything.searches["limit.json"]}, predictors={"p": broken})
    assert block_chart_sections(only, names_of(only)) == []


def test_history_is_the_best_so_far(everything: Inputs) -> None:
    (section,) = history_sections(everything, names_of(everything))
    figure = section.charts[0].figure

    limit = names_of(everything).searches["limit.json"]
    assert [trace.name for trace in figure.data] == ["Pareto front, most accurate", limit]
    line = figure.data[1]
    assert list(line.x) == [50, 90, 100]
    assert list(line.y) == pytest.approx([0.65, 0.75, 0.75])
    silent = _search(runs.result(ARCH, 0.5, history=[]))
    assert _histories(silent) == []


def _histories(search: Search) -> list[Section]:
    inputs = Inputs(searches={"s": search})
    return history_sections(inputs, names_of(inputs))


def _devices(inputs: Inputs) -> list[Section]:
    return device_sections(inputs, names_of(inputs))


def test_devices_side_by_side(everything: Inputs) -> None:
    blocks, networks = _devices(everything)

    assert blocks.tables[0]["blocks in common"] == [147]
    assert "20 networks measured on all" in networks.text
    equal, line, dots = networks.charts[0].figure.data
    assert equal.name == "y = x"
    assert list(equal.x) == list(equal.y)
    archs = runs.SPACE.sample(np.random.default_rng(1), 20)
    assert sorted(dots.x) == pytest.approx(sorted(1.03 * runs.network_ms(a) for a in archs))
    ratio = np.median([runs.network_ms(a, runs.PHONE) / runs.network_ms(a) for a in archs])
    (median,) = networks.tables[0]["times the first target's latency, median"]
    assert median == pytest.approx(ratio, rel=0.01)
    assert np.asarray(line.y) == pytest.approx(np.asarray(line.x) * median)


def test_a_table_of_several_targets_is_read_as_each_of_them(tmp_path: Path) -> None:
    tables = {"fake": runs.table(), "phone": runs.table(runs.PHONE)}
    TargetsTable.of(tables).save(tmp_path / "both.parquet")

    inputs = read_inputs([tmp_path])

    assert [*inputs.tables] == ["both.parquet, fake", "both.parquet, phone"]
    assert inputs.count == 1
    assert [section.title for section in device_sections(inputs, names_of(inputs))] == [
        "Devices side by side: blocks"
    ]


def test_predictors_without_networks_are_compared_on_random_ones() -> None:
    (section,) = _devices(
        Inputs(predictors={"a": runs.predictor(), "b": runs.predictor(runs.PHONE)})
    )

    assert "200 random networks of tiny, as predicted" in section.text
    assert _devices(Inputs(predictors={"a": runs.predictor()})) == []


def test_predictors_hold_a_space_that_is_not_shipped() -> None:
    text = runs.SPACE.text.replace('name = "tiny"', 'name = "mine"')
    own = {"space": "mine", "space_toml": text}
    ours, theirs = (
        replace(runs.predictor(target), provenance=own) for target in (runs.FAKE, runs.PHONE)
    )

    (section,) = _devices(Inputs(predictors={"a": ours, "b": theirs}))

    assert "200 random networks of mine, as predicted" in section.text
    older = replace(theirs, provenance={"space": "mine"})
    assert _devices(Inputs(predictors={"a": ours, "b": older})) == []


def test_each_section_only_where_its_input_is(everything: Inputs) -> None:
    table = everything.tables["fake-blocks.parquet"]
    page = page_of(Inputs(tables={"t": table}), "lead", [])
    assert [section.title for section in page.sections] == [
        "Latency by kernel and expansion ratio",
        "Latency by block",
        "Device",
    ]
    assert page_of(Inputs(), "lead", []).sections == []


def test_figures_are_json_that_cannot_end_its_script(tmp_path: Path) -> None:
    runs.write_lines(tmp_path / "log.jsonl", runs.log_lines("</script><script>alert(1)</script>"))

    page, _ = render_report([tmp_path])

    assert "<script>alert" not in page
    data = page.split('type="application/json" id="figure-0-0-data">')[1].split("</script>")[0]
    assert json.loads(data)["data"][0]["name"] == plain("</script><script>alert(1)</script>")
