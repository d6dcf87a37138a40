-- Every table of TaskFlow. Who may do what stands at the end; DESIGN: one role per function.

CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE TEXT SEARCH CONFIGURATION taskflow (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION taskflow
    ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
    WITH unaccent, english_stem;

-- accounts: written by the gateway alone -------------------------------------------------------

CREATE TABLE users (
    id             uuid PRIMARY KEY,
    email          text NOT NULL,
    email_key      text NOT NULL UNIQUE,
    name           text NOT NULL DEFAULT '',
    timezone       text NOT NULL DEFAULT 'UTC',
    password_hash  text,
    roles          text[] NOT NULL DEFAULT '{user}',
    email_verified boolean NOT NULL DEFAULT false,
    oidc_subject   text UNIQUE,
    created_at     timestamptz NOT NULL,
    deleted_at     timestamptz
);

CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    scopes       text[] NOT NULL,
    hash         bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE channels (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind         text NOT NULL,
    address      text NOT NULL,
    secret       text,
    confirmed_at timestamptz,
    created_at   timestamptz NOT NULL,
    UNIQUE (user_id, kind, address)
);

-- tasks: written by write_task alone -----------------------------------------------------------

CREATE TABLE tasks (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    stream        uuid NOT NULL,
    title         text NOT NULL,
    notes         text NOT NULL,
    status        text NOT NULL,
    priority      text NOT NULL,
    tags          text[] NOT NULL,
    tag_keys      text[] NOT NULL,
    due_at        timestamptz,
    due_on        date,
    due_local     timestamp,
    due_sort      timestamptz,
    timezone      text,
    recurrence    jsonb,
    reminders     jsonb NOT NULL,
    series_id     uuid,
    recurrence_id text,
    version       integer NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    created_by    uuid NOT NULL,
    deleted_at    timestamptz,
    search        tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('taskflow', title), 'A')
        || setweight(to_tsvector('taskflow', notes), 'B')
    ) STORED
);
COMMENT ON COLUMN tasks.due_local IS 'wall-clock due time: the truth when a zone''s rules change';
CREATE INDEX tasks_by_creation ON tasks (user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_due ON tasks (user_id, status, due_sort, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_series ON tasks (series_id) WHERE series_id IS NOT NULL;
CREATE INDEX tasks_by_content ON tasks USING gin (user_id, search, tag_keys) WHERE deleted_at IS NULL;

CREATE TABLE series (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    stream     uuid NOT NULL,
    version    integer NOT NULL,
    recurrence jsonb NOT NULL,
    anchor     text NOT NULL,
    timezone   text,
    template   jsonb NOT NULL,
    used       integer NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX series_by_user ON series (user_id);

CREATE TABLE occurrences (
    series_id     uuid NOT NULL,
    recurrence_id text NOT NULL,
    task_id       uuid NOT NULL,
    ended_how     text,
    ended_at      timestamptz,
    PRIMARY KEY (series_id, recurrence_id)
);

CREATE TABLE commands (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    fingerprint text NOT NULL,
    batch_id    uuid,
    parts       integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    outcome     text,
    events      text
);
COMMENT ON TABLE commands IS 'what each command came to, and the events it emitted, to emit again';
CREATE INDEX commands_by_batch ON commands (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX commands_by_time ON commands USING brin (created_at);

-- time ------------------------------------------------------------------------------------------

CREATE TABLE timers (
    id           uuid PRIMARY KEY,
    due_at       timestamptz NOT NULL,
    topic        text NOT NULL,
    user_id      uuid NOT NULL,
    event        text NOT NULL,
    leased_until timestamptz,
    lease        uuid
);
COMMENT ON TABLE timers IS 'publish this event at that instant';
CREATE INDEX timers_by_due ON timers (due_at);
CREATE INDEX timers_by_user ON timers (user_id);

CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    reminder_id     uuid NOT NULL,
    task_id         uuid NOT NULL,
    user_id         uuid NOT NULL,
    channel_id      uuid NOT NULL,
    channel         text NOT NULL,
    due_at          timestamptz NOT NULL,
    state           text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    sent_at         timestamptz,
    late_by_seconds integer,
    reason          text,
    receipt         text,
    leased_until    timestamptz,
    lease           uuid
);
CREATE INDEX deliveries_by_user ON deliveries (user_id, due_at DESC, id DESC);
CREATE INDEX deliveries_by_reminder ON deliveries (reminder_id, due_at);

-- live updates ----------------------------------------------------------------------------------

CREATE TABLE feed_heads (
    user_id   uuid PRIMARY KEY,
    seq       bigint NOT NULL,
    purged_to bigint NOT NULL DEFAULT 0
);

CREATE TABLE feed (
    user_id uuid NOT NULL,
    seq     bigint NOT NULL,
    at      timestamptz NOT NULL,
    task_id uuid NOT NULL,
    version integer NOT NULL,
    type    text NOT NULL,
    task    text,
    PRIMARY KEY (user_id, seq)
);
CREATE UNIQUE INDEX feed_by_task ON feed (user_id, task_id, version);

-- trust -----------------------------------------------------------------------------------------

CREATE TABLE audit_entries (
    seq           bigint PRIMARY KEY,
    at            timestamptz NOT NULL,
    event_id      text NOT NULL UNIQUE,
    user_id       uuid NOT NULL,
    actor_id      uuid NOT NULL,
    action        text NOT NULL,
    task_id       uuid,
    cause_id      text NOT NULL,
    before_digest text NOT NULL,
    after_digest  text NOT NULL,
    previous_hash text NOT NULL,
    hash          text NOT NULL
);
CREATE INDEX audit_entries_by_user ON audit_entries (user_id, seq);
CREATE INDEX audit_entries_by_task ON audit_entries (task_id, seq) WHERE task_id IS NOT NULL;

CREATE TABLE audit_details (
    seq    bigint PRIMARY KEY,
    salt   text NOT NULL,
    before text,
    after  text
);
COMMENT ON TABLE audit_details IS 'the texts: may be erased without breaking the chain';

CREATE TABLE attempts (
    consumer   text NOT NULL,
    event_key  text NOT NULL,
    count      integer NOT NULL,
    reason     text NOT NULL,
    trace      text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, event_key)
);

CREATE TABLE dead_letters (
    id            uuid PRIMARY KEY,
    consumer      text NOT NULL,
    record_topic  text NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    record_key    text,
    value         bytea NOT NULL,
    event_id      text,
    event_type    text,
    reason        text NOT NULL,
    attempts      integer NOT NULL,
    trace         text NOT NULL,
    state         text NOT NULL DEFAULT 'kept',
    kept_at       timestamptz NOT NULL,
    settled_at    timestamptz,
    settled_by    uuid,
    UNIQUE (consumer, record_topic, partition, record_offset)
);
CREATE INDEX dead_letters_by_time ON dead_letters (kept_at DESC, id DESC);
CREATE INDEX dead_letters_by_event ON dead_letters (event_id);

-- roles: each function and the gateway has just the rights it needs -----------------------------

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['gateway', 'write_task', 'expand_recurrence', 'fire_timer',
        'send_reminder', 'write_audit', 'fan_out_update', 'keep_dead_letter'] LOOP
        role := 'taskflow_' || role;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', role);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON attempts TO %I', role);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE
    ON users, sessions, refresh_tokens, api_tokens, channels TO taskflow_gateway;
GRANT SELECT ON tasks, series, occurrences, commands, deliveries, feed, feed_heads, audit_entries,
    audit_details TO taskflow_gateway;
GRANT SELECT, INSERT, DELETE ON timers TO taskflow_gateway;
GRANT INSERT ON deliveries TO taskflow_gateway;
GRANT SELECT, UPDATE ON dead_letters TO taskflow_gateway;

GRANT SELECT (id, timezone, deleted_at) ON users TO taskflow_write_task;
GRANT SELECT, INSERT, UPDATE ON tasks, series, occurrences, commands TO taskflow_write_task;
GRANT SELECT, INSERT, UPDATE, DELETE ON timers TO taskflow_write_task;

GRANT SELECT, UPDATE, DELETE ON timers TO taskflow_fire_timer;

GRANT SELECT (id, email, name, timezone, deleted_at) ON users TO taskflow_send_reminder;
GRANT SELECT ON tasks, channels TO taskflow_send_reminder;
GRANT SELECT, INSERT, UPDATE ON deliveries TO taskflow_send_reminder;
GRANT SELECT, INSERT, DELETE ON timers TO taskflow_send_reminder;

GRANT SELECT, INSERT ON audit_entries, audit_details TO taskflow_write_audit;

GRANT SELECT, INSERT, UPDATE ON feed_heads TO taskflow_fan_out_update;
GRANT SELECT, INSERT ON feed TO taskflow_fan_out_update;

GRANT SELECT, INSERT ON dead_letters TO taskflow_keep_dead_letter;
GRANT SELECT ON commands TO taskflow_keep_dead_letter;
