-- Names, types and order of the columns are those of Dapr's configuration.postgresql.
CREATE TABLE runtime_settings (
    key      text PRIMARY KEY,
    value    text NOT NULL,
    version  text NOT NULL DEFAULT '1',
    metadata json NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE runtime_settings IS
    'what an operator changes while everything runs: TASKFLOW_CHANNELS_OFF, TASKFLOW_RATE_LIMIT';

-- The sidecars of the gateway and of send_reminder log in as this one, to read and no more.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskflow_configuration') THEN
        CREATE ROLE taskflow_configuration NOLOGIN;
    END IF;
    GRANT taskflow_configuration TO CURRENT_USER;
    GRANT USAGE ON SCHEMA public TO taskflow_configuration;
    GRANT SELECT ON runtime_settings TO taskflow_configuration;
END $$;
