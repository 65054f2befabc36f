-- Targets are compared by digest: a B-tree over long URLs fails at 2,704 bytes.
ALTER TABLE urls ADD COLUMN IF NOT EXISTS target_digest bytea;
