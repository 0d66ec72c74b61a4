"""Output of several versions of `benchmark_model`: complete, truncated and damaged."""

from dataclasses import astuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.devices.android.benchmark_model.burst import samples_of
from bench.devices.android.benchmark_model.delegate import Delegation, delegation, refusal
from bench.devices.android.benchmark_model.output import RunStatistics, parse_output
from bench.devices.android.benchmark_model.profile import OperatorTime, TypeTime, parse_profile
from bench.errors import DeviceError
from tests.support.benchmark_samples import LITERT_GPU, SAMPLES, TF_1_13, TF_1_15_PROFILE, TF_2_4

NAMES = st.sampled_from(sorted(SAMPLES))


def test_the_mean_and_the_first_run_of_every_version_are_read() -> None:
    result = {name: parse_output(text) for name, text in SAMPLES.items()}

    runs = {name: output.runs for name, output in result.items()}
    assert {name: (run.count, run.first_us, run.avg_us) for name, run in runs.items()} == {
        "1.13": (50, 81_000, 80_660.1),
        "1.15": (4, 4_400, 4_100),
        "2.4": (3, 900, 700),
        "LiteRT": (5, 3_000, 2_200),
    }
    assert (result["1.13"].init_us, result["1.13"].warmup.avg_us) == (4_108, 82_500)
    assert result["LiteRT"].runs.median_us == 2_000
    assert result["1.13"].runs.median_us is None


def test_a_profile_has_operators_and_types() -> None:
    result = parse_profile(TF_1_15_PROFILE)

    assert [astuple(operator) for operator in result.operators] == [
        astuple(operator)
        for operator in (
            OperatorTime(
                node_type="CONV_2D", name="[stem/conv]", first_ms=3, avg_ms=2.8, share=0.7, calls=1
            ),
            OperatorTime(
                node_type="DEPTHWISE_CONV_2D",
                name="[dw]",
                first_ms=1.2,
                avg_ms=1.2,
                share=0.3,
                calls=1,
            ),
        )
    ]
    assert result.types == (
        TypeTime(node_type="CONV_2D", count=1, avg_ms=2.8, share=0.7),
        TypeTime(node_type="DEPTHWISE_CONV_2D", count=1, avg_ms=1.2, share=0.3),
    )
    assert result.inside_delegate == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2 nodes observed", "3 nodes observed", "one number of nodes everywhere"),
        ("100.000%", "90.000%", r"\[cdf%\] of 100.000"),
        ("2.800\t", "x\t", "a number in place of 'x'"),
        ("[Name]", "[Label]", r"a column \[name\]"),
        ("nodes observed", "", "a profile that ends with"),
    ],
)
def test_a_contradictory_profile_is_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        parse_profile(TF_1_15_PROFILE.replace(old, new))


@given(NAMES, st.data())
def test_a_truncated_output_is_refused_or_has_the_same_figures(
    name: str, data: st.DataObject
) -> None:
    text = SAMPLES[name]
    whole = parse_output(text)
    cut = text[: data.draw(st.integers(0, len(text)))]

    try:
        result = parse_output(cut)
    except DeviceError:
        return
    # Only what follows the summary may be missing.
    assert (result.runs, result.warmup, result.init_us) == (whole.runs, whole.warmup, whole.init_us)


@given(st.text())
def test_any_other_text_raises_a_device_error(text: str) -> None:
    with pytest.raises(DeviceError, match="cannot be parsed"):
        parse_output(text)


@given(NAMES, st.integers(0, 10_000), st.characters(codec="ascii"))
@example("1.13", SAMPLES["1.13"].index("avg=80660.1") + len("avg=80660."), "0")
def test_a_damaged_output_raises_only_device_errors(name: str, place: int, sign: str) -> None:
    text = SAMPLES[name]
    place %= len(text)

    try:
        result = parse_output(text[:place] + sign + text[place + 1 :])
    except DeviceError:
        return
    # The mean is printed twice, so one damaged copy can differ by the rounding only.
    assert result.runs.avg_us == pytest.approx(parse_output(text).runs.avg_us, rel=1.1e-5)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
@example(TF_1_15_PROFILE.index("[cdf%]") + 1, "0")
def test_a_damaged_profile_raises_only_device_errors(place: int, sign: str) -> None:
    place %= len(TF_1_15_PROFILE)

    try:
        result = parse_profile(TF_1_15_PROFILE[:place] + sign + TF_1_15_PROFILE[place + 1 :])
    except DeviceError:
        return
    assert len(result.operators) == 2


def test_a_summary_with_another_mean_than_the_runs_is_refused() -> None:
    with pytest.raises(DeviceError, match="700 us in the summary too, got 7"):
        parse_output(TF_2_4.replace("Inference (avg): 700", "Inference (avg): 7"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"first_us": 50.0}, "least <= each <= most"),
        ({"avg_us": 195.0}, "a mean that its calls can have"),
        ({"std_us": 90.0}, "a deviation that its calls can have"),
    ],
)
def test_figures_that_contradict_each_other_are_named(
    changed: dict[str, float], words: str
) -> None:
    consistent = {
        "first_us": 200.0,
        "last_us": 100.0,
        "min_us": 100.0,
        "max_us": 200.0,
        "avg_us": 120.0,
        "std_us": 40.0,
    }

    assert RunStatistics(count=5, **consistent).contradiction() == ""
    assert RunStatistics(count=5, **{**consistent, **changed}).contradiction() == words


def test_a_delegate_that_fell_back_to_the_processor_is_detected() -> None:
    message = (
        "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed "
        "by the delegate.\n"
    )

    assert refusal(LITERT_GPU, "gpu") == ""
    assert refusal(f"{TF_2_4}{message}", "gpu").startswith("Though GPU")
    assert refusal(f"{TF_2_4}{message}", "nnapi") == ""


def test_the_delegated_part_of_a_model_is_read_or_refused() -> None:
    partly = LITERT_GPU.replace("completely executed", "partially executed")

    assert delegation(LITERT_GPU, "gpu") == Delegation(whole=True)
    assert delegation(partly, "gpu") == Delegation(whole=False)
    with pytest.raises(DeviceError, match="does not say how much of a model its delegate xnnpack"):
        delegation(TF_2_4, "xnnpack")
    unknown = f"Unconsumed cmdline flags: --use_gpu=true\n{LITERT_GPU}"
    with pytest.raises(DeviceError, match="does not know --use_gpu=true"):
        delegation(unknown, "gpu")


def test_samples_are_the_first_run_and_the_mean_of_the_others() -> None:
    # Three runs with a mean of 700 us, the first of 900: the other two have a mean of 600.
    assert samples_of(parse_output(TF_2_4)).tolist() == [900_000, 600_000, 600_000]
    assert samples_of(parse_output(TF_1_13))[0] == 81_000_000
