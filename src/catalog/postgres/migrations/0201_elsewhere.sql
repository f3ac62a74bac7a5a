-- Objects that an upstream keeps: a row is written before the upstream is asked to remove the object.

-- Since when it is not known whether the upstream has removed it.
ALTER TABLE removed_objects ADD COLUMN pending_since bigint;
