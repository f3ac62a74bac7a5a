-- On the safe side: what holds anything stays. A table that we made goes only while it has no row and nothing hangs on it
-- (one that stays keeps its policies too: they guard the rows); a column that we added only while every row has null in it.

DROP TRIGGER IF EXISTS "tintype: note update" ON public.kinksters;
DROP FUNCTION IF EXISTS tintype.note_update();

DO $$
DECLARE
    added text;
    is_used boolean;
BEGIN
    IF to_regclass('public.kinksters') IS NULL THEN
        NULL;
    ELSIF EXISTS (SELECT FROM tintype.made WHERE kind = 'table' AND name = 'public.kinksters') THEN
        -- Nobody adds a row between the look and the drop.
        LOCK TABLE public.kinksters IN ACCESS EXCLUSIVE MODE;
        IF EXISTS (SELECT FROM public.kinksters) THEN
            RAISE WARNING 'public.kinksters stays: it has rows';
        ELSE
            BEGIN
                DROP TABLE public.kinksters;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                RAISE WARNING 'public.kinksters stays: something else depends on it';
            END;
        END IF;
    ELSE
        LOCK TABLE public.kinksters IN ACCESS EXCLUSIVE MODE;
        FOR added IN SELECT name FROM tintype.made WHERE kind = 'column' LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.kinksters WHERE %I IS NOT NULL)', added) INTO is_used;
            IF is_used THEN
                RAISE WARNING 'column % of public.kinksters stays: it is used', added;
                CONTINUE;
            END IF;
            BEGIN
                EXECUTE format('ALTER TABLE public.kinksters DROP COLUMN %I', added);
            EXCEPTION WHEN dependent_objects_still_exist THEN
                RAISE WARNING 'column % of public.kinksters stays: something else depends on it', added;
            END;
        END LOOP;
    END IF;
    DELETE FROM tintype.made WHERE kind = 'column' OR (kind = 'table' AND name = 'public.kinksters');
END
$$;
