//! Which objects a request that passes through changes, if the upstream says yes. Pure.
//!
//! What cannot be read is taken to change more rather than less.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method};
use serde::Deserialize;

use crate::http::storage::{Operation, Place};
use crate::object::{BucketName, ObjectKey};
use crate::purge::Scope;

/// What a request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    Nothing,
    These(Vec<Scope>),
    /// Objects of this bucket that the body lists.
    Listed(BucketName),
    /// Both ends of a move or a copy, which the body names.
    Ends,
}

impl Changes {
    /// Reads them off an operation whose names are decoded.
    pub fn of(method: &Method, path: &str, operation: Option<Operation<'_>>, headers: &HeaderMap) -> Self {
        match operation {
            Some(Operation::Upload(place, _) | Operation::RemoveOne(place) | Operation::SignedUpload(place)) => {
                Self::at(place)
            }
            Some(Operation::RemoveMany(bucket)) => BucketName::parse(bucket).map_or(Self::Nothing, Self::Listed),
            Some(
                Operation::UpdateBucket(bucket) | Operation::EmptyBucket(bucket) | Operation::DeleteBucket(bucket),
            ) => Self::in_bucket(bucket),
            Some(Operation::Move | Operation::Copy) => Self::Ends,
            Some(Operation::Resumable(_)) | None
                if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) =>
            {
                Self::of_others(path, headers)
            }
            _ => Self::Nothing,
        }
    }

    /// Uploads in pieces, and the S3 protocol.
    fn of_others(path: &str, headers: &HeaderMap) -> Self {
        if let Some(rest) = path.strip_prefix("upload/resumable") {
            let id = rest.trim_start_matches('/');
            let id = id.strip_prefix("sign").filter(|id| id.is_empty() || id.starts_with('/')).unwrap_or(id);
            let id = id.trim_matches('/');
            let object = if id.is_empty() { announced(headers) } else { identified(id) };
            return object.map_or(Self::Nothing, |scope| Self::These(vec![scope]));
        }
        let Some(rest) = path.strip_prefix("s3/") else { return Self::Nothing };
        match rest.split_once('/') {
            Some((bucket, key)) if !key.is_empty() => Self::at(Place { bucket, key }),
            _ => Self::in_bucket(rest.trim_end_matches('/')),
        }
    }

    fn at(place: Place<'_>) -> Self {
        // A name that no object here can have is not kept here either.
        scope(place.bucket, place.key).map_or(Self::Nothing, |scope| Self::These(vec![scope]))
    }

    fn in_bucket(bucket: &str) -> Self {
        BucketName::parse(bucket).map_or(Self::Nothing, |bucket| Self::These(vec![Scope::Bucket(bucket)]))
    }

    /// Whether the body has to be read to know.
    pub fn are_in_body(&self) -> bool {
        matches!(self, Self::Listed(_) | Self::Ends)
    }

    /// What is to be purged; `body` is the whole one where [`Self::are_in_body`].
    pub fn scopes(self, body: &[u8]) -> Vec<Scope> {
        match self {
            Self::Nothing => Vec::new(),
            Self::These(scopes) => scopes,
            Self::Listed(bucket) => listed(&bucket, body).unwrap_or_else(|| vec![Scope::Bucket(bucket)]),
            Self::Ends => ends(body).unwrap_or_else(|| vec![Scope::All]),
        }
    }
}

fn scope(bucket: &str, key: &str) -> Option<Scope> {
    Some(Scope::Object(BucketName::parse(bucket).ok()?, ObjectKey::parse(key).ok()?))
}

fn listed(bucket: &BucketName, body: &[u8]) -> Option<Vec<Scope>> {
    #[derive(Deserialize)]
    struct Removed {
        prefixes: Vec<String>,
    }
    let removed: Removed = serde_json::from_slice(body).ok()?;
    Some(removed.prefixes.iter().filter_map(|key| scope(bucket.as_str(), key)).collect())
}

fn ends(body: &[u8]) -> Option<Vec<Scope>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Ends {
        bucket_id: String,
        source_key: String,
        destination_key: String,
        destination_bucket: Option<String>,
    }
    let ends: Ends = serde_json::from_slice(body).ok()?;
    let other = ends.destination_bucket.as_ref().unwrap_or(&ends.bucket_id);
    let both = [scope(&ends.bucket_id, &ends.source_key), scope(other, &ends.destination_key)];
    Some(both.into_iter().flatten().collect())
}

/// The object that the creation of an upload in pieces names: `bucketName` and `objectName`, each in base64.
fn announced(headers: &HeaderMap) -> Option<Scope> {
    let metadata = headers.get("upload-metadata")?.to_str().ok()?;
    let named = |wanted: &str| {
        let mut pairs = metadata.split(',').filter_map(|pair| pair.trim().split_once(' '));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()
    };
    scope(&named("bucketName")?, &named("objectName")?)
}

/// The object of an upload in pieces, whose id is `bucket/object/version` in base64url.
fn identified(id: &str) -> Option<Scope> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.trim_end_matches('=')).ok()?).ok()?;
    let (place, _version) = text.rsplit_once('/')?;
    let (bucket, key) = place.split_once('/')?;
    scope(bucket, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::storage::operation;

    fn changes(method: &Method, path: &str, headers: &[(&'static str, &str)], body: &str) -> Vec<Scope> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Changes::of(method, path, operation(method, path), &headers).scopes(body.as_bytes())
    }

    fn object(place: &str) -> Scope {
        let (bucket, key) = place.split_once('/').unwrap();
        scope(bucket, key).unwrap()
    }

    #[test]
    fn every_write_names_what_it_changes() {
        let bucket = || vec![Scope::Bucket(BucketName::parse("b").unwrap())];
        let id = URL_SAFE_NO_PAD.encode("b/a/c.png/some-version");
        let metadata = format!("bucketName {},objectName {}", STANDARD.encode("b"), STANDARD.encode("a/c.png"));
        let rows: [(Method, &str, &str, Vec<Scope>); 22] = [
            (Method::POST, "object/b/a/c.png", "", vec![object("b/a/c.png")]),
            (Method::PUT, "object/b/a c.png", "", vec![object("b/a c.png")]),
            (Method::DELETE, "object/b/a/c.png", "", vec![object("b/a/c.png")]),
            (Method::PUT, "object/upload/sign/b/a/c.png", "", vec![object("b/a/c.png")]),
            (Method::DELETE, "object/b", r#"{"prefixes":["x","y/z",""]}"#, vec![object("b/x"), object("b/y/z")]),
            (Method::DELETE, "object/b", "nonsense", bucket()),
            (
                Method::POST,
                "object/move",
                r#"{"bucketId":"b","sourceKey":"x","destinationKey":"y"}"#,
                vec![object("b/x"), object("b/y")],
            ),
            (
                Method::POST,
                "object/copy",
                r#"{"bucketId":"b","sourceKey":"x","destinationKey":"y","destinationBucket":"c"}"#,
                vec![object("b/x"), object("c/y")],
            ),
            (Method::POST, "object/move", "", vec![Scope::All]),
            (Method::PUT, "bucket/b", "", bucket()),
            (Method::POST, "bucket/b/empty", "", bucket()),
            (Method::DELETE, "bucket/b", "", bucket()),
            (Method::POST, "upload/resumable", "", vec![object("b/a/c.png")]),
            (Method::POST, "upload/resumable/sign", "", vec![object("b/a/c.png")]),
            (Method::PATCH, "upload/resumable/ID", "", vec![object("b/a/c.png")]),
            (Method::PATCH, "upload/resumable/sign/ID", "", vec![object("b/a/c.png")]),
            (Method::PUT, "s3/b/a/c.png", "", vec![object("b/a/c.png")]),
            (Method::POST, "s3/b", "", bucket()),
            (Method::POST, "object/list/b", "{}", Vec::new()),
            (Method::POST, "object/sign/b/a/c.png", "{}", Vec::new()),
            (Method::GET, "s3/b/a/c.png", "", Vec::new()),
            (Method::POST, "vector/x", "", Vec::new()),
        ];
        for (method, path, body, expected) in rows {
            let path = path.replace("ID", &id);
            let headers = [("upload-metadata", metadata.as_str())];
            assert_eq!(changes(&method, &path, &headers, body), expected, "{method} {path}");
        }
    }
}
