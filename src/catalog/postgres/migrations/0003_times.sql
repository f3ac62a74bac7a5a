-- Pages of a whole bucket by a time.
CREATE INDEX objects_of_bucket_by_creation ON objects (bucket_id, created_at, name);
CREATE INDEX objects_of_bucket_by_update ON objects (bucket_id, updated_at, name);
