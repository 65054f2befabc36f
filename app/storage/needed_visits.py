"""What the code needs to find in the database for counting visits: see needed_schema.py.

Partitions are made month by month and are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping

VISITS: Mapping[str, frozenset[str]] = {
    "functions": frozenset(
        {
            "function visit_partitions(date,integer) returns integer",
            "function visit_partitions_drop(date,text) returns integer",
        }
    ),
    "visit_batches": frozenset(
        {
            "column id uuid not null",
            "column written_at timestamp with time zone not null default",
            "index btree (written_at)",
            "index unique btree (id)",
        }
    ),
    "visit_days": frozenset(
        {
            "column bots bigint not null",
            "column day date not null",
            "column scans bigint not null",
            "column scope text not null",
            "column visits bigint not null",
            "index unique btree (scope, day)",
            "partitioned by RANGE (day)",
        }
    ),
    "visit_slots": frozenset(
        {
            "column bots bigint not null",
            "column scans bigint not null",
            "column scope text not null",
            "column slot timestamp with time zone not null",
            "column visits bigint not null",
            "index unique btree (scope, slot)",
            "partitioned by RANGE (slot)",
        }
    ),
    "visit_upkeep": frozenset(
        {
            "column folded_at timestamp with time zone not null default",
            "column id boolean not null default",
            "constraint CHECK (id)",
            "index unique btree (id)",
        }
    ),
    "visit_values": frozenset(
        {
            "column day date not null",
            "column dimension smallint not null",
            "column scope text not null",
            "column value text not null",
            "column visits bigint not null",
            "index unique btree (scope, day, dimension, value)",
            "partitioned by RANGE (day)",
        }
    ),
    "visitor_hashes": frozenset(
        {
            "column code text not null",
            "column day date not null",
            "column hashes bytea not null",
            "index btree (code)",
        }
    ),
    "visitor_salts": frozenset(
        {
            "column day date not null",
            "column salt bytea not null",
            "index unique btree (day)",
        }
    ),
    "visitor_sketches": frozenset(
        {
            "column day date not null",
            "column scope text not null",
            "column sketch bytea not null",
            "column visitors bigint not null",
            "index unique btree (scope, day)",
            "partitioned by RANGE (day)",
        }
    ),
}
