-- What was kept long enough goes, by the clock's hand. Nothing is taken or renamed, so that the code
-- before serves meanwhile; it would set the new timer aside, which is due in a day.

-- In place of a BRIN: once the pages of what went are used again, that finds nothing any more.
CREATE INDEX commands_by_creation ON commands (created_at);
DROP INDEX commands_by_time;
CREATE INDEX deliveries_by_due ON deliveries (due_at);

GRANT SELECT (id, created_at), DELETE ON commands TO taskflow_fire_timer;
GRANT SELECT (user_id, seq, at, task_id, version), DELETE ON feed TO taskflow_fire_timer;
GRANT SELECT, UPDATE (purged_to), DELETE ON feed_heads TO taskflow_fire_timer;
GRANT SELECT (id, user_id, due_at, state, leased_until), DELETE
    ON deliveries TO taskflow_fire_timer;
GRANT SELECT (delivery_id), DELETE ON delivery_attempts, reminder_answers TO taskflow_fire_timer;
GRANT DELETE ON attempts TO taskflow_fire_timer;
GRANT SELECT (id, state, settled_at), DELETE ON dead_letters TO taskflow_fire_timer;
GRANT SELECT (hash, session_id), DELETE ON refresh_tokens TO taskflow_fire_timer;
GRANT SELECT (id, expires_at, revoked_at), DELETE ON sessions TO taskflow_fire_timer;
GRANT SELECT (id, created_at), DELETE ON repeats TO taskflow_fire_timer;
GRANT SELECT (id, deleted_at), DELETE ON users TO taskflow_fire_timer;
GRANT SELECT (id, user_id), DELETE ON tasks, series TO taskflow_fire_timer;
GRANT SELECT (series_id, recurrence_id), DELETE ON occurrences TO taskflow_fire_timer;

INSERT INTO timers (id, due_at, topic, user_id, event)
SELECT nil, at, 'retention', nil, json_build_object(
    'specversion', '1.0', 'id', nil, 'source', '/taskflow/migrations',
    'type', 'taskflow.retention.due.v1', 'time', to_json(at), 'datacontenttype', 'application/json',
    'partitionkey', '', 'data', json_build_object())::text
FROM (SELECT uuid '00000000-0000-0000-0000-000000000000' AS nil,
    now() + interval '1 day' AS at) AS first;
