-- Whose the blobs are: the same id lies beside them. A catalogue without it takes nothing in a store for left over.
CREATE TABLE blob_store (
    one bigint PRIMARY KEY CHECK (one = 1),
    id uuid NOT NULL
);

-- Which characters changed since retention read them all.
CREATE INDEX kinksters_by_update ON kinksters (updated_at);

-- Ours alone: asked for as the owner.
ALTER TABLE blob_store ENABLE ROW LEVEL SECURITY;
