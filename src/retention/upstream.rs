//! Rows and objects of a Supabase in front of which we stand. No transaction covers it and us: an object's bytes are kept
//! here and its row is noted before the project is asked to remove it, so that whatever breaks off loses nothing.

mod back;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

pub(super) use walk::Walk;

use super::RetentionError;
use crate::blobs::{Blobs, Described};
use crate::catalog::{Actor, Catalog, CatalogError, Object, Removed, Retire, Retiree, Seen};
use crate::config::ColumnName;
use crate::deliver::Deliver;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::project::{Project, ProjectError, ProjectInfo};
use crate::purge::Scope;
use crate::transform::Pointed;

/// Rows of characters read at once.
const ROWS: u32 = 1000;

/// Rows and objects of the project; what is removed lies in our blobs for as long as it can be brought back.
#[derive(Debug)]
pub(super) struct UpstreamHoldings {
    pub project: Arc<Project>,
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    /// That of this process, which purges at once. Without it the outbox has it done by a server.
    pub deliver: Option<Arc<Deliver>>,
    /// What points at objects beside the characters, in a database of ours.
    pub columns: Vec<ColumnName>,
    /// What is younger stays.
    pub young: Duration,
    /// Largest object that is removed, in bytes: it is in memory on its way here.
    pub object_bytes: u64,
    /// Most entries of a bucket that are listed.
    pub most_objects: u64,
}

/// An object whose bytes are here, and what it was then.
struct Kept<'a> {
    removed: Removed,
    info: ProjectInfo,
    retiree: &'a Retiree,
}

impl UpstreamHoldings {
    pub(super) fn walk<'a>(&'a self, bucket: &'a BucketName) -> Walk<'a> {
        Walk::new(self, bucket)
    }

    /// The project's characters, and what of ours points at objects: jobs whose row is not written yet, columns.
    pub(super) async fn read_references(&self, pointed: &mut Pointed) -> Result<Seen, RetentionError> {
        let seen = self.catalog.read_references(&self.columns, pointed).await?;
        let mut after = None;
        loop {
            let rows = self.project.shown(after, ROWS).await;
            let rows = rows.map_err(|error| failed("the rows of characters cannot be read".to_owned(), error))?;
            // Its server may answer fewer than it is asked for.
            let Some(last) = rows.last() else { return Ok(seen) };
            if after.is_some_and(|after| after >= last.id) {
                return Err(failed("the rows of characters come in no order".to_owned(), ProjectError::Nonsense));
            }
            after = Some(last.id);
            rows.iter().filter_map(|row| row.avatar_url.as_deref()).for_each(|url| pointed.note(url));
        }
    }

    pub(super) async fn retire(&self, retire: &Retire<'_>) -> Result<Vec<Object>, RetentionError> {
        let lease = retire.until - OffsetDateTime::now_utc();
        let mut kept = Vec::new();
        for retiree in retire.objects {
            kept.extend(self.keep(retire, retiree).await?);
        }
        let kept = self.unchanged(kept).await?;
        let kept = self.not_pointed_at(retire.bucket, kept).await?;
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        if !self.catalog.renew_run(retire.run, OffsetDateTime::now_utc() + lease).await? {
            return Err(CatalogError::Superseded.into());
        }
        let keys: Vec<&ObjectKey> = kept.iter().map(|kept| &kept.retiree.key).collect();
        let answered = self.project.remove_all(retire.bucket, &keys).await;
        let gone = self.gone(retire.bucket, kept, answered).await?;
        self.note_gone(retire.bucket, retire.actor, gone).await
    }

    /// Has the bytes here and notes the row, if the object is still the one that was planned.
    async fn keep<'a>(&self, retire: &Retire<'_>, retiree: &'a Retiree) -> Result<Option<Kept<'a>>, RetentionError> {
        let id = ObjectId::new(retire.bucket.clone(), retiree.key.clone());
        let what = || format!("`{id}` cannot be read");
        let info = self.project.info(&id).await.map_err(|error| failed(what(), error))?;
        let Some(info) = info.filter(|info| self.may_go(info, retiree)) else { return Ok(None) };
        let bytes = self.project.download(&id, self.object_bytes).await.map_err(|error| failed(what(), error))?;
        let Some(bytes) = bytes.filter(|bytes| bytes.len() as u64 == info.object.size) else { return Ok(None) };
        let mut receiving = self.blobs.receive(self.object_bytes).await?;
        receiving.write(&bytes).await?;
        let described = Described { mime_type: &info.mime_type, cache_control: &info.cache_control };
        self.blobs.keep(&id.bucket, retiree.version, receiving.finish().await?, described).await?;
        let object = Object {
            mime_type: info.mime_type.clone(),
            cache_control: info.cache_control.clone(),
            user_metadata: info.user_metadata.clone(),
            ..walk::as_row(id, &info.object)
        };
        let removed = Removed::now(retire, object);
        self.catalog.note_pending(&removed).await?;
        Ok(Some(Kept { removed, info, retiree }))
    }

    fn may_go(&self, info: &ProjectInfo, retiree: &Retiree) -> bool {
        let object = &info.object;
        let is_old = object.created_at.max(object.updated_at) <= OffsetDateTime::now_utc() - self.young;
        if object.size > self.object_bytes {
            tracing::warn!(object = %retiree.key, size = object.size, "retention leaves what is too large to be kept");
        }
        is_old && object.version() == retiree.version && object.size <= self.object_bytes
    }

    /// Those that were not written meanwhile.
    async fn unchanged<'a>(&self, all: Vec<Kept<'a>>) -> Result<Vec<Kept<'a>>, RetentionError> {
        let mut unchanged = Vec::new();
        for kept in all {
            let id = &kept.removed.object.id;
            let info = self.project.info(id).await.map_err(|error| failed(format!("`{id}` cannot be read"), error))?;
            if info.is_some_and(|info| info == kept.info) {
                unchanged.push(kept);
            }
        }
        Ok(unchanged)
    }

    async fn not_pointed_at<'a>(
        &self,
        bucket: &BucketName,
        mut kept: Vec<Kept<'a>>,
    ) -> Result<Vec<Kept<'a>>, RetentionError> {
        if kept.is_empty() {
            return Ok(kept);
        }
        let mut pointed = Pointed::among(bucket, kept.iter().map(|kept| &kept.retiree.key));
        self.read_references(&mut pointed).await?;
        kept.retain(|kept| !pointed.is_pointed_at(&kept.removed.object.id));
        Ok(kept)
    }

    /// What is gone, and why it went: as the project answered, or, where that is not sure, as it tells of each.
    async fn gone<'a>(
        &self,
        bucket: &BucketName,
        kept: Vec<Kept<'a>>,
        answered: Result<Vec<String>, ProjectError>,
    ) -> Result<Vec<(Removed, &'a str)>, RetentionError> {
        let (names, failure): (HashSet<String>, _) = match answered {
            Ok(names) => (names.into_iter().collect(), None),
            Err(error) => (HashSet::new(), Some(error)),
        };
        let mut gone = Vec::new();
        for Kept { removed, retiree, .. } in kept {
            let id = &removed.object.id;
            if names.contains(id.key.as_str()) || self.is_gone(id).await? {
                gone.push((removed, retiree.reason.as_str()));
            }
        }
        match failure.filter(|_| gone.is_empty()) {
            Some(error) => Err(failed(format!("the objects of `{bucket}` cannot be removed"), error)),
            None => Ok(gone),
        }
    }

    /// Notes what is gone. Nobody kept the project's rows from changing meanwhile: what one shows by now is put back. As
    /// long as that is not known all of it stays pending, for the next run to settle.
    async fn note_gone(
        &self,
        bucket: &BucketName,
        actor: Actor,
        gone: Vec<(Removed, &str)>,
    ) -> Result<Vec<Object>, RetentionError> {
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let mut pointed = Pointed::among(bucket, gone.iter().map(|(removed, _)| &removed.object.id.key));
        self.read_references(&mut pointed).await?;
        let mut stay_away = Vec::new();
        for (removed, reason) in gone {
            let id = &removed.object.id;
            self.catalog.note_gone(&removed, actor, reason).await?;
            self.purge(id).await;
            if pointed.is_pointed_at(id) {
                match self.bring_back(&removed, actor, "a row showed it while it was removed").await? {
                    Ok(()) => continue,
                    Err(away) => tracing::warn!(object = %id, "a removed picture that a row shows stays away: {away}"),
                }
            }
            stay_away.push(removed.object);
        }
        Ok(stay_away)
    }

    async fn is_gone(&self, id: &ObjectId) -> Result<bool, RetentionError> {
        let info = self.project.info(id).await;
        Ok(info.map_err(|error| failed(format!("it is not known whether `{id}` is removed"), error))?.is_none())
    }

    /// What a run before this one had asked to be removed: gone, or still there, and then a later run's to remove.
    pub(super) async fn settle(&self, actor: Actor) -> Result<(), RetentionError> {
        let mut gone: BTreeMap<BucketName, Vec<_>> = BTreeMap::new();
        for pending in self.catalog.pending_removals().await? {
            let id = &pending.object.id;
            if self.is_gone(id).await? {
                let removed = Removed { is_pending: false, ..pending.clone() };
                gone.entry(id.bucket.clone()).or_default().push((removed, "removed by a run that broke off"));
            }
        }
        for (bucket, gone) in gone {
            self.note_gone(&bucket, actor, gone).await?;
        }
        Ok(())
    }

    /// After the fact only a warning: the version is in every key, so what is left on disk is never served.
    async fn purge(&self, id: &ObjectId) {
        let Some(deliver) = &self.deliver else { return };
        if let Err(error) = deliver.written(Scope::Object(id.bucket.clone(), id.key.clone())).await {
            tracing::warn!(%error, "variants of a removed object could not be removed");
        }
    }
}

fn failed(what: String, error: ProjectError) -> RetentionError {
    RetentionError::Upstream { what, error }
}
