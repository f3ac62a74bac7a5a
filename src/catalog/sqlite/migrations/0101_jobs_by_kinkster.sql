-- Whoever joins a kinkster's topic is told how far its avatar is.
CREATE INDEX jobs_by_kinkster ON jobs (kinkster_id, id) WHERE kinkster_id IS NOT NULL;
