DELETE FROM timers WHERE topic = 'retention';
REVOKE DELETE ON commands, feed, feed_heads, deliveries, delivery_attempts, reminder_answers,
    attempts, dead_letters, refresh_tokens, sessions, repeats, users, tasks, series, occurrences
    FROM taskflow_fire_timer;
REVOKE SELECT (id, deleted_at) ON users FROM taskflow_fire_timer;
REVOKE SELECT (id, user_id) ON tasks, series FROM taskflow_fire_timer;
REVOKE SELECT (series_id, recurrence_id) ON occurrences FROM taskflow_fire_timer;
REVOKE SELECT (id, created_at) ON commands FROM taskflow_fire_timer;
REVOKE SELECT (user_id, seq, at, task_id, version) ON feed FROM taskflow_fire_timer;
REVOKE SELECT, UPDATE (purged_to) ON feed_heads FROM taskflow_fire_timer;
REVOKE SELECT (id, user_id, due_at, state, leased_until) ON deliveries FROM taskflow_fire_timer;
REVOKE SELECT (delivery_id) ON delivery_attempts, reminder_answers FROM taskflow_fire_timer;
REVOKE SELECT (id, state, settled_at) ON dead_letters FROM taskflow_fire_timer;
REVOKE SELECT (hash, session_id) ON refresh_tokens FROM taskflow_fire_timer;
REVOKE SELECT (id, expires_at, revoked_at) ON sessions FROM taskflow_fire_timer;
REVOKE SELECT (id, created_at) ON repeats FROM taskflow_fire_timer;
DROP INDEX deliveries_by_due;
CREATE INDEX commands_by_time ON commands USING brin (created_at);
DROP INDEX commands_by_creation;
