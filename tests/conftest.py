"""For all tests: hypothesis looks for counterexamples, not for slow ones. Speed is measured in `benchmarks/`."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
