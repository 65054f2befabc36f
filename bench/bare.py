"""A Flask view that returns a small dict, for gunicorn: what all else is compared with."""

from bench.subject import bare

app = bare()
