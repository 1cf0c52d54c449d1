"""How long the fuzzing goes on: `pytest tests/fuzz --hypothesis-profile=hour` for an hour or two of one core."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": timedelta(seconds=5),
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("quick", max_examples=40, derandomize=True, **COMMON)
settings.register_profile("hour", max_examples=8_000, print_blob=True, **COMMON)
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test of the long profile take as long as it does: each example has its own deadline."""
    if settings.get_current_profile_name() == "hour":
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
