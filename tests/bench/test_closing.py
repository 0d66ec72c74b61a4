"""Objects used as contexts: they are closed once at the end, also after an error."""

import pytest

from bench.closing import Closing


class Resource(Closing):
    """Counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_closed_at_the_end_of_the_block() -> None:
    with Resource() as resource:
        assert resource.closed == 0
    assert resource.closed == 1


def test_it_is_closed_after_an_error_which_continues() -> None:
    resource = Resource()
    with pytest.raises(ValueError, match="cut"), resource:
        raise ValueError("cut")
    assert resource.closed == 1
