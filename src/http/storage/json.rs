//! Rows as the clients read them.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::catalog::{Bucket, Object};

/// `2021-02-17T04:43:32.770Z`.
pub(in crate::http) fn timestamp(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

pub(super) fn bucket(bucket: &Bucket) -> Value {
    json!({
        "id": bucket.id.as_str(),
        "name": bucket.id.as_str(),
        "owner": bucket.owner.as_deref().unwrap_or_default(),
        "public": bucket.public,
        "type": "STANDARD",
        "file_size_limit": bucket.file_size_limit,
        "allowed_mime_types": bucket.allowed_mime_types,
        "created_at": timestamp(bucket.created_at),
        "updated_at": timestamp(bucket.updated_at),
    })
}

fn metadata(object: &Object) -> Value {
    json!({
        "eTag": object.etag,
        "size": object.size,
        "mimetype": object.mime_type,
        "cacheControl": object.cache_control,
        "lastModified": timestamp(object.updated_at),
        "contentLength": object.size,
        "httpStatusCode": 200,
    })
}

/// An entry of a listing, under a name relative to the folder asked for.
pub(super) fn entry(name: &str, object: &Object) -> Value {
    json!({
        "name": name,
        "id": object.row,
        "updated_at": timestamp(object.updated_at),
        "created_at": timestamp(object.created_at),
        "last_accessed_at": timestamp(object.last_accessed_at),
        "metadata": metadata(object),
    })
}

/// A folder among the entries of a listing.
pub(super) fn folder(name: &str) -> Value {
    json!({
        "name": name,
        "id": null,
        "updated_at": null,
        "created_at": null,
        "last_accessed_at": null,
        "metadata": null,
    })
}

/// A whole row.
pub(super) fn row(object: &Object) -> Value {
    let mut row = entry(object.id.key.as_str(), object);
    row["bucket_id"] = json!(object.id.bucket.as_str());
    row["owner"] = json!(object.owner.as_deref().unwrap_or_default());
    row["owner_id"] = json!(object.owner);
    row["version"] = json!(object.version);
    row["user_metadata"] = json!(object.user_metadata);
    row
}

/// What `info` says.
pub(super) fn info(object: &Object) -> Value {
    json!({
        "id": object.row,
        "name": object.id.key.as_str(),
        "version": object.version,
        "bucket_id": object.id.bucket.as_str(),
        "size": object.size,
        "content_type": object.mime_type,
        "cache_control": object.cache_control,
        "etag": object.etag,
        "metadata": object.user_metadata.clone().unwrap_or_default(),
        "last_modified": timestamp(object.updated_at),
        "created_at": timestamp(object.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_z() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_613_537_012_770_999_000).unwrap();
        assert_eq!(timestamp(time), "2021-02-17T04:43:32.770Z");
    }
}
