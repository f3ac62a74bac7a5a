-- What retention has removed, and the log of it. Times are microseconds since the epoch; uuids are 16 bytes; JSON is text.

-- Rows of `objects` that a run removed. Their bytes stay until `restorable_until`.
CREATE TABLE removed_objects (
    bucket_id TEXT NOT NULL,
    version BLOB NOT NULL,
    run BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    owner_id TEXT,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    cache_control TEXT NOT NULL,
    user_metadata TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_accessed_at INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    restorable_until INTEGER NOT NULL,
    -- Brought back by hand: no rule removes this version again.
    restored_at INTEGER,
    PRIMARY KEY (bucket_id, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX removed_objects_by_run ON removed_objects (run, name);
CREATE INDEX removed_objects_by_end ON removed_objects (restorable_until) WHERE restored_at IS NULL;

CREATE TABLE cleanup_runs (
    -- Version 7: in the order in which they began.
    id BLOB PRIMARY KEY NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'ended', 'failed')),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    listed INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    restored INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Whose turn it is, in one row.
CREATE TABLE cleanup_turn (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    run BLOB,
    lease_until INTEGER NOT NULL,
    -- When the next run of the schedule begins; 0: not known yet.
    due_at INTEGER NOT NULL
) STRICT;

INSERT INTO cleanup_turn (one, lease_until, due_at) VALUES (1, 0, 0);

-- The rules that have had their dry run.
CREATE TABLE cleanup_rules (
    bucket_id TEXT PRIMARY KEY NOT NULL,
    rule TEXT NOT NULL,
    run BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('listed', 'removed', 'restored', 'refused', 'expired')),
    run BLOB,
    bucket_id TEXT,
    name TEXT,
    version BLOB,
    size INTEGER,
    reason TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_run ON audit (run, ordinal);
CREATE INDEX audit_by_time ON audit (at);
