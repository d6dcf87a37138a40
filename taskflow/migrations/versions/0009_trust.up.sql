-- The clock may empty texts of the audit, and nothing of people on hold. Nothing is taken or
-- renamed, so that the code before serves meanwhile; it knows no holds, and none is placed by it.

CREATE TABLE audit_holds (
    user_id   uuid PRIMARY KEY REFERENCES users,
    email     text NOT NULL,
    reason    text NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_by uuid,
    lifted_at timestamptz
);
COMMENT ON TABLE audit_holds IS 'people of whom nothing may go; the row of such an account cannot';
COMMENT ON COLUMN audit_holds.email IS 'as it was then: an account that is deleted has none';
COMMENT ON COLUMN audit_holds.placed_by IS 'null: by the host';
COMMENT ON COLUMN audit_holds.lifted_at IS 'it holds until the next night''s retention begins';
GRANT SELECT, INSERT, UPDATE ON audit_holds TO taskflow_gateway;
GRANT SELECT (user_id, lifted_at), DELETE ON audit_holds TO taskflow_fire_timer;

-- Whoever may update a text may make it empty, whole, and nothing else.
ALTER TABLE audit_details ENABLE ROW LEVEL SECURITY;
CREATE POLICY read_texts ON audit_details FOR SELECT USING (true);
CREATE POLICY write_texts ON audit_details FOR INSERT TO taskflow_write_audit WITH CHECK (true);
CREATE POLICY erase_texts ON audit_details FOR UPDATE TO taskflow_fire_timer
    USING (true) WITH CHECK (salt = '' AND before IS NULL AND after IS NULL);
GRANT SELECT (seq, salt), UPDATE (salt, before, after) ON audit_details TO taskflow_fire_timer;
GRANT SELECT (seq, at, user_id, action) ON audit_entries TO taskflow_fire_timer;
CREATE INDEX audit_details_kept ON audit_details (seq) WHERE salt <> '';

-- Whose rows they are.
GRANT SELECT (user_id) ON commands, sessions, repeats TO taskflow_fire_timer;
GRANT SELECT (value) ON dead_letters TO taskflow_fire_timer;
