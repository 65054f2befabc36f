"""The tests; each folder but `harness` is a suite."""
