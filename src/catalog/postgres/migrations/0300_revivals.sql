-- How often a job was taken up again; and when each user asked for something within the last minute, a new job or an old one
-- again.
ALTER TABLE jobs ADD COLUMN revivals bigint NOT NULL DEFAULT 0;

CREATE TABLE admissions (
    user_id text NOT NULL,
    admitted_at bigint NOT NULL
);

CREATE INDEX admissions_by_time ON admissions (admitted_at, user_id);

ALTER TABLE admissions ENABLE ROW LEVEL SECURITY;
