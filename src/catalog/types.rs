//! What the catalogue holds, in the shape of Supabase's `storage.buckets` and `storage.objects`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{CatalogError, now};
use crate::auth::Caller;
use crate::object::{BucketName, ObjectId, ObjectKey};

/// What tintype knows of a bucket beyond Supabase's columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BucketSettings {
    /// Whether the bytes must be what their type says; the detected type is then what is stored.
    pub verify_content: bool,
    /// Whether a picture must decode as a whole.
    pub must_decode: bool,
    /// Whether metadata is removed and the orientation applied at ingest.
    pub normalise: bool,
    /// Pictures larger than this many bytes are encoded anew at ingest.
    pub reencode_over: Option<u64>,
}

/// A row of `buckets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub id: BucketName,
    pub owner: Option<String>,
    pub public: bool,
    /// Largest object in bytes.
    pub file_size_limit: Option<u64>,
    /// Types such as `image/png` or `image/*`; `None`: all.
    pub allowed_mime_types: Option<Vec<String>>,
    pub settings: BucketSettings,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

/// A bucket to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBucket {
    pub id: BucketName,
    pub public: bool,
    pub file_size_limit: Option<u64>,
    pub allowed_mime_types: Option<Vec<String>>,
    pub settings: BucketSettings,
}

/// What changes of a bucket; `None` leaves a column as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketChange {
    pub public: Option<bool>,
    pub file_size_limit: Option<Option<u64>>,
    pub allowed_mime_types: Option<Option<Vec<String>>>,
    pub settings: Option<BucketSettings>,
}

/// Columns by which buckets are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BucketOrder {
    #[default]
    Id,
    Name,
    CreatedAt,
    UpdatedAt,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// Which buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketQuery {
    /// Part of the name, in any case.
    pub search: Option<String>,
    pub order: BucketOrder,
    pub direction: Direction,
    pub limit: Option<u32>,
    pub offset: u32,
}

/// A row of `objects`: the current version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Stays the same when the object is replaced or moved.
    pub row: Uuid,
    pub id: ObjectId,
    /// `sub` of who wrote it.
    pub owner: Option<String>,
    /// Names the bytes: they lie under `{bucket}/{version}`.
    pub version: Uuid,
    pub size: u64,
    /// Strong, quoted, of the bytes.
    pub etag: String,
    pub mime_type: String,
    /// As it is sent: `max-age=3600`, `no-cache`.
    pub cache_control: String,
    /// The caller's own metadata.
    pub user_metadata: Option<Map<String, Value>>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub last_accessed_at: OffsetDateTime,
}

/// A version whose bytes are written, to become the object's current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    pub id: ObjectId,
    pub version: Uuid,
    pub size: u64,
    pub etag: String,
    pub mime_type: String,
    pub cache_control: String,
    pub user_metadata: Option<Map<String, Value>>,
}

/// What became of a [`NewObject`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    pub object: Object,
    /// Whether an older version was replaced; its bytes are noted as stale.
    pub replaced: bool,
}

/// Bytes that no row names any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaleBlob {
    pub bucket: BucketName,
    pub version: Uuid,
}

/// A resumable upload to be begun. Its version names its bytes from the first one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    pub version: Uuid,
    pub object: ObjectId,
    /// Bytes in all.
    pub length: u64,
    pub mime_type: String,
    pub cache_control: String,
    pub user_metadata: Option<Map<String, Value>>,
    /// Whether an existing object may be replaced.
    pub upsert: bool,
    pub expires_at: OffsetDateTime,
}

/// A row of `uploads`: a resumable upload that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub version: Uuid,
    pub object: ObjectId,
    /// `role` and `sub` of who began it.
    pub claims: Map<String, Value>,
    pub length: u64,
    /// Bytes that have come and lie on disk.
    pub offset: u64,
    pub mime_type: String,
    pub cache_control: String,
    pub user_metadata: Option<Map<String, Value>>,
    pub upsert: bool,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// What is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub objects: u64,
    pub bytes: u64,
}

/// What lies in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    pub amount: Amount,
    /// When its first and its last object came; `None`: it is empty.
    pub oldest: Option<OffsetDateTime>,
    pub newest: Option<OffsetDateTime>,
}

/// What is stored where, and by whom; sorted by bucket, then by owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Empty buckets too.
    pub buckets: Vec<(BucketName, Amount)>,
    /// Objects without an owner are nobody's: the service role wrote them.
    pub owners: Vec<(BucketName, Option<String>, Amount)>,
}

/// Columns by which objects are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    #[default]
    Name,
    CreatedAt,
    UpdatedAt,
    LastAccessedAt,
}

/// One level of folders, version 1 of the listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The folder, without a slash at its end; empty: the whole bucket.
    pub folder: String,
    /// What the names within the folder begin with, in any case (of ASCII letters).
    pub search: String,
    pub limit: u32,
    pub offset: u32,
    pub sort_by: SortBy,
    pub direction: Direction,
}

/// A name within a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A deeper folder, without its slash.
    Folder(String),
    /// An object; the name is relative to the folder asked for.
    Object { name: String, object: Box<Object> },
}

/// Keys by prefix, version 2 of the listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// A prefix of text, not of segments.
    pub prefix: String,
    /// Whether what has a slash after the prefix is folded into folders.
    pub delimited: bool,
    pub limit: u32,
    /// Where the page before ended: the sort column's value and the name.
    pub after: Option<(Option<OffsetDateTime>, String)>,
    pub sort_by: SortBy,
    pub direction: Direction,
}

/// One page of version 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Whole prefixes, with the slash at their end.
    pub folders: Vec<String>,
    pub objects: Vec<Object>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<(Option<OffsetDateTime>, String)>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    Created,
    Updated,
    Deleted,
}

/// A fact in the outbox. A move is a deletion and a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Version 7: in the order of the commits of one node.
    pub id: Uuid,
    pub kind: EventKind,
    pub object: ObjectId,
    pub version: Uuid,
    pub size: u64,
    pub mime_type: String,
    pub owner: Option<String>,
    pub at: OffsetDateTime,
}

impl Object {
    /// The name's part below a folder, which it must lie in.
    pub fn name_below<'a>(key: &'a ObjectKey, folder: &str) -> &'a str {
        let name = key.as_str().strip_prefix(folder).unwrap_or(key.as_str());
        name.strip_prefix('/').unwrap_or(name)
    }

    /// The row under its new name; `moved` are its bytes where they are copied.
    pub(super) fn renamed(&self, to: &ObjectId, moved: Option<Copied>) -> Result<Self, CatalogError> {
        if moved.is_none() && self.id.bucket != to.bucket {
            return Err(CatalogError::Broken("bytes moved to another bucket have a version of their own".to_owned()));
        }
        let now = now();
        let named = Self { id: to.clone(), updated_at: now, last_accessed_at: now, ..self.clone() };
        Ok(match moved {
            Some(Copied { version, size, etag, mime_type }) => Self { version, size, etag, mime_type, ..named },
            None => named,
        })
    }
}

/// Bytes of an object that have come into another place, whose rules may have made others of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub version: Uuid,
    pub size: u64,
    pub etag: String,
    pub mime_type: String,
}

impl NewObject {
    /// The row that it becomes, in place of the old one.
    pub(super) fn into_row(self, caller: &Caller, old: Option<&Object>) -> Object {
        let now = now();
        Object {
            row: old.map_or_else(Uuid::new_v4, |old| old.row),
            id: self.id,
            owner: caller.subject.as_deref().map(str::to_owned),
            version: self.version,
            size: self.size,
            etag: self.etag,
            mime_type: self.mime_type,
            cache_control: self.cache_control,
            user_metadata: self.user_metadata,
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
            last_accessed_at: now,
        }
    }
}

impl NewUpload {
    /// The row that it becomes, begun by this caller.
    pub(super) fn into_row(self, caller: &Caller) -> Upload {
        let mut claims = Map::from_iter([("role".to_owned(), Value::from(caller.role.as_str()))]);
        claims.extend(caller.subject.as_deref().map(|subject| ("sub".to_owned(), Value::from(subject))));
        Upload {
            version: self.version,
            object: self.object,
            claims,
            length: self.length,
            offset: 0,
            mime_type: self.mime_type,
            cache_control: self.cache_control,
            user_metadata: self.user_metadata,
            upsert: self.upsert,
            created_at: now(),
            expires_at: self.expires_at,
        }
    }
}

impl EventKind {
    /// The name in events and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, CatalogError> {
        match text {
            "created" => Ok(Self::Created),
            "updated" => Ok(Self::Updated),
            "deleted" => Ok(Self::Deleted),
            other => Err(CatalogError::Broken(format!("`{other}` is no kind of event"))),
        }
    }
}

impl Event {
    /// What is to be told of this row.
    pub(super) fn of(kind: EventKind, object: &Object) -> Self {
        Self {
            id: Uuid::now_v7(),
            kind,
            object: object.id.clone(),
            version: object.version,
            size: object.size,
            mime_type: object.mime_type.clone(),
            owner: object.owner.clone(),
            at: now(),
        }
    }
}

impl Usage {
    /// Of rows of (bucket, owner), sorted; an empty bucket has one without objects.
    pub(super) fn of(rows: Vec<(BucketName, Option<String>, Amount)>) -> Self {
        let mut usage = Self::default();
        for (bucket, owner, amount) in rows {
            match usage.buckets.last_mut() {
                Some((last, sum)) if *last == bucket => {
                    sum.objects += amount.objects;
                    sum.bytes += amount.bytes;
                }
                _ => usage.buckets.push((bucket.clone(), amount)),
            }
            if amount.objects > 0 {
                usage.owners.push((bucket, owner, amount));
            }
        }
        usage
    }
}
