-- Messages to webhooks. Those of one hook about one subject go out in the order of their ordinals.

CREATE TABLE deliveries (
    ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    hook text NOT NULL,
    -- The event's id: what the receiver knows repetitions by.
    message uuid NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- The time of its first attempt, or of its revival.
    since timestamptz NOT NULL,
    -- For a node that is sending it: when the others may.
    due_at timestamptz NOT NULL,
    -- A dead letter from then on.
    dead_at timestamptz,
    reason text,
    UNIQUE (hook, message)
);

CREATE INDEX deliveries_by_due ON deliveries (hook, due_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_by_subject ON deliveries (hook, md5(subject), ordinal) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (ordinal) WHERE dead_at IS NOT NULL;
