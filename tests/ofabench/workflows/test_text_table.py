"""Tables of text: alignment, widths, and no spaces at the end of lines."""

from ofabench.workflows.text_table import text_table


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    rows = [("model", "backend", "ms"), ("a.onnx", "ort", "12.5"), ("b", "tflite", "3")]

    assert text_table(rows) == [
        "model   backend    ms",
        "a.onnx  ort      12.5",
        "b       tflite      3",
    ]


def test_chosen_columns_are_left_aligned_and_lines_end_without_spaces() -> None:
    rows = [("n", "note"), ("10", ""), ("7", "forced")]

    assert text_table(rows, left={1}) == [" n  note", "10", " 7  forced"]
