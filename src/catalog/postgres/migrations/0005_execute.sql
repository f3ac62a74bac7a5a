-- Whoever is let in may call what the policies and the listings call: a database may have taken that from new functions.

ALTER FUNCTION admit_role(text) RENAME TO admit_to_tables;

CREATE FUNCTION admit_role(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM admit_to_tables(role_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION subject(), foldername(text), own_prefix(text), ruled_reach(text), '
        'common_reach(text), buckets_with_rules(), within_reach(text, text, text[], text[], text[]), '
        'allowed(text, text, text), policies_of_sight(), listing_reach(text) TO %I', role_name);
END
$$;
REVOKE ALL ON FUNCTION admit_role(text) FROM PUBLIC;

-- The rules name all others at every start.
SELECT admit_role('anon'), admit_role('authenticated'), admit_role('service_role');
