-- The tables as the Go service left them. On its database this changes nothing.
CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username text UNIQUE,
    email text UNIQUE NOT NULL,
    password_hash text NOT NULL,
    email_verified boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- created_at has no time zone and is in UTC.
CREATE TABLE IF NOT EXISTS urls (
    original_url varchar NOT NULL,
    id varchar UNIQUE NOT NULL,
    created_at timestamp DEFAULT now(),
    user_id uuid REFERENCES users (id)
);
