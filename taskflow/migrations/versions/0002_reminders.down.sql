REVOKE DELETE ON deliveries FROM taskflow_send_reminder;
REVOKE UPDATE (failing_since, disabled_at, disabled_reason) ON channels FROM taskflow_send_reminder;
DROP TABLE reminder_answers, delivery_attempts;
ALTER TABLE deliveries DROP COLUMN next_at, DROP COLUMN remind_at;
ALTER TABLE channels DROP COLUMN disabled_reason, DROP COLUMN disabled_at,
    DROP COLUMN failing_since, DROP COLUMN old_secret_until, DROP COLUMN old_secret;
ALTER TABLE users DROP COLUMN reminder_choices;
