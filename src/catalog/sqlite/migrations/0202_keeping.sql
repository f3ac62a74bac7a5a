-- Whose the blobs are: the same id lies beside them. A catalogue without it takes nothing in a store for left over.
CREATE TABLE blob_store (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    id BLOB NOT NULL
) STRICT;

-- Which characters changed since retention read them all.
CREATE INDEX kinksters_by_update ON kinksters (updated_at);
