"""Property tests are judged by what they find, not by the clock of the machine."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", settings.get_profile("unhurried"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unhurried"))
