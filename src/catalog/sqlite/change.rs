//! Objects that go away or elsewhere.

use sqlx::SqliteConnection;

use super::cleanup::keep_removed;
use super::objects::{self, find, replace};
use super::outbox::{adopt, note_event, note_stale};
use super::{Sqlite, buckets, rows};
use crate::auth::{Caller, Operation, Reach};
use crate::catalog::level::Level;
use crate::catalog::select::{Found, Select};
use crate::catalog::types::{Copied, EventKind, Object};
use crate::catalog::{CatalogError, Undo, now};
use crate::object::{BucketName, ObjectId, ObjectKey};

impl Sqlite {
    pub(in crate::catalog) async fn remove(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        let mut tx = self.begin().await?;
        let mut removed = Vec::new();
        for key in keys {
            let id = ObjectId::new(bucket.clone(), key.clone());
            if !(self.allows(caller, Operation::Delete, &id) && self.allows(caller, Operation::Select, &id)) {
                continue;
            }
            if let Some(object) = find(&mut tx, &id).await? {
                take_away(&mut tx, caller, &object, undo).await?;
                removed.push(object);
            }
        }
        tx.commit().await?;
        removed.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(removed)
    }

    pub(in crate::catalog) async fn empty_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        limit: u32,
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        let rules = self.rules.of(bucket);
        if !rules.allows(caller, Operation::Buckets, None) {
            return Err(CatalogError::NoBucket);
        }
        let mut tx = self.begin().await?;
        buckets::require(&mut tx, bucket).await?;
        let reaches = [Operation::Delete, Operation::Select].map(|operation| rules.reach(caller, operation));
        let removed = first_within(&mut tx, bucket, &reaches, limit).await?;
        for object in &removed {
            take_away(&mut tx, caller, object, undo).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    pub(in crate::catalog) async fn rename(
        &self,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
        moved: Option<Copied>,
    ) -> Result<Object, CatalogError> {
        let mut tx = self.begin().await?;
        let visible = self.allows(caller, Operation::Select, from);
        let old = find(&mut tx, from).await?.filter(|_| visible).ok_or(CatalogError::NoObject)?;
        buckets::require(&mut tx, &to.bucket).await?;
        if !(self.allows(caller, Operation::Update, from) && self.allows(caller, Operation::Insert, to)) {
            return Err(CatalogError::Denied);
        }
        if find(&mut tx, to).await?.is_some() {
            return Err(CatalogError::ObjectExists);
        }
        let object = old.renamed(to, moved)?;
        replace(&mut tx, &object).await?;
        adopt(&mut tx, &object.id.bucket, object.version).await?;
        if old.version != object.version {
            note_stale(&mut tx, &old, now()).await?;
        }
        note_event(&mut tx, EventKind::Deleted, &old).await?;
        note_event(&mut tx, EventKind::Created, &object).await?;
        tx.commit().await?;
        Ok(object)
    }
}

/// Row away, bytes stale or kept for as long as it can be undone, event noted.
async fn take_away(
    connection: &mut SqliteConnection,
    caller: &Caller,
    object: &Object,
    undo: Option<Undo>,
) -> Result<(), CatalogError> {
    objects::delete(connection, object.row).await?;
    match undo {
        Some(undo) => keep_removed(connection, caller, undo, object).await?,
        None => note_stale(connection, object, now()).await?,
    }
    note_event(connection, EventKind::Deleted, object).await
}

/// The first objects within all of the reaches.
async fn first_within(
    connection: &mut SqliteConnection,
    bucket: &BucketName,
    reaches: &[Reach],
    limit: u32,
) -> Result<Vec<Object>, CatalogError> {
    let mut select = Select::new("SELECT name AS entry, objects.* FROM objects WHERE bucket_id = ");
    select.text(bucket.as_str());
    for reach in reaches {
        let Some(level) = Level::new(bucket.as_str(), "", "", false, reach) else { return Ok(Vec::new()) };
        level.push_names(&mut select);
    }
    select.push(" ORDER BY name LIMIT ").number(u64::from(limit));
    let found = rows::found(connection, select).await?.into_iter();
    Ok(found.filter_map(|found| if let Found::Object(object) = found { Some(*object) } else { None }).collect())
}
