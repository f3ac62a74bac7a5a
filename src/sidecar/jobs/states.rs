//! How far avatars are, for those who join when it was told already: in another process, or in one before this.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::progress::Progress;
use crate::catalog::{Catalog, Sitter};
use crate::realtime::States;
use crate::realtime::event::Publication;
use crate::realtime::topic::{About, Topic};

/// How long the end of a job is told to those who join: whoever comes later finds the picture in its row.
const LATE: Duration = Duration::from_secs(60);
/// Jobs of one topic that are told.
const JOBS: u32 = 8;

/// Asks the catalogue.
#[derive(Clone, Debug)]
pub struct JobStates {
    catalog: Arc<Catalog>,
    late: Duration,
}

impl JobStates {
    /// `kept`: for how long what is told here is remembered here. An end that was forgotten is not told again.
    pub fn new(catalog: Arc<Catalog>, kept: Duration) -> Self {
        Self { catalog, late: LATE.min(kept) }
    }
}

#[async_trait]
impl States for JobStates {
    async fn of(&self, topic: &Topic) -> Vec<Publication> {
        let Some(sitter) = sitter(topic) else { return Vec::new() };
        let since = OffsetDateTime::now_utc() - self.late;
        match self.catalog.fresh_jobs(&sitter, since, JOBS).await {
            Ok(mut jobs) => {
                jobs.sort_by_key(|job| job.updated_at);
                jobs.iter().filter_map(|job| Progress::of(job).publication()).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "who joins is not told how far avatars are");
                Vec::new()
            }
        }
    }
}

/// Users and kinksters are named by UUIDs, and there are no jobs of others.
fn sitter(topic: &Topic) -> Option<Sitter> {
    match topic.about() {
        About::UserAvatar(id) => Uuid::parse_str(id).ok().map(|id| Sitter::User(id.to_string())),
        About::KinksterAvatar(id) => Uuid::parse_str(id).ok().map(Sitter::Kinkster),
        About::Other => None,
    }
}
