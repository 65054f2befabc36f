-- One account per address, whatever its case. Accounts that already differ only in case all stay;
-- the oldest is the one the address belongs to.
SET lock_timeout = '5s';

ALTER TABLE users ADD COLUMN IF NOT EXISTS email_ambiguous boolean NOT NULL DEFAULT false;

UPDATE users SET email_ambiguous = true
FROM (
    SELECT id, row_number() OVER (PARTITION BY lower(email) ORDER BY created_at, id) AS place
    FROM users
) AS ranked
WHERE ranked.id = users.id AND ranked.place > 1;

CREATE UNIQUE INDEX IF NOT EXISTS users_email_lower_key
ON users (lower(email)) WHERE NOT email_ambiguous;

CREATE INDEX IF NOT EXISTS users_email_lower_idx ON users (lower(email));
