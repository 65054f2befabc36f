"""What PostgreSQL's catalogue says is there, against what the code needs (needed_schema.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from app.storage.needed_schema import FUNCTIONS, NEEDED

_DISABLED = "disabled "

# Of the tables of the search path alone, without partitions: theirs are their tables' facts, and
# their names go with the month. Expressions of indexes and triggers are read from under a
# lock of the table's: whoever reads sets a lock_timeout.
_TABLES = """
    SELECT oid, quote_ident(relname) AS name, pg_get_partkeydef(oid) AS partition_key FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND pg_table_is_visible(oid)
        AND relnamespace <> 'pg_catalog'::regnamespace
"""
_FACTS = f"""
    WITH tables AS ({_TABLES})
    SELECT tables.name, concat('column ', quote_ident(attname), ' ',
        format_type(atttypid, atttypmod),
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
    SELECT tables.name, concat(CASE WHEN tgenabled NOT IN ('O', 'A') THEN '{_DISABLED}' END,
        'trigger ', substring(pg_get_triggerdef(pg_trigger.oid, true) FROM 'TRIGGER (.*)$'))
    FROM tables JOIN pg_trigger ON tgrelid = tables.oid
    WHERE NOT tgisinternal
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
_TABLE = "table"
_ORDER = (_TABLE, "column", "function")
_COLUMN = re.compile(r'column (?P<name>"(?:[^"]|"")+"|\S+) (?P<definition>.*)')
_DEFINITION = re.compile(r"(?P<type>.*?)(?P<filled> not null)?(?P<default> default)?")


@dataclass(frozen=True, slots=True)
class Missing:
    """One fact that the code needs and the database lacks."""

    table: str
    fact: str
    """As in NEEDED; `table` where the table itself is not there, with all its facts."""
    instead: str | None = None
    """What it was renamed to: the table or column with the same definition that nobody needs."""
    disabled: bool = False
    """Whether it is there and only switched off, as a trigger can be."""
    altered: str | None = None
    """How the column of this name is defined instead."""

    @property
    def repair(self) -> str | None:
        """The statement that puts it back, None where rows or a body are lost with it."""
        kind, _, rest = self.fact.partition(" ")
        if kind == _TABLE:
            return f"ALTER TABLE {self.instead} RENAME TO {self.table}" if self.instead else None
        if kind == "column":
            return self._column(rest)
        if kind == "index":
            return self._index(rest)
        if kind == "constraint":
            return f"ALTER TABLE {self.table} ADD {rest}"
        return self._trigger(rest) if kind == "trigger" else None

    def _column(self, wanted: str) -> str | None:
        if self.instead is not None:
            name = wanted.partition(" ")[0]
            return f"ALTER TABLE {self.table} RENAME COLUMN {self.instead} TO {name}"
        return None if self.altered is None else self._alter(wanted, self.altered)

    def _trigger(self, wanted: str) -> str:
        if self.disabled:
            return f"ALTER TABLE {self.table} ENABLE TRIGGER {wanted.split(maxsplit=1)[0]}"
        # One of the same name may be there, with another definition.
        return f"CREATE OR REPLACE TRIGGER {wanted}"

    def _alter(self, wanted: str, altered: str) -> str | None:
        name, _, definition = wanted.partition(" ")
        needed, there = _DEFINITION.fullmatch(definition), _DEFINITION.fullmatch(altered)
        # What the default was is not among the facts.
        if needed is None or there is None or (needed["default"] and not there["default"]):
            return None
        steps: list[str] = []
        if needed["type"] != there["type"]:
            steps.append(f"ALTER {name} TYPE {needed['type']} USING {name}::{needed['type']}")
        if needed["filled"] != there["filled"]:
            steps.append(f"ALTER {name} {'SET' if needed['filled'] else 'DROP'} NOT NULL")
        return f"ALTER TABLE {self.table} {', '.join(steps)}"

    def _index(self, rest: str) -> str:
        unique = "UNIQUE " if rest.startswith("unique ") else ""
        method = rest.removeprefix("unique ")
        # PostgreSQL builds no index of a partitioned table beside its use.
        whole = any(fact.startswith("partitioned ") for fact in NEEDED[self.table])
        beside = "" if whole else "CONCURRENTLY "
        return f"CREATE {unique}INDEX {beside}ON {self.table} USING {method}"

    @property
    def only_slows(self) -> bool:
        """Tell whether everything still works without it, only slowly."""
        return self.fact.startswith("index ") and not self.fact.startswith("index unique ")

    def __str__(self) -> str:
        """Say what is missing, in the words of SQL."""
        kind, _, rest = self.fact.partition(" ")
        if kind == _TABLE:
            return f"table {self.table}" + (f"; there is {self.instead}" if self.instead else "")
        if kind == "column":
            name, _, definition = rest.partition(" ")
            instead = f"; there is {self.table}.{self.instead}" if self.instead else ""
            instead += f"; there it is {self.altered}" if self.altered else ""
            return f"column {self.table}.{name} ({definition}){instead}"
        enabled = "enabled " if self.disabled else ""
        of_table = f" of {self.table}" if kind in {"index", "constraint"} else ""
        return f"{enabled}{kind} {rest}{of_table}"


def read_schema(connection: psycopg.Connection) -> dict[str, set[str]]:
    """Return the facts of every table that is found without naming a schema."""
    found: dict[str, set[str]] = {}
    for table, fact in connection.execute(_FACTS.encode()):
        found.setdefault(str(table), set()).add(str(fact))
    return found


def missing_from(found: Mapping[str, set[str]]) -> list[Missing]:
    """Return what is needed and was not found, what others depend on first."""
    missing: list[Missing] = []
    for table, needed in NEEDED.items():
        if table not in found and table != FUNCTIONS:
            missing.append(Missing(table, _TABLE, _renamed_table(table, found)))
            continue
        there = found.get(table, set())
        missing += [_missing(table, fact, there) for fact in sorted(needed - _offered(there))]
    return sorted(missing, key=_rank)


def _missing(table: str, fact: str, there: set[str]) -> Missing:
    altered = _altered(fact, there)
    renamed = _renamed(fact, NEEDED[table], there) if altered is None else None
    return Missing(table, fact, renamed, _DISABLED + fact in there, altered)


def _altered(fact: str, there: set[str]) -> str | None:
    """Return how the column of the same name is defined, None if there is none."""
    wanted = _COLUMN.fullmatch(fact)
    columns = [match for line in there if (match := _COLUMN.fullmatch(line))] if wanted else []
    same = [match["definition"] for match in columns if wanted and match["name"] == wanted["name"]]
    return same[0] if same else None


def _rank(missing: Missing) -> tuple[bool, int]:
    """Put tables before columns, and both before an index over them, a constraint, a trigger."""
    kind = missing.fact.partition(" ")[0]
    return missing.only_slows, _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _renamed_table(table: str, found: Mapping[str, set[str]]) -> str | None:
    """Return the one table that has the missing one's columns and that nobody needs."""
    columns = {fact for fact in NEEDED[table] if fact.startswith("column ")}
    alike = [name for name in found.keys() - NEEDED.keys() if columns <= _offered(found[name])]
    return alike[0] if len(alike) == 1 else None


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
