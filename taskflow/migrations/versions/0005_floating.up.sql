-- Tasks that float with their person's zone, tasks that start, and the time zones as last seen.
-- Every new column may be left out, also by INSERT ... SELECT *, so that the code before serves
-- meanwhile.

ALTER TABLE tasks
    ADD COLUMN floating boolean,
    ADD COLUMN start_at timestamptz,
    ADD COLUMN start_on date,
    ADD COLUMN start_local timestamp;
COMMENT ON COLUMN tasks.floating IS 'true: its wall-clock times follow the person''s zone';
COMMENT ON COLUMN tasks.start_local IS 'wall-clock start: the truth when a zone''s rules change';
CREATE INDEX tasks_by_zone ON tasks (user_id, id)
    WHERE status = 'open' AND deleted_at IS NULL AND (floating OR due_on IS NOT NULL OR start_on IS NOT NULL);

ALTER TABLE series
    ADD COLUMN floating boolean,
    ADD COLUMN lead text;
COMMENT ON COLUMN series.lead IS 'how long before it is due an occurrence starts, on the wall';

CREATE TABLE time_zones (
    name   text PRIMARY KEY,
    digest text NOT NULL
);
COMMENT ON TABLE time_zones IS 'the rules of each zone by which instants were last worked out';
