"""PostgreSQL and Valkey of their own for measurements, and the settings that lead to them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.postgresql import PostgreSQL
from local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a-secret-of-the-bench-0123456789abcdef"  # noqa: S105  # of a service on loopback
_TUNED = {
    # A quarter of the memory, as RDS sets it, and no more than one of its instances of 16 GiB has.
    "shared_buffers": f"{min(4096, psutil.virtual_memory().total // 4 // 2**20)}MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",  # it would work through the table in the middle of a measurement
}


@dataclass(frozen=True)
class Stores:
    """Both servers; `environment` leads the service to them."""

    postgresql: PostgreSQL
    valkey: Valkey

    def environment(self, database: str = "postgres", **changes: str) -> dict[str, str]:
        """Return settings as in production: limits on and never reached, one proxy."""
        return {
            "ENV": "production",
            "JWT_SECRET": SECRET,
            "SHUTDOWN_DELAY": "0",  # no balancer to wait for
            "RATE_LIMIT": "1000000/second",
            "RATE_LIMIT_RESOLVE": "1000000/second",
            **self.postgresql.environment(database),
            **self.valkey.environment(),
            **changes,
        }

    def create_database(self, name: str) -> None:
        """Make a database with the current schema."""
        with self.postgresql.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        migrate(self.postgresql.environment(name))


@contextmanager
def stores(folder: Path) -> Iterator[Stores]:
    """Run both servers on fresh data; the default database is migrated."""
    with (
        PostgreSQL(folder / "postgresql", durable=False, settings=_TUNED) as postgresql,
        Valkey(folder / "valkey") as valkey,
    ):
        made = Stores(postgresql, valkey)
        migrate(postgresql.environment())
        yield made


def migrate(environment: dict[str, str]) -> None:
    """Run the `migrate` command; CalledProcessError if it fails."""
    subprocess.run(
        [str(Path(sys.executable).with_name("migrate"))],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
    )
