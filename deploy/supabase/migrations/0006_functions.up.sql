-- The four functions of the app. They take the place of functions with the same names, whose texts are kept for the way
-- back.

-- Where avatars are shown from. `stored`: servers of ours and the Supabase's, added by `tintype migrate` from its
-- configuration; `temporary`: where OpenAI leaves what it has painted for an hour or two.
CREATE TABLE IF NOT EXISTS tintype.avatar_origins (
    -- Scheme, host and port in lower case, without the scheme's own port.
    origin text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('stored', 'temporary'))
);
ALTER TABLE tintype.avatar_origins ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS "tintype: read" ON tintype.avatar_origins;
CREATE POLICY "tintype: read" ON tintype.avatar_origins FOR SELECT USING (true);
GRANT SELECT ON tintype.avatar_origins TO anon, authenticated, service_role;

INSERT INTO tintype.avatar_origins (origin, kind) VALUES
    ('https://oaidalleapiprodscus.blob.core.windows.net', 'temporary'),
    ('https://dalleproduse.blob.core.windows.net', 'temporary'),
    ('https://dalleprodsec.blob.core.windows.net', 'temporary')
ON CONFLICT DO NOTHING;

-- What kind of avatar a URL shows; null: none of ours. Taken apart, and strict: what two readers could take for different
-- URLs is none. The server reads URLs by the same rules.
CREATE OR REPLACE FUNCTION tintype.avatar_url_kind(p_url text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    parts text[];
    asked text;
    path text;
    known text;
BEGIN
    IF length(p_url) > 2048 OR p_url !~ '^[!-~]+$' OR p_url ~ '["<>\\^`{|}#]' THEN
        RETURN NULL;
    END IF;
    parts := regexp_match(p_url, '^([a-zA-Z]+)://([a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]+)?(/[^?]*)(\?.*)?$');
    asked := lower(parts[1] || '://' || parts[2] || coalesce(parts[3], ''));
    asked := regexp_replace(regexp_replace(asked, '^(https://.*):443$', '\1'), '^(http://.*):80$', '\1');
    path := parts[4];
    -- Every percent sign begins a byte, and none of them a slash, a backslash, a dot or a control character.
    IF path IS NULL OR path ~ '%(?![0-9a-fA-F]{2})' OR path ~* '%(2f|5c|2e|[01][0-9a-f]|7f)' THEN
        RETURN NULL;
    END IF;
    IF path ~ '//|/\.{1,2}(/|$)' THEN
        RETURN NULL;
    END IF;
    SELECT o.kind INTO known FROM tintype.avatar_origins AS o WHERE o.origin = asked;
    IF asked ~ '^https://[a-z0-9-]+\.supabase\.co$' THEN
        known := 'stored';
    END IF;
    IF known = 'stored' AND path !~ '^/storage/v1/(object|render/image)/public/kinkster-avatars/.*[^/]$' THEN
        RETURN NULL;
    END IF;
    IF known = 'temporary' AND path = '/' THEN
        RETURN NULL;
    END IF;
    RETURN known;
END
$$;
GRANT EXECUTE ON FUNCTION tintype.avatar_url_kind(text) TO anon, authenticated, service_role;

DO $$
DECLARE
    signature text;
    found regprocedure;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'public.validate_avatar_url(text)',
        'public.get_user_avatar_stats(uuid)',
        'public.get_avatar_generation_status(uuid)',
        'public.mark_temporary_avatars_for_cleanup()'
    ] LOOP
        found := to_regprocedure(signature);
        IF EXISTS (SELECT FROM tintype.made WHERE kind = 'function' AND name = signature) THEN
            CONTINUE;
        END IF;
        INSERT INTO tintype.made (kind, name, before)
        SELECT 'function', signature, pg_get_functiondef(found) || ';' || (
            SELECT format('REVOKE ALL ON FUNCTION %1$s FROM PUBLIC, anon, authenticated, service_role;', signature)
                || coalesce(string_agg(format('GRANT EXECUTE ON FUNCTION %s TO %s;', signature,
                    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END), ''), '')
            FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE p.oid = found
        );
        IF found IS NOT NULL THEN
            BEGIN
                EXECUTE format('DROP FUNCTION %s', found);
            EXCEPTION WHEN dependent_objects_still_exist THEN
                -- It can be replaced where it is if its parameters and its result have the same names and types.
                NULL;
            END;
        END IF;
    END LOOP;
END
$$;

-- Whether a URL shows an avatar: a public object of the bucket, as it is or rendered, or what OpenAI has painted. Null of
-- null: a column without an avatar violates no check.
CREATE OR REPLACE FUNCTION public.validate_avatar_url(p_url text) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = '' AS $$
    SELECT tintype.avatar_url_kind(p_url) IS NOT NULL
$$;

-- What a user's avatars take up, by the objects themselves. For oneself, and for the service.
CREATE OR REPLACE FUNCTION public.get_user_avatar_stats(p_user_id uuid) RETURNS TABLE (
    total_avatars bigint,
    total_storage_size_bytes bigint,
    oldest_avatar_created_at timestamptz,
    newest_avatar_created_at timestamptz
) LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_user_id IS DISTINCT FROM auth.uid() AND NOT tintype.is_service() THEN
        RAISE EXCEPTION 'permission denied for function get_user_avatar_stats' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY
    SELECT count(*), coalesce(sum((o.metadata ->> 'size')::bigint), 0)::bigint, min(o.created_at), max(o.created_at)
    FROM storage.objects AS o
    WHERE o.bucket_id = 'kinkster-avatars' AND o.name LIKE p_user_id::text || '/%';
END
$$;

-- How a kinkster's avatar is. For its owner, and for the service; nobody else gets a row. Runs as its owner, since jobs are
-- for nobody to see.
CREATE OR REPLACE FUNCTION public.get_avatar_generation_status(p_kinkster_id uuid) RETURNS TABLE (
    kinkster_id uuid,
    avatar_url text,
    has_storage_url boolean,
    is_temporary boolean,
    created_at timestamptz,
    updated_at timestamptz,
    job_status text,
    job_error text
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    status text;
    failure text;
BEGIN
    -- A server that keeps its jobs elsewhere has no such table here.
    IF has_table_privilege(to_regclass('tintype.jobs'), 'SELECT') THEN
        SELECT CASE j.state WHEN 'completed' THEN 'completed' WHEN 'error' THEN 'error' WHEN 'cancelled' THEN 'error'
            ELSE j.step END, CASE WHEN j.state IN ('error', 'cancelled') THEN j.error END
        INTO status, failure
        FROM tintype.jobs AS j JOIN public.kinksters AS k ON k.id = j.kinkster_id AND k.user_id::text = j.user_id
        -- An id may have had another owner, whose jobs are not this one's to know of.
        WHERE j.kinkster_id = p_kinkster_id ORDER BY j.id DESC LIMIT 1;
    END IF;
    RETURN QUERY
    SELECT k.id, k.avatar_url, coalesce(tintype.avatar_url_kind(k.avatar_url) = 'stored', false),
        coalesce(tintype.avatar_url_kind(k.avatar_url) = 'temporary', false), k.created_at, k.updated_at, status, failure
    FROM public.kinksters AS k
    WHERE k.id = p_kinkster_id AND (k.user_id = auth.uid() OR tintype.is_service());
END
$$;

-- Kinksters whose picture will be gone. For the service alone.
CREATE OR REPLACE FUNCTION public.mark_temporary_avatars_for_cleanup() RETURNS TABLE (
    kinkster_id uuid,
    user_id uuid,
    avatar_url text,
    created_at timestamptz
) LANGUAGE plpgsql STABLE SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    IF NOT tintype.is_service() THEN
        RAISE EXCEPTION 'permission denied for function mark_temporary_avatars_for_cleanup'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY
    SELECT k.id, k.user_id, k.avatar_url, k.created_at FROM public.kinksters AS k
    WHERE tintype.avatar_url_kind(k.avatar_url) = 'temporary' ORDER BY k.created_at, k.id;
END
$$;

REVOKE ALL ON FUNCTION public.validate_avatar_url(text), public.get_user_avatar_stats(uuid),
    public.get_avatar_generation_status(uuid), public.mark_temporary_avatars_for_cleanup()
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.validate_avatar_url(text) TO anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.get_user_avatar_stats(uuid), public.get_avatar_generation_status(uuid)
    TO authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.mark_temporary_avatars_for_cleanup() TO service_role;

NOTIFY pgrst, 'reload schema';
