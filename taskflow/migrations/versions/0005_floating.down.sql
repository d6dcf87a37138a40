DROP TABLE time_zones;
ALTER TABLE series DROP COLUMN lead, DROP COLUMN floating;
DROP INDEX tasks_by_zone;
ALTER TABLE tasks DROP COLUMN start_local, DROP COLUMN start_on, DROP COLUMN start_at,
    DROP COLUMN floating;
