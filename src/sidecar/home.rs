//! Where avatars and the rows of their characters are kept: by us, both in one transaction; or by a Supabase in front of
//! which we stand, in steps each of which may be done again.

mod elsewhere;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

pub use elsewhere::{Elsewhere, Treated};

use crate::auth::Caller;
use crate::bucket::{BucketError, Buckets, Door};
use crate::catalog::{AvatarWrite, CatalogError, Lease};
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::project::ProjectError;
use crate::secret::Secret;

/// How many names are tried: another picture of the same user may have been stored in the same millisecond.
const NAMES: i64 = 5;

/// Where avatars live.
#[derive(Debug)]
pub struct Home {
    pub keeper: Keeper,
    pub bucket: BucketName,
    /// `max-age=3600`.
    pub cache_control: String,
    /// What our URLs begin with.
    pub public_url: Url,
}

/// Who keeps them.
#[derive(Debug)]
pub enum Keeper {
    /// We do: picture, job and row are written in one transaction.
    Own(Arc<Buckets>),
    Upstream(Elsewhere),
}

/// A picture to be stored for somebody.
#[derive(Clone, Debug)]
pub struct NewAvatar<'a> {
    pub user: &'a str,
    pub kinkster: Option<Uuid>,
    /// Whether one of ours that nobody has becomes the user's, which happens with the picture or not at all.
    pub claims_kinkster: bool,
    /// The job that this is the second step of, where one transaction covers it.
    pub lease: Option<Lease>,
    /// `None` leaves what was known of an older picture's making as it is.
    pub prompt: Option<String>,
    pub config: Option<Value>,
    /// Stored only if the row still shows this URL.
    pub instead_of: Option<String>,
}

/// What was stored, and where it is seen.
#[derive(Clone, Debug)]
pub struct Written {
    pub url: String,
    pub key: ObjectKey,
    pub mime_type: String,
    pub size: u64,
}

/// Why nothing was stored, or nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The row does not show what it should any more.
    #[error("the row was changed meanwhile")]
    Changed,
}

impl From<CatalogError> for HomeError {
    fn from(error: CatalogError) -> Self {
        Self::Bucket(error.into())
    }
}

impl Home {
    /// Whether the characters' rows are ours: one that nobody has becomes that of who asks first.
    pub const fn has_own_rows(&self) -> bool {
        matches!(self.keeper, Keeper::Own(_))
    }

    pub const fn elsewhere(&self) -> Option<&Elsewhere> {
        match &self.keeper {
            Keeper::Own(_) => None,
            Keeper::Upstream(elsewhere) => Some(elsewhere),
        }
    }

    /// Whose a kinkster is, as far as `token` may know. `None`: nobody's.
    pub async fn owner_of(&self, kinkster: Uuid, token: Option<&Secret>) -> Result<Option<String>, HomeError> {
        match &self.keeper {
            Keeper::Own(buckets) => Ok(buckets.catalog.kinkster(kinkster).await?.map(|row| row.user)),
            Keeper::Upstream(elsewhere) => {
                Ok(elsewhere.project.kinkster(kinkster, token).await?.and_then(|row| row.user_id))
            }
        }
    }

    /// Whether the user may have an avatar of this kinkster: their own, or one of ours that nobody has.
    pub async fn admits(&self, kinkster: Uuid, user: &str, token: Option<&Secret>) -> Result<bool, HomeError> {
        let owner = self.owner_of(kinkster, token).await?;
        Ok(owner.map_or(self.has_own_rows(), |owner| owner == user))
    }

    /// The limits of the bucket.
    pub async fn door(&self) -> Result<Door, BucketError> {
        match &self.keeper {
            Keeper::Own(buckets) => buckets.door(&self.bucket).await,
            Keeper::Upstream(elsewhere) => Ok(elsewhere.door()),
        }
    }

    /// Whether a picture could be stored.
    pub async fn check(&self, bytes: Bytes) -> Result<(), HomeError> {
        match &self.keeper {
            Keeper::Own(buckets) => {
                let door = buckets.door(&self.bucket).await?;
                buckets.treat_avatar(&door, bytes).await?;
            }
            Keeper::Upstream(elsewhere) => {
                elsewhere.treated(bytes).await?;
            }
        }
        Ok(())
    }

    /// Stores a picture as somebody's avatar, with its row. A refusal leaves nothing behind.
    pub async fn store(&self, avatar: NewAvatar<'_>, bytes: Bytes) -> Result<Written, HomeError> {
        match &self.keeper {
            Keeper::Own(buckets) => self.store_here(buckets, avatar, bytes).await,
            Keeper::Upstream(elsewhere) => {
                let picture = elsewhere.treated(bytes).await?;
                let key = avatar.key(elsewhere.moment(), &picture.mime_type)?;
                self.store_there(elsewhere, avatar, picture, key).await
            }
        }
    }

    async fn store_here(
        &self,
        buckets: &Arc<Buckets>,
        avatar: NewAvatar<'_>,
        bytes: Bytes,
    ) -> Result<Written, HomeError> {
        let (door, now) = (buckets.door(&self.bucket).await?, now_ms());
        for later in 0..NAMES {
            let ready = buckets.treat_avatar(&door, bytes.clone()).await?;
            let key = avatar.key(now + later, &ready.mime_type)?;
            let object = self.object(key.clone());
            let url = self.public_url(&object);
            let (caller, write) = (on_behalf_of(avatar.user), avatar.write(url.clone()));
            match buckets.put_avatar(&caller, object, &self.cache_control, ready, write).await {
                Err(BucketError::Catalog(CatalogError::ObjectExists)) => {}
                Err(BucketError::Catalog(CatalogError::Superseded)) if avatar.lease.is_none() => {
                    return Err(HomeError::Changed);
                }
                put => {
                    let object = put?.object;
                    return Ok(Written { url, key, mime_type: object.mime_type, size: object.size });
                }
            }
        }
        Err(CatalogError::ObjectExists.into())
    }

    pub fn object(&self, key: ObjectKey) -> ObjectId {
        ObjectId::new(self.bucket.clone(), key)
    }

    /// The public URL of an object.
    pub fn public_url(&self, object: &ObjectId) -> String {
        let mut url = self.public_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["storage", "v1", "object", "public", object.bucket.as_str()]);
            segments.extend(object.key.as_str().split('/'));
        }
        url.into()
    }
}

impl NewAvatar<'_> {
    /// `{user}/kinksters/avatar_{unix_ms}[_{kinkster}].{ext}`.
    pub fn key(&self, milliseconds: i64, mime_type: &str) -> Result<ObjectKey, BucketError> {
        let extension = extension_of(mime_type);
        let kinkster = self.kinkster.map(|kinkster| format!("_{kinkster}")).unwrap_or_default();
        let key = format!("{}/kinksters/avatar_{milliseconds}{kinkster}.{extension}", self.user);
        ObjectKey::parse(&key).map_err(|error| CatalogError::Broken(error.to_string()).into())
    }

    fn write(&self, url: String) -> AvatarWrite {
        AvatarWrite {
            lease: self.lease,
            kinkster: self.kinkster,
            claims_kinkster: self.claims_kinkster,
            user: self.user.to_owned(),
            url,
            prompt: self.prompt.clone(),
            config: self.config.clone(),
            instead_of: self.instead_of.clone(),
        }
    }
}

/// The ending of a picture's name.
pub fn extension_of(mime_type: &str) -> &'static str {
    match mime_type {
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        _ => "png",
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64
}

/// We write, and the picture is theirs.
fn on_behalf_of(user: &str) -> Caller {
    let claims = [("role", "service_role"), ("sub", user)].map(|(name, value)| (name.to_owned(), value.into()));
    Caller::from_claims(claims.into_iter().collect())
}
