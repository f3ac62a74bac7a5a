-- What a listing need not look at: names that the policies would hide one by one. Only where the policies are ours still.

-- The text of every policy that has a say in what is seen of objects.
CREATE FUNCTION policies_of_sight() RETURNS text LANGUAGE sql STABLE
RETURN (
    SELECT md5(string_agg(concat_ws(' ', polname, polcmd, polpermissive, polroles::regrole[]::text,
        pg_get_expr(polqual, polrelid)), E'\n' ORDER BY polname))
    FROM pg_policy WHERE polrelid = 'objects'::regclass AND polcmd IN ('r', '*')
);

CREATE TABLE own_policies (sight text NOT NULL);
INSERT INTO own_policies SELECT policies_of_sight();

-- The prefixes that the current role sees in a bucket; null: nobody knows, so everything has to be asked.
CREATE FUNCTION listing_reach(bucket_id text) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE
    WHEN current_user = 'service_role' OR policies_of_sight() IS DISTINCT FROM (SELECT sight FROM own_policies) THEN NULL
    WHEN bucket_id = ANY (buckets_with_rules()) THEN (
        SELECT coalesce(array_agg(substr(reach, length(bucket_id) + 2)), '{}')
        FROM unnest(ruled_reach('select')) AS reach WHERE reach ^@ (bucket_id || '/')
    )
    ELSE common_reach('select')
END;

-- Roles that our rules name besides these are let in by `admit_role`.
GRANT SELECT ON own_policies TO PUBLIC;
