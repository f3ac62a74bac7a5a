-- Everything lies in the schema that the search path names first. Its owner is who we connect as: row-level security
-- does not bind the owner, and binds everybody else.

CREATE TABLE buckets (
    id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    owner_id text,
    public boolean NOT NULL DEFAULT false,
    file_size_limit bigint,
    allowed_mime_types text[],
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE objects (
    id uuid PRIMARY KEY,
    bucket_id text COLLATE "C" NOT NULL REFERENCES buckets (id),
    name text COLLATE "C" NOT NULL,
    -- The folder with its slash, empty at the top.
    parent text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(substring(name FROM '^.*/'), '')) STORED,
    owner_id text,
    version uuid NOT NULL,
    metadata jsonb NOT NULL,
    user_metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_accessed_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX objects_by_name ON objects (bucket_id, name);
-- Listings: the folders below a folder, and the objects in it, by each column.
CREATE INDEX objects_by_parent ON objects (bucket_id, parent, name);
CREATE INDEX objects_by_creation ON objects (bucket_id, parent, created_at, name);
CREATE INDEX objects_by_update ON objects (bucket_id, parent, updated_at, name);
-- Which bytes still have a row.
CREATE INDEX objects_by_version ON objects (bucket_id, version);

-- The bucket may be gone before its bytes are: nothing refers to it.
CREATE TABLE stale_blobs (
    bucket_id text NOT NULL,
    version uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (bucket_id, version)
);

CREATE INDEX stale_blobs_by_time ON stale_blobs (since);

CREATE TABLE outbox (
    ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('created', 'updated', 'deleted')),
    bucket_id text NOT NULL,
    name text NOT NULL,
    version uuid NOT NULL,
    size bigint NOT NULL,
    mime_type text NOT NULL,
    owner_id text,
    at timestamptz NOT NULL
);

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    bucket_id text NOT NULL,
    name text NOT NULL,
    claims jsonb NOT NULL,
    length bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    mime_type text NOT NULL,
    cache_control text NOT NULL,
    user_metadata jsonb,
    upsert boolean NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- The rules of the configuration, written anew at every start.
CREATE TABLE rules (
    -- Null: of every bucket that is not in `ruled_buckets`.
    bucket_id text,
    -- `*`: of every role.
    role text NOT NULL,
    operations text[] NOT NULL,
    -- What names begin with; `{sub}` is the caller's subject.
    prefix text NOT NULL
);

-- Those that have rules of their own, or none at all.
CREATE TABLE ruled_buckets (
    bucket_id text PRIMARY KEY
);

-- Who asks, for policies: the token's `sub`.
CREATE FUNCTION subject() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('request.jwt.claim.sub', true), '');

-- The folders that a name lies in, for policies.
CREATE FUNCTION foldername(name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_array(string_to_array(name, '/'), 1);

-- A rule's prefix for the caller; null: for nobody. A subject with a slash in it would reach into folders of others.
CREATE FUNCTION own_prefix(prefix text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN strpos(prefix, '{sub}') = 0 THEN prefix
    WHEN strpos(subject(), '/') = 0 THEN replace(prefix, '{sub}', subject())
END;

-- What the current role may do this to, in buckets with rules of their own: `bucket/prefix`.
CREATE FUNCTION ruled_reach(operation text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(array_agg(r.bucket_id || '/' || own_prefix(r.prefix)), '{}') FROM rules AS r
    WHERE r.bucket_id IS NOT NULL AND r.role IN ('*', current_user) AND operation = ANY (r.operations)
        AND own_prefix(r.prefix) IS NOT NULL
);

-- The same in all other buckets: `prefix`.
CREATE FUNCTION common_reach(operation text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(array_agg(own_prefix(r.prefix)), '{}') FROM rules AS r
    WHERE r.bucket_id IS NULL AND r.role IN ('*', current_user) AND operation = ANY (r.operations)
        AND own_prefix(r.prefix) IS NOT NULL
);

CREATE FUNCTION buckets_with_rules() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(bucket_id), '{}') FROM ruled_buckets);

-- Whether the name is within reach; `name` is empty where the bucket is meant.
CREATE FUNCTION within_reach(bucket_id text, name text, ruled text[], buckets text[], common text[])
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN bucket_id = ANY (buckets) THEN (bucket_id || '/' || name) ^@ ANY (ruled)
    ELSE name ^@ ANY (common)
END;

-- Whether the rules of the configuration let the current role do this: for policies of the operator's own. `operation`
-- is one of select, insert, update, delete, buckets; `name` is null where the bucket is meant.
CREATE FUNCTION allowed(operation text, bucket_id text, name text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN within_reach(
    bucket_id, coalesce(name, ''), ruled_reach(operation), buckets_with_rules(), common_reach(operation)
);

ALTER TABLE buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE objects ENABLE ROW LEVEL SECURITY;

-- They say what `allowed` says, and ask for the rules once a statement instead of once a row. They may be replaced: what
-- is asked of the tables is asked as the caller, whatever the policies are.
CREATE POLICY "tintype: see" ON objects FOR SELECT USING (within_reach(bucket_id, name,
    (SELECT ruled_reach('select')), (SELECT buckets_with_rules()), (SELECT common_reach('select'))));
CREATE POLICY "tintype: add" ON objects FOR INSERT WITH CHECK (within_reach(bucket_id, name,
    (SELECT ruled_reach('insert')), (SELECT buckets_with_rules()), (SELECT common_reach('insert'))));
CREATE POLICY "tintype: replace" ON objects FOR UPDATE USING (within_reach(bucket_id, name,
    (SELECT ruled_reach('update')), (SELECT buckets_with_rules()), (SELECT common_reach('update'))));
CREATE POLICY "tintype: remove" ON objects FOR DELETE USING (within_reach(bucket_id, name,
    (SELECT ruled_reach('delete')), (SELECT buckets_with_rules()), (SELECT common_reach('delete'))));
CREATE POLICY "tintype: manage" ON buckets USING (within_reach(id, '',
    (SELECT ruled_reach('buckets')), (SELECT buckets_with_rules()), (SELECT common_reach('buckets'))));

-- Makes the role where it is missing, and lets it ask.
CREATE FUNCTION admit_role(role_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    we pg_roles%ROWTYPE;
    bypass text := '';
BEGIN
    SELECT * INTO we FROM pg_roles WHERE rolname = current_user;
    IF role_name = 'service_role' AND (we.rolsuper OR we.rolbypassrls) THEN
        bypass := ' BYPASSRLS';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name) || bypass;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            -- Roles are the whole server's: another database was faster.
            NULL;
        END;
    END IF;
    IF NOT we.rolsuper THEN
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
            RAISE NOTICE 'cannot become role %: an administrator must grant it', role_name;
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON buckets, objects TO %I', role_name);
    EXECUTE format('GRANT SELECT ON rules, ruled_buckets TO %I', role_name);
END
$$;
REVOKE ALL ON FUNCTION admit_role(text) FROM PUBLIC;

SELECT admit_role('anon'), admit_role('authenticated'), admit_role('service_role');

-- Where the role could not be made one that bypasses policies.
CREATE POLICY "tintype: service" ON buckets TO service_role USING (true) WITH CHECK (true);
CREATE POLICY "tintype: service" ON objects TO service_role USING (true) WITH CHECK (true);
