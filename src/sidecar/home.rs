//! Where avatars and the rows of their characters are kept: by us, both in one transaction; or by a Supabase in front of
//! which we stand, in steps each of which may be done again.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::project::{Project, ProjectError, RowMatch};
use crate::auth::Caller;
use crate::bucket::{BucketError, Buckets, Door, Ready};
use crate::catalog::{AvatarWrite, CatalogError, Lease};
use crate::deliver::Deliver;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::purge::Scope;
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

/// A project that keeps them. Nothing covers all of its steps; each is noted by whoever takes it, and may be done again.
#[derive(Debug)]
pub struct Elsewhere {
    pub project: Arc<Project>,
    /// Looks at pictures before they leave.
    pub buckets: Arc<Buckets>,
    pub deliver: Arc<Deliver>,
    /// What they are held against.
    pub door: Door,
}

/// A picture to be stored for somebody.
#[derive(Clone, Debug)]
pub struct NewAvatar<'a> {
    pub user: &'a str,
    pub kinkster: Option<Uuid>,
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

/// A picture that may be stored, in memory.
#[derive(Clone, Debug)]
pub struct Treated {
    pub bytes: Bytes,
    pub mime_type: String,
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
            Keeper::Upstream(elsewhere) => Ok(elsewhere.door.clone()),
        }
    }

    /// Stores a picture as somebody's avatar, with its row. A refusal leaves nothing behind.
    pub async fn store(&self, avatar: NewAvatar<'_>, bytes: Bytes) -> Result<Written, HomeError> {
        match &self.keeper {
            Keeper::Own(buckets) => self.store_here(buckets, avatar, bytes).await,
            Keeper::Upstream(elsewhere) => {
                let picture = elsewhere.treated(bytes).await?;
                let key = avatar.key(now_ms(), &picture.mime_type)?;
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

    /// Stores a picture that has its name at the project.
    pub async fn store_there(
        &self,
        elsewhere: &Elsewhere,
        avatar: NewAvatar<'_>,
        picture: Treated,
        key: ObjectKey,
    ) -> Result<Written, HomeError> {
        let (object, size) = (self.object(key), picture.bytes.len() as u64);
        let mime_type = picture.mime_type.clone();
        self.upload(elsewhere, &object, picture).await?;
        let url = self.public_url(&object);
        match elsewhere.note_row(&avatar, &url).await {
            Ok(true) => {}
            // A row that was removed meanwhile stays removed.
            Ok(false) if avatar.instead_of.is_none() => {}
            // It was written before, by a request whose answer was lost.
            Ok(false) if elsewhere.shows(&avatar, &url).await? => {}
            Ok(false) => {
                elsewhere.take_back(&object).await;
                return Err(HomeError::Changed);
            }
            Err(error) => {
                // A failure leaves in doubt whether the row was written: the picture must not be missing then.
                if error.retry().is_none() {
                    elsewhere.take_back(&object).await;
                }
                return Err(error.into());
            }
        }
        Ok(Written { url, key: object.key, mime_type, size })
    }

    /// Uploads to the project; what was made of the name before is not shown from then on.
    pub async fn upload(&self, elsewhere: &Elsewhere, object: &ObjectId, picture: Treated) -> Result<(), ProjectError> {
        let Treated { bytes, mime_type } = picture;
        elsewhere.project.upload(object, &mime_type, &self.cache_control, bytes).await?;
        elsewhere.note_written(object).await;
        Ok(())
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

impl Elsewhere {
    /// Holds a picture against the rules of avatars.
    pub async fn treated(&self, bytes: Bytes) -> Result<Treated, BucketError> {
        let ready: Ready = self.buckets.treat_avatar(&self.door, bytes).await?;
        Ok(Treated { bytes: ready.bytes().await?, mime_type: ready.mime_type })
    }

    /// Writes the avatar columns of the user's row; whether there is one that is as it is thought to be.
    pub async fn note_row(&self, avatar: &NewAvatar<'_>, url: &str) -> Result<bool, ProjectError> {
        let Some(id) = avatar.kinkster else { return Ok(false) };
        let mut columns = Map::from_iter([("avatar_url".to_owned(), url.into())]);
        columns.extend(avatar.prompt.clone().map(|prompt| ("avatar_prompt".to_owned(), prompt.into())));
        columns.extend(avatar.config.clone().map(|config| ("avatar_generation_config".to_owned(), config)));
        let row = RowMatch { id, user: avatar.user, avatar_url: avatar.instead_of.as_deref() };
        self.project.change(row, &columns).await
    }

    async fn shows(&self, avatar: &NewAvatar<'_>, url: &str) -> Result<bool, ProjectError> {
        let Some(id) = avatar.kinkster else { return Ok(false) };
        let row = self.project.kinkster(id, None).await?;
        Ok(row.is_some_and(|row| row.avatar_url.as_deref() == Some(url)))
    }

    async fn note_written(&self, object: &ObjectId) {
        let scope = Scope::Object(object.bucket.clone(), object.key.clone());
        if let Err(error) = self.deliver.written(scope).await {
            // The version is in every key: what is left on disk is never served.
            tracing::warn!(%error, "variants of a changed object could not be removed");
        }
    }

    /// Removes what nothing points at. What is left is the retention's to find.
    async fn take_back(&self, object: &ObjectId) {
        if let Err(error) = self.project.remove(object).await {
            tracing::warn!(%object, %error, "a picture that no row shows is left in its bucket");
        }
        self.note_written(object).await;
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
