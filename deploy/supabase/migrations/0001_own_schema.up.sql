-- The schema of what is ours in a Supabase's Postgres, and the notes by which the down scripts know what we made.

DO $$
DECLARE
    missing text[] := '{}';
BEGIN
    IF to_regclass('storage.buckets') IS NULL OR to_regclass('storage.objects') IS NULL THEN
        missing := missing || 'storage.objects'::text;
    END IF;
    IF to_regprocedure('storage.foldername(text)') IS NULL THEN
        missing := missing || 'storage.foldername()'::text;
    END IF;
    IF to_regprocedure('auth.uid()') IS NULL THEN
        missing := missing || 'auth.uid()'::text;
    END IF;
    IF to_regclass('realtime.messages') IS NULL OR to_regprocedure('realtime.topic()') IS NULL THEN
        missing := missing || 'realtime.messages'::text;
    END IF;
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')) < 3 THEN
        missing := missing || 'the roles anon, authenticated and service_role'::text;
    END IF;
    IF missing <> '{}' THEN
        RAISE EXCEPTION 'this is not the database of a whole Supabase: it lacks %', array_to_string(missing, ', ')
            USING ERRCODE = 'undefined_object',
            HINT = 'name the database of the Supabase project; where it runs itself, start its storage and realtime servers once';
    END IF;
    -- Asked first: IF NOT EXISTS needs the right to make schemas even where nothing is to be made.
    IF to_regnamespace('tintype') IS NULL THEN
        CREATE SCHEMA tintype;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA tintype TO anon, authenticated, service_role;

-- What was not there before us, and what stood in its place.
CREATE TABLE IF NOT EXISTS tintype.made (
    kind text NOT NULL,
    name text NOT NULL,
    before text,
    PRIMARY KEY (kind, name)
);
ALTER TABLE tintype.made ENABLE ROW LEVEL SECURITY;

-- Whether the request is the service's. Asked of the role that was set, which holds within functions of another owner
-- too; USAGE, since PostgREST connects as a role that may become every other one.
CREATE OR REPLACE FUNCTION tintype.is_service() RETURNS boolean LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT pg_has_role(coalesce(nullif(current_setting('role', true), 'none'), session_user), 'service_role', 'USAGE')
$$;

-- Said, since a database may have taken it from new functions. Policies that bind everybody ask for everybody.
GRANT EXECUTE ON FUNCTION tintype.is_service() TO PUBLIC;
