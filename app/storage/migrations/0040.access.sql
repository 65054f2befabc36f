-- API keys, and the end of tokens. The Go service neither reads nor writes any of it, and inserts
-- users without naming the new columns.
SET lock_timeout = '5s';

ALTER TABLE users
    ADD COLUMN IF NOT EXISTS token_generation bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS tokens_ended_at timestamptz;

COMMENT ON COLUMN users.token_generation IS 'Tokens of earlier generations are refused';

-- No foreign key: a row of users that is deleted by hand must not be kept by keys, which are of no
-- use without it.
CREATE TABLE IF NOT EXISTS api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    place smallint NOT NULL,
    digest bytea NOT NULL UNIQUE,
    prefix text NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    tag text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    UNIQUE (user_id, place)
);

COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the key, which is kept nowhere';
COMMENT ON COLUMN api_keys.place IS 'From 1 to the most that an account may have';

-- Accounts that are deleted, while links are still being taken from them.
CREATE TABLE IF NOT EXISTS account_deletions (
    user_id uuid PRIMARY KEY,
    disable_links boolean NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);
