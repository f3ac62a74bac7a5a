//! Rows that show a picture, whoever keeps them.

use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::sidecar::home::{Home, HomeError, Keeper};
use crate::sidecar::jobs::UrlFetcher;

/// A row that shows a picture.
#[derive(Debug)]
pub(super) struct Shown {
    pub id: Uuid,
    user: Option<String>,
    url: String,
    prompt: Option<String>,
    config: Option<Value>,
}

/// A row that shows a temporary picture.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: Uuid,
    pub user: String,
    pub url: Url,
    /// The URL as the row spells it.
    pub(super) seen: String,
    pub(super) prompt: Option<String>,
    pub(super) config: Option<Value>,
}

/// A page of them, by id.
pub(super) async fn page(home: &Home, after: Option<Uuid>, limit: u32) -> Result<Vec<Shown>, HomeError> {
    Ok(match &home.keeper {
        Keeper::Own(buckets) => {
            let rows = buckets.catalog.pictured_kinksters(after, limit).await?.into_iter();
            let shown = rows.map(|row| Shown {
                id: row.id,
                user: Some(row.user),
                url: row.avatar_url.unwrap_or_default(),
                prompt: row.avatar_prompt,
                config: row.avatar_generation_config,
            });
            shown.collect()
        }
        Keeper::Upstream(elsewhere) => {
            let rows = elsewhere.project.pictured(after, limit).await?.into_iter();
            let shown = rows.map(|row| Shown {
                id: row.id,
                user: row.user_id,
                url: row.avatar_url.unwrap_or_default(),
                prompt: row.avatar_prompt,
                config: row.avatar_generation_config,
            });
            shown.collect()
        }
    })
}

impl Shown {
    /// The row, if its URL is at one of the hosts from which pictures are stored.
    pub fn temporary(self, fetcher: &UrlFetcher) -> Option<Row> {
        let Self { id, user, url: seen, prompt, config } = self;
        let url = Url::parse(&seen).ok().filter(|url| fetcher.admits(url))?;
        Some(Row { id, user: user?, url, seen, prompt, config })
    }
}

impl Row {
    /// Tells this URL from others without showing it: its query may open doors.
    pub(super) fn mark(&self) -> String {
        blake3::hash(self.seen.as_bytes()).to_hex()[..16].to_owned()
    }

    /// Whether an earlier run found this URL dead.
    pub(super) fn is_known_dead(&self) -> bool {
        let marker = self.config.as_ref().and_then(|config| config.get("backfill"));
        marker.is_some_and(|marker| marker["state"] == "dead" && marker["url"] == self.mark().as_str())
    }
}

/// A URL without its query.
pub(super) fn shown(url: &Url) -> String {
    url[..url::Position::AfterPath].to_owned()
}
