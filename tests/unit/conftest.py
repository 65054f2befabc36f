"""How the property tests of this suite run."""

from hypothesis import settings

# A busy machine is no fault of the code under test; the suite's own timeout bounds a hang.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
