//! What is removed through the API, and comes back to whom removed it.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{bucket_name, events, forget_stale, id, key, make_bucket, put, stale, user};
use crate::auth::Caller;
use crate::catalog::{
    Actor, AuditAction, AuditQuery, Catalog, EventKind, NewRun, Object, Removed, Restored, Retire, Retiree, RunState,
    Seen, Undo,
};
use crate::transform::Pointed;

fn undo() -> Option<Undo> {
    Undo::within(std::time::Duration::from_secs(60))
}

async fn remove(catalog: &Catalog, caller: &Caller, object: &Object, undo: Option<Undo>) {
    let keys = std::slice::from_ref(&object.id.key);
    let removed = catalog.remove(caller, &object.id.bucket, keys, undo).await.unwrap();
    assert_eq!(removed, std::slice::from_ref(object));
}

async fn found(catalog: &Catalog, caller: &Caller, object: &Object) -> Vec<Removed> {
    let keys = std::slice::from_ref(&object.id.key);
    catalog.removed_named(caller, &object.id.bucket, keys, None).await.unwrap()
}

pub async fn gives_back_to_whom_removed_it(catalog: &Catalog) {
    make_bucket(catalog, "undone").await;
    let (ann, bob) = (user("ann"), user("bob"));
    let object = put(catalog, "undone", "ann/a.png").await;
    events(catalog).await;
    remove(catalog, &ann, &object, undo()).await;
    assert_eq!(catalog.find_object(&object.id).await, Ok(None));
    assert!(stale(catalog, "undone").await.is_empty());
    let known = catalog.known_versions(&object.id.bucket, &[object.version]).await.unwrap();
    assert_eq!(known, [object.version].into());
    assert_eq!(events(catalog).await[0].kind, EventKind::Deleted);

    for other in [&bob, &Caller::anon(), &super::editor()] {
        assert_eq!(found(catalog, other, &object).await, []);
    }
    let service = found(catalog, &Caller::service(), &object).await;
    let mine = found(catalog, &ann, &object).await;
    assert_eq!((&mine, mine.len(), &mine[0].object), (&service, 1, &object));
    // Who may not remove it does not bring it back, however they came to know of it.
    assert_eq!(catalog.undo(&mine[0], &bob).await, Ok(Restored::Gone));
    assert_eq!(catalog.find_object(&object.id).await, Ok(None));
    let run = Some(mine[0].run);
    let log = catalog.audit(&AuditQuery { run, limit: 10, ..AuditQuery::default() }).await.unwrap();
    assert_eq!((log.len(), log[0].entry.actor, log[0].entry.version), (1, Actor::User, Some(object.version)));
    assert!(log[0].restorable_until.is_some());

    assert_eq!(catalog.undo(&mine[0], &ann).await, Ok(Restored::Back(Box::new(object.clone()))));
    assert_eq!(catalog.find_object(&object.id).await, Ok(Some(object.clone())));
    assert_eq!(events(catalog).await[0].kind, EventKind::Created);
    assert_eq!(catalog.undo(&mine[0], &ann).await, Ok(Restored::Gone));
    assert_eq!(catalog.restored_versions(&object.id.bucket).await.unwrap(), [].into());
    let log = catalog.audit(&AuditQuery { run, limit: 10, ..AuditQuery::default() }).await.unwrap();
    let told: Vec<_> = log.iter().map(|line| (line.entry.action, line.restorable_until)).collect();
    assert_eq!(told, [(AuditAction::Restored, None), (AuditAction::Removed, None)]);

    // What has the name by then stays, and the older one can still be had where the name is free again.
    remove(catalog, &ann, &object, undo()).await;
    let newer = put(catalog, "undone", "ann/a.png").await;
    let older = found(catalog, &ann, &object).await;
    assert_eq!(catalog.undo(&older[0], &ann).await, Ok(Restored::Taken));
    assert_eq!(catalog.find_object(&object.id).await, Ok(Some(newer.clone())));
    remove(catalog, &ann, &newer, undo()).await;
    assert_eq!(found(catalog, &ann, &object).await[0].object, newer, "the newest first");
    let keys = [object.id.key.clone()];
    let named = catalog.removed_named(&ann, &object.id.bucket, &keys, Some(object.version)).await.unwrap();
    assert_eq!(named, older);
    assert_eq!(catalog.undo(&older[0], &Caller::service()).await, Ok(Restored::Back(Box::new(object))));
    events(catalog).await;
    catalog.prune_audit(OffsetDateTime::now_utc() + Duration::MINUTE).await.unwrap();
}

pub async fn does_not_outlive_its_time_or_its_bucket(catalog: &Catalog) {
    make_bucket(catalog, "outlived").await;
    let (ann, service, name) = (user("ann"), Caller::service(), bucket_name("outlived"));
    let (late, other) = (put(catalog, "outlived", "ann/a.png").await, put(catalog, "outlived", "ann/b.png").await);
    let over = Undo { run: Uuid::now_v7(), until: OffsetDateTime::now_utc() - Duration::SECOND };
    remove(catalog, &ann, &late, Some(over)).await;
    assert_eq!(found(catalog, &ann, &late).await, []);
    catalog.expire_removed(10).await.unwrap();
    assert_eq!(stale(catalog, "outlived").await, [late.version]);
    let log = catalog.audit(&AuditQuery { run: Some(over.run), limit: 10, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(log.iter().map(|line| line.entry.action).collect::<Vec<_>>(), [AuditAction::Removed]);

    assert_eq!(catalog.empty_bucket(&service, &name, 10, undo()).await.unwrap(), std::slice::from_ref(&other));
    assert_eq!(found(catalog, &ann, &other).await, []);
    let removed = found(catalog, &service, &other).await;
    catalog.delete_bucket(&service, &name).await.unwrap();
    assert_eq!(catalog.undo(&removed[0], &service).await, Ok(Restored::NoBucket));
    assert_eq!(Undo::within(std::time::Duration::ZERO), None);
    assert_eq!(Undo::within(std::time::Duration::MAX), None);
    forget_stale(catalog).await;
    events(catalog).await;
    catalog.prune_audit(OffsetDateTime::now_utc() + Duration::MINUTE).await.unwrap();
}

/// What was brought back from a run is spared by the next ones, also when it was deleted and undone in between.
pub async fn leaves_what_retention_knows(catalog: &Catalog) {
    make_bucket(catalog, "spared").await;
    let (ann, bucket) = (user("ann"), bucket_name("spared"));
    let object = put(catalog, "spared", "ann/a.png").await;
    let soon = OffsetDateTime::now_utc() + Duration::MINUTE;
    let new = NewRun { id: Uuid::now_v7(), actor: Actor::Operator, until: soon, first_due: None };
    assert!(catalog.begin_run(&new).await.unwrap());
    let retiree = Retiree { key: key("ann/a.png"), version: object.version, reason: "old".to_owned() };
    let retire = Retire {
        run: new.id,
        actor: Actor::Operator,
        until: soon,
        restorable_until: soon,
        bucket: &bucket,
        objects: &[retiree],
    };
    let mut pointed = Pointed::among(&bucket, [&object.id.key]);
    assert_eq!(catalog.retire(&retire, &[], &Seen::nothing(), &mut pointed).await.unwrap().len(), 1);
    catalog.end_run(new.id, RunState::Ended, None).await.unwrap();
    assert_eq!(found(catalog, &ann, &object).await, [], "no user's to bring back");
    let removed = found(catalog, &Caller::service(), &object).await;
    assert_eq!(catalog.undo(&removed[0], &Caller::service()).await, Ok(Restored::Back(Box::new(object.clone()))));
    for _ in 0..2 {
        assert_eq!(catalog.restored_versions(&bucket).await.unwrap(), [object.version].into());
        remove(catalog, &ann, &object, undo()).await;
        assert_eq!(catalog.restored_versions(&bucket).await.unwrap(), [].into());
        catalog.prune_restored().await.unwrap();
        let removed = found(catalog, &ann, &object).await;
        assert_eq!(catalog.undo(&removed[0], &ann).await, Ok(Restored::Back(Box::new(object.clone()))));
    }
    assert_eq!(catalog.find_object(&id("spared", "ann/a.png")).await, Ok(Some(object)));
    events(catalog).await;
    catalog.prune_audit(OffsetDateTime::now_utc() + Duration::MINUTE).await.unwrap();
}
