"""How many examples the properties see: 1,000 each, always the same ones, so that a run can be trusted.

`HYPOTHESIS_PROFILE=quick` is for working on them; `HYPOTHESIS_PROFILE=search` looks for new examples.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", max_examples=1_000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=30)
settings.register_profile("search", settings.get_profile("ci"), max_examples=5_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
