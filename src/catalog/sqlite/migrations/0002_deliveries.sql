-- Messages to webhooks. Those of one hook about one subject go out in the order of their ordinals.

CREATE TABLE deliveries (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    hook TEXT NOT NULL,
    -- The event's id: what the receiver knows repetitions by.
    message BLOB NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- The time of its first attempt, or of its revival.
    since INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    -- A dead letter from then on.
    dead_at INTEGER,
    reason TEXT,
    UNIQUE (hook, message)
) STRICT;

CREATE INDEX deliveries_by_due ON deliveries (hook, due_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_by_subject ON deliveries (hook, subject, ordinal) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (ordinal) WHERE dead_at IS NOT NULL;
