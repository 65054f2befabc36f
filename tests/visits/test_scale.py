"""A million links, each visited once: the memory is bounded, the totals are exact."""

from __future__ import annotations

import time

import psutil
import pytest

from app.storage.visits import VisitTable
from app.visits import Visits, VisitSettings
from tests.harness.servers import Database
from tests.visits.test_counting import request
from tests.visits.test_writing import rows

LINKS = 1_000_000
CROWD = 15_000
"""Visits that may wait before the next are sent; the table has room for 20,000 different ones."""
MOST = 100 << 20
"""Bytes by which the process may grow."""


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_million_links_once_each(table: VisitTable, module_database: Database) -> None:
    visits = Visits(table, VisitSettings())
    visits.start()
    process = psutil.Process()
    before = most = process.memory_info().rss
    for number in range(LINKS):
        visits.record(f"M{number:07}", request())
        if number % 1000 == 0:
            most = max(most, process.memory_info().rss)
            while visits.statistics()["waiting"] > CROWD:
                time.sleep(0.02)
    visits.stop(600)

    assert most - before < MOST
    assert rows(module_database, "SELECT sum(visits) FROM visit_slots") == [(LINKS,)]
    assert rows(module_database, "SELECT count(*), sum(visits) FROM link_counts") == [
        (LINKS, LINKS)
    ]
