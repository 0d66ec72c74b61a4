"""Clusters of cores, and the choice of cores by name, list or mask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote.facts.core_files import Core
from bench.devices.remote.facts.cores import choose_cores, clusters_of, mask_of, parse_list
from bench.errors import InputError

NOTE8 = [Core(number=n, max_khz=1690000 if n < 4 else 2314000) for n in range(8)]
THREE = [
    Core(number=n, max_khz=1766000 if n < 4 else 2419000 if n < 7 else 2841000) for n in range(8)
]
ONE = [Core(number=n, max_khz=1200000) for n in range(4)]
SILENT = [Core(number=n) for n in range(4)]


def test_clusters_are_listed_fastest_first() -> None:
    assert [str(cluster) for cluster in clusters_of(NOTE8)] == [
        "4,5,6,7 at 2.31 GHz",
        "0,1,2,3 at 1.69 GHz",
    ]
    assert [cluster.cores for cluster in clusters_of(THREE)] == [(7,), (4, 5, 6), (0, 1, 2, 3)]
    assert [str(cluster) for cluster in clusters_of(SILENT)] == ["0,1,2,3 at unknown speed"]
    assert clusters_of([]) == ()


@pytest.mark.parametrize(
    ("cores", "threads", "wanted", "chosen"),
    [
        (NOTE8, 1, None, "4"),
        (NOTE8, 4, "big", "4,5,6,7"),
        (NOTE8, 2, "little", "0,1"),
        (NOTE8, 1, "all", "0,1,2,3,4,5,6,7"),
        (NOTE8, 2, "any", ""),
        (NOTE8, 2, "5,4", "4,5"),
        (NOTE8, 1, "f0", "4,5,6,7"),
        (NOTE8, 1, "0x30", "4,5"),
        (NOTE8, 1, "0X80", "7"),
        (NOTE8, 1, "7", "7"),
        (THREE, 1, "big", "7"),
        (THREE, 3, None, "4,5,7"),
        (THREE, 4, "big", "4,5,6,7"),
        (ONE, 2, "big", "0,1"),
        (ONE, 2, "little", "0,1"),
        (SILENT, 4, None, "0,1,2,3"),
        ([], 4, None, ""),
        ([], 4, "any", ""),
    ],
)
def test_cores_are_chosen_by_name_list_and_mask(
    cores: list[Core], threads: int, wanted: str | None, chosen: str
) -> None:
    assert choose_cores(threads, wanted, cores) == chosen


@pytest.mark.parametrize(
    ("cores", "threads", "wanted", "words"),
    [
        (NOTE8, 5, None, "5 threads need as many cores, big has 4; the phone has 4,5,6,7 at"),
        (NOTE8, 9, "any", "9 threads need as many cores, any has 8"),
        (NOTE8, 2, "4", "2 threads need as many cores, 4 has 1"),
        (NOTE8, 1, "8", "8 is missing or offline; the device has 4,5,6,7 at 2.31 GHz; 0,1,2,3"),
        (NOTE8, 1, "0x0", "that names none"),
        (NOTE8, 1, "fast", "cores are 'fast', expected big, little, all, any"),
        (NOTE8, 1, "4,", "expected big, little"),
        ([], 1, "big", "does not report its cores; use any"),
    ],
)
def test_missing_cores_are_refused_with_the_phones_clusters(
    cores: list[Core], threads: int, wanted: str | None, words: str
) -> None:
    with pytest.raises(InputError) as error:
        choose_cores(threads, wanted, cores)

    assert words in str(error.value)


def test_an_offline_core_is_not_chosen() -> None:
    cores = [Core(number=n, online=n != 4, max_khz=1 + n // 4) for n in range(8)]

    assert choose_cores(1, None, cores) == "5"
    assert choose_cores(1, "all", cores) == "0,1,2,3,5,6,7"
    with pytest.raises(InputError, match="4 is missing or offline"):
        choose_cores(1, "4,5", cores)


@given(st.sets(st.integers(0, 63), min_size=1))
def test_a_mask_holds_the_cores_of_a_list(numbers: set[int]) -> None:
    text = ",".join(map(str, sorted(numbers)))

    assert [bit for bit in range(64) if int(mask_of(text), 16) >> bit & 1] == sorted(numbers)
    assert parse_list(text) == tuple(sorted(numbers))


def test_unpinned_is_the_empty_mask() -> None:
    assert mask_of("") == "0"
    assert parse_list("") == ()
