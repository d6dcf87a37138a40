REVOKE SELECT (due_at) ON timers FROM pg_monitor;
REVOKE SELECT (sent_at, late_by_seconds) ON deliveries FROM pg_monitor;
REVOKE SELECT (consumer, state) ON dead_letters FROM pg_monitor;
REVOKE SELECT (seq, at, written_at, previous_hash, hash) ON audit_entries FROM pg_monitor;
REVOKE SELECT (user_id, seq) ON feed FROM pg_monitor;
REVOKE SELECT (user_id, seq, purged_to) ON feed_heads FROM pg_monitor;
REVOKE SELECT (id, deleted_at) ON users FROM pg_monitor;
DROP INDEX deliveries_by_sending;
ALTER TABLE audit_entries DROP COLUMN written_at;
