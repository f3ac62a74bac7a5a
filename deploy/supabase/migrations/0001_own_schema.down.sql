-- The schema itself stays where anything else is in it: a server keeps its jobs there.

DROP FUNCTION IF EXISTS tintype.is_service();
DROP TABLE IF EXISTS tintype.made;

DO $$
BEGIN
    DROP SCHEMA IF EXISTS tintype;
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$;
