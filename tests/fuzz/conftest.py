"""How long the fuzzing goes on: `pytest tests/fuzz --hypothesis-profile=hour` for an hour or so."""

from datetime import timedelta

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": timedelta(seconds=5),
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("quick", max_examples=40, derandomize=True, **COMMON)
settings.register_profile("hour", max_examples=20_000, **COMMON)
settings.load_profile("quick")
