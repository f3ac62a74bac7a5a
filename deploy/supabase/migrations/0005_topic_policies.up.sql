-- Who may hear of avatars in private topics: the user of `user:{id}:avatar`, and the owner of the row in
-- `kinkster:{id}:avatar`, if the row's own policies show it to them. Only the service, which no policy binds, may send.

DO $$
BEGIN
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'realtime.messages'::regclass) THEN
        ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION tintype.is_avatar_topic(topic text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT coalesce(topic ~ '^(user|kinkster):.*:avatar$', false)
$$;

-- In steps: who may not read the table at all is not to be asked of it.
CREATE OR REPLACE FUNCTION tintype.hears_avatar_topic(topic text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF auth.uid() IS NULL THEN
        RETURN false;
    END IF;
    IF topic = 'user:' || auth.uid()::text || ':avatar' THEN
        RETURN true;
    END IF;
    IF topic ~ '^kinkster:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:avatar$' THEN
        RETURN EXISTS (
            SELECT FROM public.kinksters AS k WHERE k.id = split_part(topic, ':', 2)::uuid AND k.user_id = auth.uid()
        );
    END IF;
    RETURN false;
END
$$;
GRANT EXECUTE ON FUNCTION tintype.is_avatar_topic(text), tintype.hears_avatar_topic(text) TO PUBLIC;

DROP POLICY IF EXISTS "tintype: hear of own avatars" ON realtime.messages;
CREATE POLICY "tintype: hear of own avatars" ON realtime.messages FOR SELECT TO authenticated
    USING (extension = 'broadcast' AND (SELECT tintype.hears_avatar_topic(realtime.topic())));

-- These two hold whatever wider policies there are, for every role but the service's, and say nothing of other topics.
DROP POLICY IF EXISTS "tintype: nobody hears of others' avatars" ON realtime.messages;
CREATE POLICY "tintype: nobody hears of others' avatars" ON realtime.messages AS RESTRICTIVE FOR SELECT
    TO PUBLIC
    USING ((SELECT NOT tintype.is_avatar_topic(realtime.topic()) OR tintype.is_service()
        OR tintype.hears_avatar_topic(realtime.topic())));

DROP POLICY IF EXISTS "tintype: only the service tells of avatars" ON realtime.messages;
CREATE POLICY "tintype: only the service tells of avatars" ON realtime.messages AS RESTRICTIVE FOR INSERT
    TO PUBLIC
    WITH CHECK ((SELECT NOT tintype.is_avatar_topic(realtime.topic()) OR tintype.is_service()));
