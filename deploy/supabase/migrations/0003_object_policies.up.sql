-- Who may do what with objects of the app's buckets: everyone reads a public picture whose name they know, a signed-in
-- user has the folder of their own id, the service everything. Nobody lists somebody else's folder: its name is a user's id.

DO $$
BEGIN
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'storage.objects'::regclass) THEN
        ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
    END IF;
END
$$;

-- Whether the storage server is reading one object by its name, in the words of its older and its newer versions. Public
-- URLs do not ask: they are for everyone in a public bucket.
CREATE OR REPLACE FUNCTION tintype.reads_one_object() RETURNS boolean LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT regexp_replace(coalesce(current_setting('storage.operation', true), ''), '^storage\.', '') IN (
        'object.get_public', 'object.get_authenticated', 'object.get_authenticated_info',
        'object.head_authenticated_info', 'object.info_public', 'object.info_authenticated',
        'render.image_public', 'render.image_authenticated'
    )
$$;
GRANT EXECUTE ON FUNCTION tintype.reads_one_object() TO PUBLIC;

DROP POLICY IF EXISTS "tintype: everyone reads avatars" ON storage.objects;
CREATE POLICY "tintype: everyone reads avatars" ON storage.objects FOR SELECT TO anon, authenticated
    USING (bucket_id = 'kinkster-avatars' AND (SELECT tintype.reads_one_object()));

DROP POLICY IF EXISTS "tintype: own folder" ON storage.objects;
CREATE POLICY "tintype: own folder" ON storage.objects FOR ALL TO authenticated
    USING (bucket_id IN ('kinkster-avatars', 'task-proofs')
        AND (storage.foldername(name))[1] = (SELECT auth.uid())::text)
    WITH CHECK (bucket_id IN ('kinkster-avatars', 'task-proofs')
        AND (storage.foldername(name))[1] = (SELECT auth.uid())::text);

-- Holds whatever wider policies there are for avatars, and for every role but the service's: apps have roles of their own.
-- Proofs may be shared by policies of the app's own.
DROP POLICY IF EXISTS "tintype: nobody else's folder" ON storage.objects;
CREATE POLICY "tintype: nobody else's folder" ON storage.objects AS RESTRICTIVE FOR ALL TO PUBLIC
    USING (bucket_id <> 'kinkster-avatars' OR (SELECT tintype.is_service()) OR (SELECT tintype.reads_one_object())
        OR coalesce((storage.foldername(name))[1] = (SELECT auth.uid())::text, false))
    WITH CHECK (bucket_id <> 'kinkster-avatars' OR (SELECT tintype.is_service())
        OR coalesce((storage.foldername(name))[1] = (SELECT auth.uid())::text, false));

-- Where the role is not one that bypasses policies.
DROP POLICY IF EXISTS "tintype: service" ON storage.objects;
CREATE POLICY "tintype: service" ON storage.objects FOR ALL TO service_role
    USING (bucket_id IN ('kinkster-avatars', 'task-proofs'))
    WITH CHECK (bucket_id IN ('kinkster-avatars', 'task-proofs'));
