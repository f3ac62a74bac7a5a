-- Functions that stood in the place of ours come back, with who might call them.

DO $$
DECLARE
    ours record;
BEGIN
    FOR ours IN SELECT name, before FROM tintype.made WHERE kind = 'function' LOOP
        IF ours.before IS NULL THEN
            EXECUTE format('DROP FUNCTION IF EXISTS %s', ours.name);
        ELSE
            BEGIN
                EXECUTE format('DROP FUNCTION IF EXISTS %s', ours.name);
            EXCEPTION WHEN dependent_objects_still_exist THEN
                -- It was replaced where it is, and is so again.
                NULL;
            END;
            EXECUTE ours.before;
        END IF;
    END LOOP;
    DELETE FROM tintype.made WHERE kind = 'function';
END
$$;

DROP FUNCTION IF EXISTS tintype.avatar_url_kind(text);
DROP TABLE IF EXISTS tintype.avatar_origins;

NOTIFY pgrst, 'reload schema';
