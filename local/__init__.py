"""Everything that runs on a developer's machine only: embedded servers and `make run`."""
