//! The objects of a project's buckets: told of, read, written and removed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

use super::{JSON, Project, ProjectError, parsed, path_of};
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Entries asked for at once, of 1,500 that a project answers at most.
const PAGE: usize = 1000;
/// Entries that a page has by default: no server's own limit is lower, and a shorter page is the last one.
const LEAST_PAGE: usize = 100;
const UPSERT: HeaderName = HeaderName::from_static("x-upsert");
const USER_METADATA: HeaderName = HeaderName::from_static("x-metadata");

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectEntry {
    /// A deeper folder.
    Folder(String),
    /// Its name within the folder; `None`: the project does not tell enough of it.
    Object(String, Option<ProjectObject>),
}

/// What a listing and [`Project::info`] tell alike of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectObject {
    /// Stays the same when the object is replaced.
    pub id: Uuid,
    pub size: u64,
    pub etag: String,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl ProjectObject {
    /// A name of these bytes of this row, the same from wherever they are told of.
    pub fn version(&self) -> Uuid {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.id.as_bytes()).update(&self.size.to_le_bytes()).update(self.etag.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Whether both are the same bytes, as far as the project tells.
    pub fn has_bytes_of(&self, size: u64, etag: &str) -> bool {
        self.size == size && self.etag == etag
    }
}

/// All that the project tells of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectInfo {
    pub object: ProjectObject,
    /// The project's own word for which bytes they are.
    pub revision: Option<String>,
    pub mime_type: String,
    pub cache_control: String,
    pub user_metadata: Option<Map<String, Value>>,
}

/// An object to be stored.
#[derive(Clone, Debug)]
pub struct NewContent<'a> {
    pub mime_type: &'a str,
    pub cache_control: &'a str,
    pub user_metadata: Option<&'a Map<String, Value>>,
    pub bytes: Bytes,
}

#[derive(Deserialize)]
struct EntryRow {
    name: String,
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(default, with = "rfc3339::option")]
    created_at: Option<OffsetDateTime>,
    #[serde(default, with = "rfc3339::option")]
    updated_at: Option<OffsetDateTime>,
    #[serde(default)]
    metadata: Option<EntryMetadata>,
}

#[derive(Deserialize)]
struct EntryMetadata {
    #[serde(default, rename = "eTag")]
    etag: Option<String>,
    #[serde(default)]
    size: Option<u64>,
}

impl EntryRow {
    fn entry(self) -> ProjectEntry {
        let Some(id) = self.id else { return ProjectEntry::Folder(self.name) };
        let object = || {
            let metadata = self.metadata?;
            let (size, etag) = (metadata.size?, metadata.etag?);
            Some(ProjectObject { id, size, etag, created_at: self.created_at?, updated_at: self.updated_at? })
        };
        ProjectEntry::Object(self.name, object())
    }
}

#[derive(Deserialize)]
struct InfoRow {
    id: Uuid,
    #[serde(default)]
    version: Option<String>,
    size: u64,
    etag: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    cache_control: Option<String>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(with = "rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "rfc3339")]
    last_modified: OffsetDateTime,
}

impl InfoRow {
    fn info(self) -> ProjectInfo {
        let Self { id, size, etag, created_at, last_modified: updated_at, .. } = self;
        ProjectInfo {
            object: ProjectObject { id, size, etag, created_at, updated_at },
            revision: self.version,
            mime_type: self.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            cache_control: self.cache_control.unwrap_or_else(|| "no-cache".to_owned()),
            user_metadata: self.metadata.filter(|metadata| !metadata.is_empty()),
        }
    }
}

#[derive(Deserialize)]
struct RemovedRow {
    name: String,
}

impl Project {
    /// Entries of a folder by name, beginning at this one; whether there may be more.
    pub async fn list(
        &self,
        bucket: &BucketName,
        folder: &str,
        offset: usize,
    ) -> Result<(Vec<ProjectEntry>, bool), ProjectError> {
        let url = self.at(&format!("/storage/v1/object/list/{}", crate::source::encoded_key(bucket.as_str())))?;
        let mut request = self.request(Method::POST, url);
        let by_name = json!({"column": "name", "order": "asc"});
        let body = json!({"prefix": folder, "limit": PAGE, "offset": offset, "sortBy": by_name});
        request.headers.insert(CONTENT_TYPE, JSON);
        request.body = body.to_string().into();
        let rows: Vec<EntryRow> = parsed(&self.answer(request).await?)?;
        let is_last = rows.len() < LEAST_PAGE;
        Ok((rows.into_iter().map(EntryRow::entry).collect(), !is_last))
    }

    /// What is told of an object; `None`: there is none.
    pub async fn info(&self, object: &ObjectId) -> Result<Option<ProjectInfo>, ProjectError> {
        let url = self.at(&format!("/storage/v1/object/info/{}", path_of(object)))?;
        match self.answer(self.request(Method::GET, url)).await {
            Ok(answered) => Ok(Some(parsed::<InfoRow>(&answered)?.info())),
            Err(ProjectError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object's bytes, if it is there and has at most `limit`.
    pub async fn download(&self, object: &ObjectId, limit: u64) -> Result<Option<Bytes>, ProjectError> {
        let url = self.at(&format!("/storage/v1/object/authenticated/{}", path_of(object)))?;
        let mut request = self.request(Method::GET, url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        (request.limit, request.timeout) = (limit, self.patience.upload);
        match self.answer(request).await {
            Ok(answered) => Ok(Some(answered.bytes)),
            Err(ProjectError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores an object, in place of one of the same name: done again it changes nothing.
    pub async fn upload(&self, object: &ObjectId, content: NewContent<'_>) -> Result<(), ProjectError> {
        self.store(object, content, "true").await
    }

    /// Stores an object where there is none ([`ProjectError::is_conflict`]).
    pub async fn create(&self, object: &ObjectId, content: NewContent<'_>) -> Result<(), ProjectError> {
        self.store(object, content, "false").await
    }

    async fn store(
        &self,
        object: &ObjectId,
        content: NewContent<'_>,
        upsert: &'static str,
    ) -> Result<(), ProjectError> {
        let value = |text: &str| HeaderValue::try_from(text).map_err(|_| ProjectError::Nonsense);
        let mut request = self.request(Method::POST, self.object(object)?);
        request.headers.insert(CONTENT_TYPE, value(content.mime_type)?);
        request.headers.insert(CACHE_CONTROL, value(content.cache_control)?);
        request.headers.insert(UPSERT, HeaderValue::from_static(upsert));
        if let Some(metadata) = content.user_metadata {
            let encoded = STANDARD.encode(json!(metadata).to_string());
            request.headers.insert(USER_METADATA, value(&encoded)?);
        }
        request.body = content.bytes;
        request.timeout = self.patience.upload;
        self.answer(request).await.map(drop)
    }

    /// Removes objects of a bucket, 1,000 at most; which of them were there.
    pub async fn remove_all(&self, bucket: &BucketName, keys: &[&ObjectKey]) -> Result<Vec<String>, ProjectError> {
        let url = self.at(&format!("/storage/v1/object/{}", crate::source::encoded_key(bucket.as_str())))?;
        let mut request = self.request(Method::DELETE, url);
        request.headers.insert(CONTENT_TYPE, JSON);
        request.body = json!({"prefixes": keys}).to_string().into();
        let removed: Vec<RemovedRow> = parsed(&self.answer(request).await?)?;
        Ok(removed.into_iter().map(|row| row.name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_projects_write_them() {
        let rows = r#"[
            {"name":"ann","id":null,"updated_at":null,"created_at":null,"last_accessed_at":null,"metadata":null},
            {"name":"a.png","id":"5f0c54f5-5d2e-4b0a-9d3e-0d6f1c2b3a49","updated_at":"2026-02-17T04:43:32.770Z",
             "created_at":"2026-02-17T04:43:32.770123+00:00","metadata":{"eTag":"\"e\"","size":7,"mimetype":"image/png"}},
            {"name":"b.png","id":"5f0c54f5-5d2e-4b0a-9d3e-0d6f1c2b3a49","metadata":null}
        ]"#;
        let rows: Vec<EntryRow> = serde_json::from_str(rows).unwrap();
        let entries: Vec<ProjectEntry> = rows.into_iter().map(EntryRow::entry).collect();
        assert_eq!(entries[0], ProjectEntry::Folder("ann".to_owned()));
        let ProjectEntry::Object(name, Some(object)) = &entries[1] else { panic!("{entries:?}") };
        assert_eq!((name.as_str(), object.size, object.etag.as_str()), ("a.png", 7, "\"e\""));
        assert_eq!(entries[2], ProjectEntry::Object("b.png".to_owned(), None));
        let replaced = ProjectObject { etag: "\"f\"".to_owned(), ..object.clone() };
        assert!(replaced.version() != object.version() && object.clone().version() == object.version());
    }
}
