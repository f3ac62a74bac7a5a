//! Which of the configured models the provider has: asked of `GET /models`, which is free.

use serde::Deserialize;
use time::{Date, OffsetDateTime};

use super::{OpenAi, unanswered};
use crate::sidecar::provider::error::{Nonsense, ProviderError};
use crate::sidecar::provider::models::parse_day;
use crate::source::{ANY_TYPE, FetchRequest, Fetched, SourceError};

/// Largest list of models accepted, in bytes.
const MAX_LIST: u64 = 4 << 20;

/// One configured model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollCall {
    pub model: String,
    pub presence: Presence,
    /// What to use in its place, where the table knows.
    pub successor: Option<String>,
}

/// Whether the provider has a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Here,
    /// It is there, and will be gone from this day on.
    HereUntil(Date),
    /// It was there until this day.
    Retired(Date),
    /// The provider does not list it.
    Missing,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    shutdown_date: Option<String>,
}

impl OpenAi {
    /// Asks which of the configured models are there.
    pub async fn roll_call(&self) -> Result<Vec<RollCall>, ProviderError> {
        if self.settings.key.is_none() {
            return Err(ProviderError::NoKey);
        }
        let (url, trust) = (self.url("models"), Some(&self.trust));
        let request = FetchRequest { url, trust, known: None, accept: ANY_TYPE, limit: MAX_LIST, hops: self.hops };
        let bytes = match self.fetcher.get(request).await.map_err(unlisted)? {
            Fetched::Body { bytes, .. } => bytes,
            Fetched::NotModified { .. } => return Err(Nonsense::Empty.into()),
        };
        let list: List = serde_json::from_slice(&bytes).map_err(|_| Nonsense::NotJson)?;
        let today = OffsetDateTime::now_utc().date();
        Ok(self.settings.models.iter().map(|model| self.look_up(model, &list, today)).collect())
    }

    fn look_up(&self, name: &str, list: &List, today: Date) -> RollCall {
        let model = self.table.get(name);
        let row = list.data.iter().find(|row| row.id == name);
        let listed = row.and_then(|row| row.shutdown_date.as_deref()).and_then(parse_day);
        let last_day = listed.or(model.retired_on.filter(|_| self.keeps_dates()));
        let presence = match (row, last_day) {
            (_, Some(day)) if day <= today => Presence::Retired(day),
            (Some(_), Some(day)) => Presence::HereUntil(day),
            (Some(_), None) => Presence::Here,
            (None, _) => Presence::Missing,
        };
        RollCall { model: name.to_owned(), presence, successor: model.successor }
    }
}

fn unlisted(error: SourceError) -> ProviderError {
    match error {
        SourceError::Status(status @ (401 | 403)) => ProviderError::Unauthorized { status },
        SourceError::Status(429) => ProviderError::RateLimited { retry_after: None },
        SourceError::Status(status @ 500..) => ProviderError::Overloaded { status, retry_after: None },
        SourceError::Status(status) => ProviderError::Rejected { status, code: "without a code".to_owned() },
        SourceError::Missing => ProviderError::Rejected { status: 404, code: "without a code".to_owned() },
        other => unanswered(other),
    }
}
