"""How many examples the properties see: 100 each, in CI 1,000, always the same ones, so that a run can be trusted.

`HYPOTHESIS_PROFILE=quick` is for working on them, `HYPOTHESIS_PROFILE=search` looks for new examples. Both
also ask the oracle, which says whether the page itself has the property; else the core is asked, and
test_oracle.py says that the two agree.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

# A frame of a few people is too small to share among threads.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "local")

settings.register_profile(
    "ci", max_examples=1_000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("local", settings.get_profile("ci"), max_examples=100)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=30)
settings.register_profile("search", settings.get_profile("ci"), max_examples=5_000, derandomize=False)
settings.load_profile(PROFILE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A property takes an `engine`: the implementation that is asked."""
    if "engine" in metafunc.fixturenames:
        from tests.oracle.engines import Core, Oracle  # noqa: PLC0415 - polars reads its environment on import.

        engines = [Core()] if PROFILE in {"ci", "local"} else [Core(), Oracle()]
        metafunc.parametrize("engine", engines, ids=str)
