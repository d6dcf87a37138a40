-- Writes of the gateway that are safe to repeat, and the trace of what the audit tells. Nothing is
-- taken or renamed, and the new column may be left out, so that the code before serves meanwhile.

CREATE TABLE repeats (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    fingerprint text NOT NULL,
    created_at  timestamptz NOT NULL,
    answer      text
);
COMMENT ON TABLE repeats IS 'what the gateway wrote under an Idempotency-Key, kept for a day';
COMMENT ON COLUMN repeats.answer IS 'sealed, for it may hold a secret; null: not known yet, or lost';
CREATE INDEX repeats_by_time ON repeats (created_at);
CREATE INDEX repeats_by_user ON repeats (user_id);

-- It may be there already: see the way back.
ALTER TABLE audit_entries ADD COLUMN IF NOT EXISTS trace_id text;
COMMENT ON COLUMN audit_entries.trace_id IS 'W3C trace id; the hash covers it where there is one';

GRANT SELECT, INSERT, UPDATE, DELETE ON repeats TO taskflow_gateway;
