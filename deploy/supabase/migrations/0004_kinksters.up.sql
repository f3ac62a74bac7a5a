-- The characters' table, as far as their avatars need it. One that is there keeps its rows, its policies and its columns,
-- and gets the columns that it lacks.

DO $$
DECLARE
    wanted record;
BEGIN
    IF to_regclass('public.kinksters') IS NULL THEN
        CREATE TABLE public.kinksters (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL
        );
        IF to_regclass('auth.users') IS NOT NULL THEN
            ALTER TABLE public.kinksters ADD FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;
        END IF;
        CREATE INDEX kinksters_by_user ON public.kinksters (user_id);
        INSERT INTO tintype.made (kind, name) VALUES ('table', 'public.kinksters') ON CONFLICT DO NOTHING;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_attribute AS a JOIN pg_attribute AS u ON u.attrelid = a.attrelid
        WHERE a.attrelid = 'public.kinksters'::regclass AND a.attname = 'id' AND a.atttypid = 'uuid'::regtype
            AND NOT a.attisdropped AND u.attname = 'user_id' AND u.atttypid = 'uuid'::regtype AND NOT u.attisdropped
    ) THEN
        RAISE EXCEPTION 'public.kinksters has no columns id and user_id of type uuid'
            USING ERRCODE = 'datatype_mismatch', HINT = 'rename the table that is there, or give it these columns';
    END IF;
    FOR wanted IN
        SELECT * FROM (VALUES
            ('name', 'text'),
            ('avatar_url', 'text'),
            ('avatar_prompt', 'text'),
            ('avatar_generation_config', 'jsonb'),
            ('is_active', 'boolean NOT NULL DEFAULT true'),
            ('created_at', 'timestamptz NOT NULL DEFAULT now()'),
            ('updated_at', 'timestamptz NOT NULL DEFAULT now()')
        ) AS columns (name, definition)
        WHERE NOT EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = 'public.kinksters'::regclass AND a.attname = columns.name AND NOT a.attisdropped
        )
    LOOP
        EXECUTE format('ALTER TABLE public.kinksters ADD COLUMN %I %s', wanted.name, wanted.definition);
        INSERT INTO tintype.made (kind, name) VALUES ('column', wanted.name) ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION tintype.note_update() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- A table of our own is for its rows' owners; that of somebody else follows its own policies.
DO $$
BEGIN
    IF EXISTS (SELECT FROM tintype.made WHERE kind = 'table' AND name = 'public.kinksters') THEN
        ALTER TABLE public.kinksters ENABLE ROW LEVEL SECURITY;
        REVOKE ALL ON public.kinksters FROM anon;
        GRANT SELECT, INSERT, UPDATE, DELETE ON public.kinksters TO authenticated, service_role;
        DROP POLICY IF EXISTS "tintype: own kinksters" ON public.kinksters;
        CREATE POLICY "tintype: own kinksters" ON public.kinksters FOR ALL TO authenticated
            USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
        DROP POLICY IF EXISTS "tintype: service" ON public.kinksters;
        CREATE POLICY "tintype: service" ON public.kinksters FOR ALL TO service_role USING (true) WITH CHECK (true);
        DROP TRIGGER IF EXISTS "tintype: note update" ON public.kinksters;
        CREATE TRIGGER "tintype: note update" BEFORE UPDATE ON public.kinksters
            FOR EACH ROW EXECUTE FUNCTION tintype.note_update();
    ELSIF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'public.kinksters'::regclass) THEN
        RAISE WARNING 'public.kinksters has no row-level security: everybody with the public key may change every row';
    END IF;
END
$$;
