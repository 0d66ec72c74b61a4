"""Wilson's intervals, against figures computed by hand."""

import pytest

from bench.errors import InputError
from supernet.data.dataset import score
from supernet.data.wilson import Z_95, format_share, wilson_interval


def test_independent_images_have_the_textbook_interval() -> None:
    """81 of 263 (Newcombe 1998, method 3): 0.2553 to 0.3662."""
    share = 81 / 263
    error = (share * (1 - share) / 263) ** 0.5

    assert wilson_interval(share, error, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(share, 0.5 * error, 263) == wilson_interval(share, error, 263)


def test_similar_images_count_as_fewer() -> None:
    """Twice the standard error: a quarter of the images."""
    error = (0.2 * 0.8 / 400) ** 0.5

    similar = wilson_interval(0.2, 2 * error, 400)
    assert similar == pytest.approx(wilson_interval(0.2, 2 * error, 100))
    assert similar[1] - similar[0] > 0.15


@pytest.mark.parametrize(("images", "groups", "worth"), [(50, None, 50), (500, 20, 20)])
def test_an_accuracy_of_1_still_has_an_interval(
    images: int, groups: int | None, worth: int
) -> None:
    """At a share of 1 the lower end is n / (n + z^2)."""
    low, high = wilson_interval(1.0, 0.0, images, groups)

    assert high == pytest.approx(1.0, abs=1e-12)
    assert low == pytest.approx(worth / (worth + Z_95**2))
    assert wilson_interval(0.0, 0.0, images, groups) == pytest.approx((0.0, 1 - low))


def test_a_score_has_its_interval() -> None:
    """Four writers, each all right or all wrong: worth three images."""
    result = score([1, 1, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3])

    assert result.error == pytest.approx(0.25)
    assert result.interval == pytest.approx(wilson_interval(0.75, 0.25, 8, 4))
    low, high = result.interval
    assert 0 < low < 0.4
    assert 0.9 < high < 1


def test_an_invalid_share_is_refused() -> None:
    with pytest.raises(InputError, match="has no interval"):
        wilson_interval(1.2, 0.1, 10)
    with pytest.raises(InputError, match="has no interval"):
        wilson_interval(0.5, 0.1, 0)


def test_a_share_is_formatted_with_its_interval() -> None:
    assert format_share(0.8721, (0.8643, 0.8792)) == "87.21% (86.43 to 87.92)"
