//! Whether avatars can come into their bucket, and be seen in it: ours, or an upstream's.

use super::Finding;
use crate::app::avatar_origins;
use crate::catalog::{Catalog, CatalogError};
use crate::config::{AVATARS, Config};
use crate::object::BucketName;
use crate::sidecar::avatar_url::AvatarUrl;

/// A bucket of avatars, whoever keeps it.
#[derive(Clone, Debug)]
pub(super) struct Shelf<'a> {
    pub public: bool,
    pub file_size_limit: Option<u64>,
    pub allowed_mime_types: Option<&'a [String]>,
}

/// Painted pictures have up to 3 MB, and are encoded anew above the bucket's limit; below this one that costs too much.
const ROOM: u64 = 1_000_000;
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];
/// Rows looked through for pictures that will be gone.
const LOOKED_AT: u32 = 1000;

impl Shelf<'_> {
    /// What keeps pictures from coming in or from being seen.
    pub fn findings(&self, remedy: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.public {
            findings.push(Finding::fault(
                format!("bucket {AVATARS}: private, so its pictures do not show"),
                format!("make it public: {remedy}"),
            ));
        }
        let takes = |kind: &str| {
            let fits = |one: &String| one == kind || matches!(one.as_str(), "image/*" | "*/*");
            self.allowed_mime_types.is_none_or(|types| types.iter().any(fits))
        };
        let refused: Vec<&str> = PICTURES.into_iter().filter(|kind| !takes(kind)).collect();
        if !refused.is_empty() {
            findings.push(Finding::fault(
                format!("bucket {AVATARS}: does not take {}, so uploads fail", refused.join(", ")),
                format!("allow image/png, image/jpeg and image/webp: {remedy}"),
            ));
        }
        if let Some(limit) = self.file_size_limit.filter(|limit| *limit < ROOM) {
            findings.push(Finding::fault(
                format!("bucket {AVATARS}: takes {limit} bytes, so uploads of pictures fail"),
                format!("raise its limit to 5242880: {remedy}"),
            ));
        }
        if findings.is_empty() {
            findings.push(Finding::ok(format!("bucket {AVATARS}: public, and takes pictures")));
        }
        findings
    }
}

/// Of rows whose pictures end by themselves.
pub(super) fn temporary(count: u64) -> Option<Finding> {
    (count > 0).then(|| {
        Finding::warning(
            format!("avatars: {count} kinksters show a picture at OpenAI, which is gone within hours"),
            "`tintype backfill` stores what still lives",
        )
    })
}

/// Our own bucket and rows; nothing where they are an upstream's.
pub(super) async fn examine(config: &Config, catalog: &Catalog) -> Vec<Finding> {
    let Ok(name) = BucketName::parse(AVATARS) else { return Vec::new() };
    let is_elsewhere = config.buckets.get(AVATARS).is_some_and(|bucket| bucket.url.is_some());
    if config.upstream.url.is_some() || is_elsewhere {
        return Vec::new();
    }
    let looked = async {
        let mut findings = match catalog.find_bucket(&name).await? {
            None => vec![Finding::fault(
                format!("bucket {AVATARS}: missing, so avatars can be neither stored nor seen"),
                format!(
                    "name it in the configuration ([buckets.{AVATARS}]) and start the server again, or POST /storage/v1/bucket"
                ),
            )],
            Some(bucket) => {
                let shelf = Shelf {
                    public: bucket.public,
                    file_size_limit: bucket.file_size_limit,
                    allowed_mime_types: bucket.allowed_mime_types.as_deref(),
                };
                shelf
                    .findings(&format!("PUT /storage/v1/bucket/{AVATARS}, or [buckets.{AVATARS}] in the configuration"))
            }
        };
        let origins = avatar_origins(config);
        let rows = catalog.pictured_kinksters(None, LOOKED_AT).await?;
        let kinds = rows.iter().filter_map(|row| origins.kind(row.avatar_url.as_deref()?));
        findings.extend(temporary(kinds.filter(|kind| *kind == AvatarUrl::Temporary).count() as u64));
        Ok::<_, CatalogError>(findings)
    };
    looked.await.unwrap_or_else(|error| {
        vec![Finding::fault(format!("catalogue: {error}"), "check storage.database and the disk")]
    })
}
