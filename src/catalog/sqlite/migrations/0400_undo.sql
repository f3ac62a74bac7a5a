-- Who removed an object through the API, and may bring it back until its time is over; NULL: a run of retention.
ALTER TABLE removed_objects ADD COLUMN remover TEXT;
-- When it was brought back before somebody removed it again: brought back once more, no rule removes it then either.
ALTER TABLE removed_objects ADD COLUMN restored_before INTEGER;

CREATE INDEX removed_objects_by_name ON removed_objects (bucket_id, name);
