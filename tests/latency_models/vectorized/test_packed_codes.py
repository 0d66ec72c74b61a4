"""Packed codes bit by bit: words of neighbouring columns, look-ups of wide ones, and fields."""

import numpy as np
import pytest

from latency_models.vectorized.packed_codes import (
    BitField,
    Column,
    Lookup,
    PackedCode,
    fields_of,
    lookups_of,
    pack_columns,
)


def column(number: int, *values: int) -> Column:
    return Column(number=number, values=np.array(values))


def codes_of(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int16)


@pytest.mark.parametrize(
    ("values", "narrow", "bits", "size"),
    [
        ((0, 1), True, 1, 2),
        ((0, 3, 5, 7), True, 3, 8),
        ((3, 8), True, 4, 16),
        ((0, 15), True, 4, 16),
        ((0, 16), False, 5, 3),  # two codes, and one digit for all others
        ((128, 160, 224), False, 8, 4),
    ],
)
def test_a_column_is_narrow_up_to_four_bits(
    values: tuple[int, ...], narrow: bool, bits: int, size: int
) -> None:
    packed = column(0, *values)

    assert (packed.narrow, packed.bits, packed.size) == (narrow, bits, size)
    digits = list(values) if narrow else list(range(len(values)))
    assert packed.digits(np.array(values)).tolist() == digits


def test_words_are_of_neighbours_of_equal_width_four_two_or_one_at_a_time() -> None:
    columns = [
        *(column(number, 0, 7) for number in range(1, 8)),  # seven of three bits
        *(column(number, 0, 1) for number in (8, 9)),  # narrower
        column(11, 0, 1),  # not a neighbour
        column(12, 0, 99),  # wide
        *(column(number, 0, 7) for number in (13, 14, 15)),
    ]

    words = [(word.start, word.lanes, word.bits) for word in pack_columns(columns)]

    threes = [(1, 4, 3), (5, 2, 3), (7, 1, 3)]
    assert words == [*threes, (8, 2, 1), (11, 1, 1), (13, 2, 3), (15, 1, 3)]


def test_four_neighbours_are_one_word() -> None:
    (word,) = pack_columns([column(number, 0, 7) for number in range(2, 6)])

    assert (word.start, word.lanes) == (2, 4)


def low(numbers: np.ndarray, bits: int) -> list[int]:
    return [int(number) % 2**bits for number in numbers]


@pytest.mark.parametrize(
    ("lanes", "packed"),
    [
        (1, [0b101, 0b000]),
        (2, [0b011_101, 0b111_000]),
        (4, [0b001_110_011_101, 0b010_001_111_000]),
    ],
)
def test_a_word_is_its_columns_bits_the_first_lowest(lanes: int, packed: list[int]) -> None:
    codes = codes_of([99, 5, 3, 6, 1], [99, 0, 7, 1, 2])

    numbers, clean = PackedCode(start=1, lanes=lanes, bits=3).read(codes)

    assert low(numbers, 3 * lanes) == packed
    assert clean


@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("wrong", [4, 8, 256, -1])
def test_an_unused_bit_is_reported_in_any_column(lanes: int, wrong: int) -> None:
    word = PackedCode(start=0, lanes=lanes, bits=2)

    for lane in range(lanes):
        codes = codes_of([3, 3, 3, 3], [0, 0, 0, 0])
        assert word.read(codes)[1]
        codes[1, lane] = wrong
        assert not word.read(codes)[1]
    assert word.read(codes_of([3] * lanes + [99] * (4 - lanes)))[1]  # others are not looked at


def test_a_wide_column_is_looked_up_with_invalid_values_as_its_last_digit() -> None:
    narrow, wide = column(0, 0, 3), column(1, 20, 24, 28)

    (lookup,) = lookups_of([narrow, wide])

    codes = codes_of(*([0, code] for code in (20, 24, 28, 0, 22, 29, 30, 300, -1)))
    assert lookup.column == 1
    assert lookup.read(codes).tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 3]


def test_a_lookup_reads_its_own_column() -> None:
    table = np.array([5, 6, 7], dtype=np.uint64)

    assert Lookup(column=1, table=table).read(codes_of([0, 2], [0, 0])).tolist() == [7, 5]


@pytest.mark.parametrize(
    ("down", "mask", "expected"), [(3, 0b111, 0b101), (0, 0b111, 0b011), (-2, 0b11100, 0b01100)]
)
def test_a_field_is_bits_shifted_down_or_up(down: int, mask: int, expected: int) -> None:
    numbers = np.array([0b110_101_011], dtype=np.uint64)

    assert BitField(source=0, down=down, mask=mask).take(numbers).tolist() == [expected]
    assert numbers.tolist() == [0b110_101_011]


def test_columns_with_the_same_shift_share_a_field() -> None:
    words = [PackedCode(start=1, lanes=4, bits=3), PackedCode(start=5, lanes=1, bits=2)]

    # Columns 1 and 2 move up by four together, 4 down by nine; 3 is of another index.
    fields = [
        (field.source, field.down, field.mask)
        for field in fields_of(words, {1: 4, 2: 7, 4: 0, 5: 10})
    ]

    assert fields == [(0, -4, 0b111_111 << 4), (0, 9, 0b111), (1, -10, 0b11 << 10)]


def test_fields_of_words_make_the_index_of_their_digits() -> None:
    columns = [column(0, 0, 3), column(1, 0, 3), column(2, 0, 3), column(3, 0, 9)]
    words = pack_columns(columns)
    shifts = {0: 4, 1: 0, 2: 2, 3: 6}

    codes = codes_of([1, 2, 3, 9], [3, 0, 1, 4])
    numbers = [word.read(codes)[0] for word in words]
    index = sum(
        (field.take(numbers[field.source]) for field in fields_of(words, shifts)),
        np.zeros(2, dtype=np.uint64),
    )

    assert index.tolist() == [
        1 * 16 + 2 + 3 * 4 + 9 * 64,
        3 * 16 + 0 + 1 * 4 + 4 * 64,
    ]
