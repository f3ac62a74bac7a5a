//! A Supabase that keeps avatars and rows: storing in steps each of which may be done again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use serde_json::Map;

use super::{Home, HomeError, NewAvatar, Written, now_ms};
use crate::bucket::{BucketError, Buckets, Door, Ready};
use crate::deliver::Deliver;
use crate::object::{ObjectId, ObjectKey};
use crate::project::{NewContent, Project, ProjectError, RowMatch};
use crate::purge::Scope;

/// A project that keeps them. Nothing covers all of its steps; each is noted by whoever takes it, and may be done again.
#[derive(Debug)]
pub struct Elsewhere {
    pub project: Arc<Project>,
    /// Looks at pictures before they leave.
    buckets: Arc<Buckets>,
    deliver: Arc<Deliver>,
    /// What they are held against.
    door: Door,
    /// The last moment that a name was made of.
    last: AtomicI64,
}

/// A picture that may be stored, in memory.
#[derive(Clone, Debug)]
pub struct Treated {
    pub bytes: Bytes,
    pub mime_type: String,
}

impl Home {
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
        let (mime_type, cache_control) = (mime_type.as_str(), self.cache_control.as_str());
        let content = NewContent { mime_type, cache_control, user_metadata: None, bytes };
        elsewhere.project.upload(object, content).await?;
        elsewhere.note_written(object).await;
        Ok(())
    }
}

impl Elsewhere {
    pub const fn new(project: Arc<Project>, buckets: Arc<Buckets>, deliver: Arc<Deliver>, door: Door) -> Self {
        Self { project, buckets, deliver, door, last: AtomicI64::new(0) }
    }

    /// The limits of the bucket.
    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// The present in milliseconds, and no other name's: an upload replaces what has its name.
    pub fn moment(&self) -> i64 {
        let now = now_ms();
        let next = |last: i64| Some(now.max(last + 1));
        self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_or(now, |last| now.max(last + 1))
    }

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
    pub async fn take_back(&self, object: &ObjectId) {
        if let Err(error) = self.project.remove(object).await {
            tracing::warn!(%object, %error, "a picture that no row shows is left in its bucket");
        }
        self.note_written(object).await;
    }
}
