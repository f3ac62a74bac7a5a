-- How often a job was taken up again; and when each user asked for something within the last minute, a new job or an old one
-- again.
ALTER TABLE jobs ADD COLUMN revivals INTEGER NOT NULL DEFAULT 0;

CREATE TABLE admissions (
    user_id TEXT NOT NULL,
    admitted_at INTEGER NOT NULL
) STRICT;

CREATE INDEX admissions_by_time ON admissions (admitted_at, user_id);
