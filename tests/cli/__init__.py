"""The command line against the real service."""
