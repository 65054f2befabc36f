"""What PostgreSQL's catalogue says is there, against what the code needs (needed_schema.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from app.storage.needed_schema import FUNCTIONS, NEEDED

# Of the tables of the search path alone, without partitions: theirs are their tables' facts, and
# their names go with the month. Expressions of indexes and triggers are read from under a
# lock of the table's: whoever reads sets a lock_timeout.
_TABLES = """
    SELECT oid, relname::text AS name, pg_get_partkeydef(oid) AS partition_key FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND pg_table_is_visible(oid)
        AND relnamespace <> 'pg_catalog'::regnamespace
"""
_FACTS = f"""
    WITH tables AS ({_TABLES})
    SELECT tables.name, concat('column ', attname, ' ', format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN ' not null' END,
        CASE WHEN atthasdef OR attidentity <> '' THEN ' default' END)
    FROM tables JOIN pg_attribute ON attrelid = tables.oid
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT tables.name, 'partitioned by ' || partition_key FROM tables WHERE partition_key <> ''
    UNION ALL
    SELECT tables.name, concat('index ', CASE WHEN indisunique THEN 'unique ' END,
        substring(pg_get_indexdef(indexrelid) FROM ' USING (.*)$'))
    FROM tables JOIN pg_index ON indrelid = tables.oid
    WHERE indisvalid AND indisready
    UNION ALL
    SELECT tables.name, 'constraint ' || pg_get_constraintdef(pg_constraint.oid, true)
    FROM tables JOIN pg_constraint ON conrelid = tables.oid
    WHERE contype IN ('c', 'f', 'x') AND convalidated
    UNION ALL
    SELECT tables.name,
        'trigger ' || substring(pg_get_triggerdef(pg_trigger.oid, true) FROM 'TRIGGER (.*)$')
    FROM tables JOIN pg_trigger ON tgrelid = tables.oid
    WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')
    UNION ALL
    SELECT '{FUNCTIONS}', format('function %s returns %s', oid::regprocedure, prorettype::regtype)
    FROM pg_proc
    WHERE pg_function_is_visible(oid) AND prokind = 'f'
        AND pronamespace NOT IN (
            'pg_catalog'::regnamespace, 'information_schema'::regnamespace
        )
        AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
        )
"""  # noqa: S608  # of constants alone
_COLUMN = re.compile(r"column (?P<name>\S+) (?P<definition>.*)")


@dataclass(frozen=True, slots=True)
class Missing:
    """One fact that the code needs and the database lacks."""

    table: str
    fact: str
    instead: str | None = None
    """The column of the same definition that nobody knows: what it was renamed to."""

    @property
    def repair(self) -> str | None:
        """The statement that puts it back, None where rows or a body are lost with it."""
        kind, _, rest = self.fact.partition(" ")
        if self.instead is not None:
            return f"ALTER TABLE {self.table} RENAME COLUMN {self.instead} TO {rest.split()[0]}"
        if kind == "index":
            unique = "UNIQUE " if rest.startswith("unique ") else ""
            method = rest.removeprefix("unique ")
            # PostgreSQL builds no index of a partitioned table beside its use.
            whole = any(fact.startswith("partitioned ") for fact in NEEDED[self.table])
            beside = "" if whole else "CONCURRENTLY "
            return f"CREATE {unique}INDEX {beside}ON {self.table} USING {method}"
        if kind == "constraint":
            return f"ALTER TABLE {self.table} ADD {rest}"
        return f"CREATE TRIGGER {rest}" if kind == "trigger" else None

    @property
    def only_slows(self) -> bool:
        """Tell whether everything still works without it, only slowly."""
        return self.fact.startswith("index ") and not self.fact.startswith("index unique ")

    def __str__(self) -> str:
        """Say what is missing, in the words of SQL."""
        kind, _, rest = self.fact.partition(" ")
        if kind == "column":
            name, _, definition = rest.partition(" ")
            instead = f"; there is {self.table}.{self.instead}" if self.instead else ""
            return f"column {self.table}.{name} ({definition}){instead}"
        return f"{kind} {rest}" + (f" of {self.table}" if kind in {"index", "constraint"} else "")


def read_schema(connection: psycopg.Connection) -> dict[str, set[str]]:
    """Return the facts of every table that is found without naming a schema."""
    found: dict[str, set[str]] = {}
    for table, fact in connection.execute(_FACTS.encode()):
        found.setdefault(str(table), set()).add(str(fact))
    return found


def missing_from(found: Mapping[str, set[str]]) -> list[Missing]:
    """Return what is needed and was not found, columns first."""
    missing = [
        Missing(table, fact, _renamed(fact, facts, found.get(table, set())))
        for table, facts in NEEDED.items()
        for fact in sorted(facts - _offered(found.get(table, set())))
    ]
    # An index over a missing column is missing with it: the column is what to mend.
    return sorted(missing, key=lambda each: (each.only_slows, not each.fact.startswith("column ")))


def _offered(found: set[str]) -> set[str]:
    """Return the facts with what they include: a column with a default is one without, too."""
    return found | {fact.removesuffix(" default") for fact in found}


def _renamed(fact: str, needed: frozenset[str], found: set[str]) -> str | None:
    """Return the one column that is as the missing one and that nobody needs."""
    wanted = _COLUMN.fullmatch(fact)
    if wanted is None:
        return None
    unknown = [match for line in found - needed if (match := _COLUMN.fullmatch(line))]
    alike = [match["name"] for match in unknown if match["definition"] == wanted["definition"]]
    return alike[0] if len(alike) == 1 else None
