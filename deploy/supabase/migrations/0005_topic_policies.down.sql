-- Row-level security stays on: without it everybody could hear everything.

DROP POLICY IF EXISTS "tintype: hear of own avatars" ON realtime.messages;
DROP POLICY IF EXISTS "tintype: nobody hears of others' avatars" ON realtime.messages;
DROP POLICY IF EXISTS "tintype: only the service tells of avatars" ON realtime.messages;
DROP FUNCTION IF EXISTS tintype.hears_avatar_topic(text);
DROP FUNCTION IF EXISTS tintype.is_avatar_topic(text);
