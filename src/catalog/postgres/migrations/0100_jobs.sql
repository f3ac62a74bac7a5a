-- Times are microseconds since the epoch; money is millionths of a US dollar; JSON is text.

CREATE TABLE kinksters (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    name text,
    avatar_url text,
    avatar_prompt text,
    avatar_generation_config text,
    is_active boolean NOT NULL DEFAULT true,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE INDEX kinksters_by_user ON kinksters (user_id, created_at, id);

CREATE TABLE jobs (
    -- Version 7: in the order in which they came.
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    kinkster_id uuid,
    idempotency_key text,
    -- What was asked, so that another request under the same key is told from a repetition.
    fingerprint text NOT NULL,
    request text NOT NULL,
    priority bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'error', 'cancelled')),
    step text NOT NULL CHECK (step IN ('generating', 'downloading', 'uploading')),
    -- Counts what was told of this job.
    seq bigint NOT NULL,
    attempts bigint NOT NULL,
    -- Since when quotas count it.
    admitted_at bigint NOT NULL,
    due_at bigint NOT NULL,
    deadline_at bigint NOT NULL,
    worker uuid,
    lease_until bigint,
    estimate bigint NOT NULL,
    -- Requests to the provider that may have cost something, and what they have cost.
    paints bigint NOT NULL,
    spent bigint NOT NULL,
    -- Step 1: the provider's answer is stored.
    config text,
    provider_url text,
    -- Step 2: the picture is in its bucket.
    storage_url text,
    storage_path text,
    mime_type text,
    size bigint,
    code text,
    error text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    finished_at bigint
);

CREATE UNIQUE INDEX jobs_by_key ON jobs (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_user ON jobs (user_id, id);
CREATE INDEX jobs_by_admission ON jobs (admitted_at, user_id);
CREATE INDEX jobs_running ON jobs (user_id) WHERE state = 'running';
CREATE INDEX jobs_under_way ON jobs (state, due_at) WHERE state IN ('queued', 'running');

-- Ours alone: asked for as the owner, after the caller was held against the row.
ALTER TABLE kinksters ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
