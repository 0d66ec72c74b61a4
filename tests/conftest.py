from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public measurements by others, which the project does not contain."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"public measurements are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA
