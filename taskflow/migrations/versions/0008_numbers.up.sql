-- What the numbers of taskflow/numbers.py are worked out from. The column fills itself, outside of
-- what hashes cover, so that the code before serves meanwhile.

-- It may be empty for what was written before: a default given at once would rewrite the table.
ALTER TABLE audit_entries ADD COLUMN written_at timestamptz;
ALTER TABLE audit_entries ALTER COLUMN written_at SET DEFAULT now();
COMMENT ON COLUMN audit_entries.written_at IS 'when the entry was written; at is when it happened';

CREATE INDEX deliveries_by_sending ON deliveries (sent_at) WHERE sent_at IS NOT NULL;

-- Who watches the database reads what numbers are made of, and no word that a person wrote.
GRANT SELECT (due_at) ON timers TO pg_monitor;
GRANT SELECT (sent_at, late_by_seconds) ON deliveries TO pg_monitor;
GRANT SELECT (consumer, state) ON dead_letters TO pg_monitor;
GRANT SELECT (seq, at, written_at, previous_hash, hash) ON audit_entries TO pg_monitor;
GRANT SELECT (user_id, seq) ON feed TO pg_monitor;
GRANT SELECT (user_id, seq, purged_to) ON feed_heads TO pg_monitor;
GRANT SELECT (id, deleted_at) ON users TO pg_monitor;
