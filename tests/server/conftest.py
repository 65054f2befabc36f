"""Nothing here is timed: a busy machine must not fail what is right."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
