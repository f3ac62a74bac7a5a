-- Row-level security stays on: without it everybody could do everything.

DROP POLICY IF EXISTS "tintype: everyone reads avatars" ON storage.objects;
DROP POLICY IF EXISTS "tintype: own folder" ON storage.objects;
DROP POLICY IF EXISTS "tintype: nobody else's folder" ON storage.objects;
DROP POLICY IF EXISTS "tintype: service" ON storage.objects;
DROP FUNCTION IF EXISTS tintype.reads_one_object();
