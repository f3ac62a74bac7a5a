-- Times are microseconds since the epoch; uuids are 16 bytes; JSON is text.

CREATE TABLE buckets (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    owner_id TEXT,
    public INTEGER NOT NULL,
    file_size_limit INTEGER,
    allowed_mime_types TEXT,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE objects (
    id BLOB PRIMARY KEY NOT NULL,
    bucket_id TEXT NOT NULL REFERENCES buckets (id),
    name TEXT NOT NULL,
    -- The folder with its slash, empty at the top: what is left when everything but slashes is cut from the end.
    parent TEXT NOT NULL GENERATED ALWAYS AS (rtrim(name, replace(name, '/', ''))) STORED,
    owner_id TEXT,
    version BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    cache_control TEXT NOT NULL,
    user_metadata TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_accessed_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX objects_by_name ON objects (bucket_id, name);
-- Listings: the folders below a folder, and the objects in it, by each column.
CREATE INDEX objects_by_parent ON objects (bucket_id, parent, name);
CREATE INDEX objects_by_creation ON objects (bucket_id, parent, created_at, name);
CREATE INDEX objects_by_update ON objects (bucket_id, parent, updated_at, name);
-- Which bytes still have a row.
CREATE INDEX objects_by_version ON objects (bucket_id, version);

-- The bucket may be gone before its bytes are: nothing refers to it.
CREATE TABLE stale_blobs (
    bucket_id TEXT NOT NULL,
    version BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX stale_blobs_by_time ON stale_blobs (since);

CREATE TABLE outbox (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('created', 'updated', 'deleted')),
    bucket_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version BLOB NOT NULL,
    size INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    owner_id TEXT,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE uploads (
    id BLOB PRIMARY KEY NOT NULL,
    bucket_id TEXT NOT NULL,
    name TEXT NOT NULL,
    claims TEXT NOT NULL,
    length INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    mime_type TEXT NOT NULL,
    cache_control TEXT NOT NULL,
    user_metadata TEXT,
    upsert INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_by_expiry ON uploads (expires_at);
