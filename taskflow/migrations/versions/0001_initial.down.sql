DROP TABLE dead_letters, attempts, audit_details, audit_entries, feed, feed_heads, deliveries,
    timers, commands, occurrences, series, tasks, channels, api_tokens, refresh_tokens, sessions,
    users;
DROP TEXT SEARCH CONFIGURATION taskflow;
DROP EXTENSION btree_gin;
DROP EXTENSION unaccent;
REVOKE ALL ON SCHEMA public FROM taskflow_gateway, taskflow_write_task, taskflow_expand_recurrence,
    taskflow_fire_timer, taskflow_send_reminder, taskflow_write_audit, taskflow_fan_out_update,
    taskflow_keep_dead_letter;
