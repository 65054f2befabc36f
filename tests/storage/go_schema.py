"""The database of the Go service, built from its description, with rows in it."""

from uuid import UUID

import psycopg

PASSWORD = "a password of the old service"
# bcrypt with Go's default cost, as golang.org/x/crypto/bcrypt writes it.
_PASSWORD_HASH = "$2a$10$syqAd2KnwTIKPA71bW43jOHD7h8RIz36jVyNSHIcsX5pCt0odEXFS"
OWNER = UUID("11111111-1111-4111-8111-111111111111")
OWNER_EMAIL = "Ana.Lima@example.com"

# The wheel's server has no uuid-ossp; a function of that name stands in for the extension's.
_SCHEMA = """
    CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
    CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
        username text UNIQUE,
        email text UNIQUE NOT NULL,
        password_hash text NOT NULL,
        email_verified boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz
    );
    CREATE TABLE urls (
        original_url varchar NOT NULL,
        id varchar UNIQUE NOT NULL,
        created_at timestamp DEFAULT now(),
        user_id uuid REFERENCES users (id)
    );
    CREATE INDEX idx_urls_url ON urls (original_url);
    ALTER TABLE urls ADD CONSTRAINT urls_original_url_unique UNIQUE (original_url);
"""


def create(connection: psycopg.Connection) -> None:
    """Create the schema and the user who owns links."""
    connection.execute(_SCHEMA)
    connection.execute(
        "INSERT INTO users (id, username, email, password_hash) VALUES (%s, 'ana', %s, %s)",
        (OWNER, OWNER_EMAIL, _PASSWORD_HASH),
    )


def add_links(connection: psycopg.Connection, count: int) -> None:
    """Add links `L00001` …, every tenth the user's, a second between each."""
    connection.execute(
        """
        INSERT INTO urls (original_url, id, created_at, user_id)
        SELECT 'https://example.com/page/' || n, 'L' || lpad(n::text, 5, '0'),
               timestamp '2024-01-01' + n * interval '1 second',
               CASE WHEN n %% 10 = 0 THEN %s::uuid END
        FROM generate_series(1, %s) AS n
        """,
        (OWNER, count),
    )


def add_link(
    connection: psycopg.Connection,
    code: str,
    url: str,
    owner: UUID | None = None,
    created_at: str = "now",
) -> None:
    """Add one link as the Go service did."""
    connection.execute(
        "INSERT INTO urls (original_url, id, user_id, created_at)"
        " VALUES (%s, %s, %s, timezone('utc', %s::timestamptz))",
        (url, code, owner, created_at),
    )
