-- What retention has removed, and the log of it. Times are microseconds since the epoch; JSON is text.

-- Rows of `objects` that a run removed. Their bytes stay until `restorable_until`.
CREATE TABLE removed_objects (
    bucket_id text NOT NULL,
    version uuid NOT NULL,
    run uuid NOT NULL,
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    owner_id text,
    size bigint NOT NULL,
    etag text NOT NULL,
    mime_type text NOT NULL,
    cache_control text NOT NULL,
    user_metadata text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    last_accessed_at bigint NOT NULL,
    removed_at bigint NOT NULL,
    restorable_until bigint NOT NULL,
    -- Brought back by hand: no rule removes this version again.
    restored_at bigint,
    PRIMARY KEY (bucket_id, version)
);

CREATE INDEX removed_objects_by_run ON removed_objects (run, name);
CREATE INDEX removed_objects_by_end ON removed_objects (restorable_until) WHERE restored_at IS NULL;

CREATE TABLE cleanup_runs (
    -- Version 7: in the order in which they began.
    id uuid PRIMARY KEY,
    actor text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'ended', 'failed')),
    started_at bigint NOT NULL,
    ended_at bigint,
    listed bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    restored bigint NOT NULL DEFAULT 0
);

-- Whose turn it is, in one row.
CREATE TABLE cleanup_turn (
    one bigint PRIMARY KEY CHECK (one = 1),
    run uuid,
    lease_until bigint NOT NULL,
    -- When the next run of the schedule begins; 0: not known yet.
    due_at bigint NOT NULL
);

INSERT INTO cleanup_turn (one, lease_until, due_at) VALUES (1, 0, 0);

-- The rules that have had their dry run.
CREATE TABLE cleanup_rules (
    bucket_id text PRIMARY KEY,
    rule text NOT NULL,
    run uuid NOT NULL
);

CREATE TABLE audit (
    ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL CHECK (action IN ('listed', 'removed', 'restored', 'refused', 'expired')),
    run uuid,
    bucket_id text,
    name text,
    version uuid,
    size bigint,
    reason text NOT NULL
);

CREATE INDEX audit_by_run ON audit (run, ordinal);
CREATE INDEX audit_by_time ON audit (at);

-- Ours alone: asked for as the owner.
ALTER TABLE removed_objects ENABLE ROW LEVEL SECURITY;
ALTER TABLE cleanup_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE cleanup_turn ENABLE ROW LEVEL SECURITY;
ALTER TABLE cleanup_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
