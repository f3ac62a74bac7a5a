-- Times are microseconds since the epoch; money is millionths of a US dollar; JSON is text.

CREATE TABLE kinksters (
    id BLOB PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT,
    avatar_url TEXT,
    avatar_prompt TEXT,
    avatar_generation_config TEXT,
    is_active INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX kinksters_by_user ON kinksters (user_id, created_at, id);

CREATE TABLE jobs (
    -- Version 7: in the order in which they came.
    id BLOB PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    kinkster_id BLOB,
    idempotency_key TEXT,
    -- What was asked, so that another request under the same key is told from a repetition.
    fingerprint TEXT NOT NULL,
    request TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'error', 'cancelled')),
    step TEXT NOT NULL CHECK (step IN ('generating', 'downloading', 'uploading')),
    -- Counts what was told of this job.
    seq INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- Since when quotas count it.
    admitted_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    worker BLOB,
    lease_until INTEGER,
    estimate INTEGER NOT NULL,
    -- Requests to the provider that may have cost something, and what they have cost.
    paints INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    -- Step 1: the provider's answer is stored.
    config TEXT,
    provider_url TEXT,
    -- Step 2: the picture is in its bucket.
    storage_url TEXT,
    storage_path TEXT,
    mime_type TEXT,
    size INTEGER,
    code TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE UNIQUE INDEX jobs_by_key ON jobs (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_user ON jobs (user_id, id);
CREATE INDEX jobs_by_admission ON jobs (admitted_at, user_id);
CREATE INDEX jobs_running ON jobs (user_id) WHERE state = 'running';
CREATE INDEX jobs_under_way ON jobs (state, due_at) WHERE state IN ('queued', 'running');
