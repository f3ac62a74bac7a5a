-- Buckets that we made and that hold nothing. Newer Supabases let only their storage API delete: there they stay.

DO $$
DECLARE
    bucket text;
BEGIN
    FOR bucket IN SELECT name FROM tintype.made WHERE kind = 'bucket' LOOP
        IF EXISTS (SELECT FROM storage.objects AS o WHERE o.bucket_id = bucket) THEN
            RAISE WARNING 'bucket % stays: it holds objects', bucket;
            CONTINUE;
        END IF;
        BEGIN
            DELETE FROM storage.buckets WHERE id = bucket;
        EXCEPTION WHEN insufficient_privilege OR foreign_key_violation OR raise_exception THEN
            RAISE WARNING 'bucket % stays: remove it in the dashboard if you do not want it', bucket;
        END;
    END LOOP;
    DELETE FROM tintype.made WHERE kind = 'bucket';
END
$$;
