DROP TABLE runtime_settings;
REVOKE ALL ON SCHEMA public FROM taskflow_configuration;
