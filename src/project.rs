//! A Supabase project in front of which we stand, as its operator's service key may use it: the rows of its characters, the
//! objects of its buckets, its topics. Over its HTTP APIs alone.

mod error;
mod objects;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

pub use error::ProjectError;
pub use objects::{NewContent, ProjectEntry, ProjectInfo, ProjectObject};

use crate::object::ObjectId;
use crate::secret::Secret;
use crate::source::{Answered, Fetcher, SendRequest, SetupError, Trust, encoded_key};

/// Largest answer that is read, in bytes: a page of rows, each with a prompt.
const ANSWER_BYTES: u64 = 32 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The project, and the keys to it.
#[derive(Debug)]
pub struct Project {
    /// Scheme, host and port.
    url: Url,
    /// With the service key.
    service: Trust,
    anon_key: Option<Secret>,
    fetcher: Fetcher,
    patience: Patience,
}

/// How long is waited for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub small: Duration,
    pub upload: Duration,
}

/// A row of its `kinksters`, as far as avatars need it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ProjectRow {
    pub id: Uuid,
    /// Unset, it is nobody's.
    #[serde(default)]
    pub user_id: Option<String>,
    #[serde(default)]
    pub avatar_url: Option<String>,
    #[serde(default)]
    pub avatar_prompt: Option<String>,
    #[serde(default)]
    pub avatar_generation_config: Option<Value>,
}

/// The row that is to be changed, if it is still as it is thought to be.
#[derive(Clone, Copy, Debug)]
pub struct RowMatch<'a> {
    pub id: Uuid,
    pub user: &'a str,
    pub avatar_url: Option<&'a str>,
}

impl Project {
    /// # Errors
    /// The key cannot be sent as a header.
    pub fn new(
        url: Url,
        service_key: &Secret,
        anon_key: Option<Secret>,
        fetcher: Fetcher,
        patience: Patience,
    ) -> Result<Self, SetupError> {
        let service = trust(&url, service_key.reveal(), service_key.reveal())?;
        Ok(Self { url, service, anon_key, fetcher, patience })
    }

    /// Scheme, host and port: what it is known by.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The character's row. With the caller's own token its policies decide whether it is shown, as far as the project's
    /// public key is known.
    pub async fn kinkster(&self, id: Uuid, token: Option<&Secret>) -> Result<Option<ProjectRow>, ProjectError> {
        let own = match (token, &self.anon_key) {
            (Some(token), Some(anon)) => Some(trust(&self.url, token.reveal(), anon.reveal())?),
            _ => None,
        };
        let query = [("select", "id,user_id,avatar_url"), ("id", &format!("eq.{id}"))];
        let request = self.request(Method::GET, self.rows(&query)?);
        let answered = self.fetcher.send(SendRequest { trust: own.as_ref().unwrap_or(&self.service), ..request }).await;
        match ProjectError::judge(answered) {
            Ok(answered) => Ok(parsed::<Vec<ProjectRow>>(&answered)?.into_iter().find(|row| row.id == id)),
            // It is the caller's token that is not accepted, and nobody's row that it shows.
            Err(ProjectError::Key { .. } | ProjectError::Policy) if own.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everybody's rows that show a picture, by id, beginning after this one. There are more until none comes.
    pub async fn pictured(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ProjectRow>, ProjectError> {
        self.pictured_with("id,user_id,avatar_url,avatar_prompt,avatar_generation_config", after, limit).await
    }

    /// The same rows with nothing but what they show.
    pub async fn shown(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ProjectRow>, ProjectError> {
        self.pictured_with("id,avatar_url", after, limit).await
    }

    async fn pictured_with(
        &self,
        columns: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ProjectRow>, ProjectError> {
        let (limit, after) = (limit.to_string(), after.map(|after| format!("gt.{after}")));
        let mut query =
            vec![("select", columns), ("avatar_url", "not.is.null"), ("order", "id.asc"), ("limit", &limit)];
        query.extend(after.as_deref().map(|after| ("id", after)));
        let request = self.request(Method::GET, self.rows(&query)?);
        parsed(&self.answer(request).await?)
    }

    /// Writes these columns of a row; whether there is one that is as it is thought to be.
    pub async fn change(&self, row: RowMatch<'_>, columns: &Map<String, Value>) -> Result<bool, ProjectError> {
        let (id, user) = (format!("eq.{}", row.id), format!("eq.{}", row.user));
        let shows = row.avatar_url.map(|url| format!("eq.{url}"));
        let mut query = vec![("id", id.as_str()), ("user_id", user.as_str()), ("select", "id")];
        query.extend(shows.as_deref().map(|shows| ("avatar_url", shows)));
        let mut request = self.request(Method::PATCH, self.rows(&query)?);
        request.headers.insert(CONTENT_TYPE, JSON);
        request.headers.insert(PREFER, HeaderValue::from_static("return=representation"));
        request.body = json!(columns).to_string().into();
        let changed: Vec<Value> = parsed(&self.answer(request).await?)?;
        Ok(!changed.is_empty())
    }

    /// Removes an object, if it is there.
    pub async fn remove(&self, object: &ObjectId) -> Result<(), ProjectError> {
        match self.answer(self.request(Method::DELETE, self.object(object)?)).await {
            Ok(_) | Err(ProjectError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tells topics, in this order.
    pub async fn broadcast(&self, messages: &[Value]) -> Result<(), ProjectError> {
        let mut request = self.request(Method::POST, self.at("/realtime/v1/api/broadcast")?);
        request.headers.insert(CONTENT_TYPE, JSON);
        request.body = json!({"messages": messages}).to_string().into();
        self.answer(request).await.map(drop)
    }

    fn request(&self, method: Method, url: Url) -> SendRequest<'_> {
        let headers: HeaderMap = [(ACCEPT, JSON)].into_iter().collect();
        let (trust, timeout) = (&self.service, self.patience.small);
        SendRequest { method, url, trust, headers, body: Bytes::new(), limit: ANSWER_BYTES, timeout }
    }

    async fn answer(&self, request: SendRequest<'_>) -> Result<Answered, ProjectError> {
        ProjectError::judge(self.fetcher.send(request).await)
    }

    fn at(&self, path: &str) -> Result<Url, ProjectError> {
        self.url.join(path).map_err(|_| ProjectError::Nonsense)
    }

    fn rows(&self, query: &[(&str, &str)]) -> Result<Url, ProjectError> {
        let mut url = self.at("/rest/v1/kinksters")?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    fn object(&self, object: &ObjectId) -> Result<Url, ProjectError> {
        self.at(&format!("/storage/v1/object/{}", path_of(object)))
    }
}

/// A token, and the key that the project's gateway wants beside it.
fn trust(url: &Url, token: &str, key: &str) -> Result<Trust, SetupError> {
    Trust::new(url, [("authorization", format!("Bearer {token}").as_str()), ("apikey", key)])
}

/// Bucket and key, as a URL's path has them.
fn path_of(object: &ObjectId) -> String {
    format!("{}/{}", encoded_key(object.bucket.as_str()), encoded_key(object.key.as_str()))
}

fn parsed<T: for<'de> Deserialize<'de>>(answered: &Answered) -> Result<T, ProjectError> {
    serde_json::from_slice(&answered.bytes).map_err(|_| ProjectError::Nonsense)
}
