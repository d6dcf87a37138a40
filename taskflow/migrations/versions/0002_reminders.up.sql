-- What a person chose for their reminders, and a delivery's whole story. Nothing is taken or
-- renamed, and every new column may be left out, so that the code before serves meanwhile.

ALTER TABLE users ADD COLUMN reminder_choices jsonb NOT NULL DEFAULT '{}';

ALTER TABLE channels
    ADD COLUMN old_secret text,
    ADD COLUMN old_secret_until timestamptz,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN disabled_reason text;
COMMENT ON COLUMN channels.old_secret IS 'signs beside the new one until old_secret_until';
COMMENT ON COLUMN channels.failing_since IS 'the first failure after the last success';

ALTER TABLE deliveries
    ADD COLUMN remind_at timestamptz,
    ADD COLUMN next_at timestamptz;
COMMENT ON COLUMN deliveries.remind_at IS 'the instant of its reminder; null: the same as due_at';
COMMENT ON COLUMN deliveries.next_at IS 'when it is looked at again: held, waiting or after a failure';

CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL,
    number      integer NOT NULL,
    at          timestamptz NOT NULL,
    took_ms     integer NOT NULL,
    state       text NOT NULL,
    reason      text,
    receipt     text,
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE reminder_answers (
    delivery_id uuid NOT NULL,
    verb        text NOT NULL,
    user_id     uuid NOT NULL,
    task_id     uuid NOT NULL,
    reminder_id uuid NOT NULL,
    remind_at   timestamptz NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (delivery_id, verb)
);
COMMENT ON TABLE reminder_answers IS 'what people did with a reminder; a verb of a delivery works once';
CREATE INDEX reminder_answers_by_reminder ON reminder_answers (reminder_id, remind_at);

GRANT SELECT (reminder_choices) ON users TO taskflow_send_reminder;
GRANT UPDATE (failing_since, disabled_at, disabled_reason) ON channels TO taskflow_send_reminder;
GRANT SELECT, INSERT, DELETE ON delivery_attempts TO taskflow_send_reminder;
GRANT SELECT, DELETE ON reminder_answers TO taskflow_send_reminder;
GRANT DELETE ON deliveries TO taskflow_send_reminder;
GRANT SELECT ON delivery_attempts TO taskflow_gateway;
GRANT SELECT, INSERT ON reminder_answers TO taskflow_gateway;
