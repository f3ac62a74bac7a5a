-- The buckets of the app. One that is there stays as it is: `tintype doctor` says where it would be in the way.

WITH added AS (
    INSERT INTO storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
    SELECT id, id, public, 5242880, '{image/png,image/jpeg,image/jpg,image/webp}'::text[]
    FROM (VALUES ('kinkster-avatars', true), ('task-proofs', false)) AS wanted (id, public)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO tintype.made (kind, name) SELECT 'bucket', id FROM added ON CONFLICT DO NOTHING;
