//! Retention: turns, removals with their rows and events, and the way back.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{bucket_name, events, forget_stale, id, make_bucket, put, stale};
use crate::catalog::{
    Actor, AuditAction, AuditQuery, Catalog, CatalogError, EventKind, KinksterChange, NewRun, Object, Removed,
    Restored, Retire, Retiree, RunState, Seen,
};
use crate::transform::Pointed;

fn soon() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::MINUTE
}

fn new_run(first_due: Option<OffsetDateTime>) -> NewRun {
    NewRun { id: Uuid::now_v7(), actor: Actor::Schedule, until: soon(), first_due }
}

async fn begin(catalog: &Catalog) -> Uuid {
    let new = NewRun { actor: Actor::Operator, ..new_run(None) };
    assert!(catalog.begin_run(&new).await.unwrap());
    new.id
}

async fn retire(
    catalog: &Catalog,
    run: Uuid,
    objects: &[&Object],
    restorable_until: OffsetDateTime,
) -> Result<Vec<Object>, CatalogError> {
    retire_since(catalog, run, objects, restorable_until, &Seen::nothing()).await
}

async fn retire_since(
    catalog: &Catalog,
    run: Uuid,
    objects: &[&Object],
    restorable_until: OffsetDateTime,
    seen: &Seen,
) -> Result<Vec<Object>, CatalogError> {
    let bucket = &objects[0].id.bucket;
    let retiree =
        |object: &&Object| Retiree { key: object.id.key.clone(), version: object.version, reason: "old".to_owned() };
    let retirees: Vec<Retiree> = objects.iter().map(retiree).collect();
    let mut pointed = Pointed::among(bucket, retirees.iter().map(|retiree| &retiree.key));
    let retire = Retire { run, actor: Actor::Operator, until: soon(), restorable_until, bucket, objects: &retirees };
    catalog.retire(&retire, &[], seen, &mut pointed).await
}

pub async fn runs_take_turns(catalog: &Catalog) {
    let scheduled = new_run(Some(OffsetDateTime::now_utc() - Duration::MINUTE));
    assert!(catalog.begin_run(&scheduled).await.unwrap());
    for other in [new_run(None), new_run(Some(soon()))] {
        assert!(!catalog.begin_run(&other).await.unwrap());
        assert!(!catalog.renew_run(other.id, soon()).await.unwrap());
    }
    // Its holder dies: whoever comes next has the turn, and the dead one has it no more.
    assert!(catalog.renew_run(scheduled.id, OffsetDateTime::now_utc() - Duration::SECOND).await.unwrap());
    let next = begin(catalog).await;
    assert!(!catalog.renew_run(scheduled.id, soon()).await.unwrap());
    catalog.end_run(scheduled.id, RunState::Ended, Some(soon())).await.unwrap();
    let runs = catalog.cleanup_runs(2).await.unwrap();
    assert_eq!([runs[0].id, runs[1].id], [next, scheduled.id]);
    assert_eq!([runs[0].state, runs[1].state], [RunState::Running, RunState::Failed]);
    catalog.end_run(next, RunState::Ended, Some(soon())).await.unwrap();
    assert!(!catalog.begin_run(&new_run(Some(soon()))).await.unwrap(), "it is not time");
    let by_hand = begin(catalog).await;
    catalog.end_run(by_hand, RunState::Ended, None).await.unwrap();
}

pub async fn removed_objects_are_known_until_their_time_is_over(catalog: &Catalog) {
    make_bucket(catalog, "retired").await;
    let (back, gone) = (put(catalog, "retired", "ann/a.png").await, put(catalog, "retired", "ann/b.png").await);
    events(catalog).await;
    forget_stale(catalog).await;
    let run = begin(catalog).await;
    assert_eq!(retire(catalog, run, &[&back], soon()).await.unwrap(), std::slice::from_ref(&back));
    let over = OffsetDateTime::now_utc() - Duration::SECOND;
    assert_eq!(retire(catalog, run, &[&gone], over).await.unwrap(), std::slice::from_ref(&gone));
    let told: Vec<_> = events(catalog).await.into_iter().map(|event| (event.kind, event.version)).collect();
    assert_eq!(told, [(EventKind::Deleted, back.version), (EventKind::Deleted, gone.version)]);
    let versions = [back.version, gone.version];
    assert_eq!(catalog.known_versions(&bucket_name("retired"), &versions).await.unwrap(), versions.into());
    assert!(stale(catalog, "retired").await.is_empty());

    let removed = catalog.removed_by(run).await.unwrap();
    assert_eq!((removed.len(), &removed[0].object), (1, &back));
    assert_eq!(catalog.expire_removed(10).await.unwrap(), 1);
    assert_eq!(stale(catalog, "retired").await, [gone.version]);

    assert_eq!(catalog.restore(&removed[0], Actor::Operator).await.unwrap(), Restored::Back(Box::new(back.clone())));
    assert_eq!(catalog.find_object(&back.id).await.unwrap(), Some(back.clone()));
    assert_eq!(events(catalog).await[0].kind, EventKind::Created);
    assert_eq!(catalog.restore(&removed[0], Actor::Operator).await.unwrap(), Restored::Gone);
    assert_eq!(catalog.restored_versions(&back.id.bucket).await.unwrap(), [back.version].into());
    let log = catalog.audit(&AuditQuery { run: Some(run), limit: 10, ..AuditQuery::default() }).await.unwrap();
    let actions: Vec<AuditAction> = log.iter().map(|entry| entry.entry.action).collect();
    assert_eq!(actions, [AuditAction::Restored, AuditAction::Expired, AuditAction::Removed, AuditAction::Removed]);
    catalog.end_run(run, RunState::Ended, None).await.unwrap();
    assert_eq!(retire(catalog, run, &[&back], soon()).await, Err(CatalogError::Superseded));
    catalog.prune_audit(soon()).await.unwrap();
    catalog.prune_restored().await.unwrap();
    assert_eq!(catalog.audit(&AuditQuery { limit: 10, ..AuditQuery::default() }).await.unwrap(), []);
}

pub async fn removes_only_what_is_the_same_and_not_pointed_at(catalog: &Catalog) {
    make_bucket(catalog, "pointed").await;
    let mut objects = Vec::new();
    for name in ["ann/a.png", "ann/b.png", "ann/c.png"] {
        objects.push(put(catalog, "pointed", name).await);
    }
    let replaced = put(catalog, "pointed", "ann/a.png").await;
    let url = Some(Some("https://a.example/image/pointed/ann%2Fb.png?w=9".to_owned()));
    let change = KinksterChange { avatar_url: url, ..KinksterChange::default() };
    catalog.put_kinkster(Uuid::new_v4(), "ann", &change).await.unwrap();
    let run = begin(catalog).await;
    let all: Vec<&Object> = objects.iter().collect();
    assert_eq!(retire(catalog, run, &all, soon()).await.unwrap(), [objects[2].clone()]);
    assert_eq!(catalog.find_object(&id("pointed", "ann/a.png")).await.unwrap(), Some(replaced));
    assert!(catalog.find_object(&id("pointed", "ann/b.png")).await.unwrap().is_some());
    let newer = put(catalog, "pointed", "ann/c.png").await;
    let removed = catalog.removed_by(run).await.unwrap();
    assert_eq!(catalog.restore(&removed[0], Actor::Operator).await.unwrap(), Restored::Taken);
    assert_eq!(catalog.find_object(&newer.id).await.unwrap(), Some(newer));
    assert_eq!(catalog.removed_by(run).await.unwrap(), removed, "it may be tried again");
    catalog.end_run(run, RunState::Ended, None).await.unwrap();
    events(catalog).await;
    forget_stale(catalog).await;
}

pub async fn what_is_shown_is_read_once_and_then_only_what_was_written_since(catalog: &Catalog) {
    make_bucket(catalog, "seen").await;
    let (early, late) = (put(catalog, "seen", "ann/a.png").await, put(catalog, "seen", "ann/b.png").await);
    let show = async |object: &Object| {
        let change =
            KinksterChange { avatar_url: Some(Some(format!("/image/{}", object.id))), ..KinksterChange::default() };
        catalog.put_kinkster(Uuid::new_v4(), "ann", &change).await.unwrap();
    };
    show(&early).await;
    let mut pointed = Pointed::among(&early.id.bucket, [&early.id.key, &late.id.key]);
    let seen = catalog.read_references(&[], &mut pointed).await.unwrap();
    assert!(pointed.is_pointed_at(&early.id) && !pointed.is_pointed_at(&late.id));
    show(&late).await;
    let run = begin(catalog).await;
    assert_eq!(retire_since(catalog, run, &[&early, &late], soon(), &seen).await.unwrap(), []);
    // Whoever says that all was read already is believed.
    let later = Seen::at(OffsetDateTime::now_utc() + Duration::HOUR * 2);
    assert_eq!(retire_since(catalog, run, &[&late], soon(), &later).await.unwrap(), std::slice::from_ref(&late));
    catalog.end_run(run, RunState::Ended, None).await.unwrap();
    events(catalog).await;
    forget_stale(catalog).await;
}

pub async fn what_an_upstream_removes_is_noted_before_and_after(catalog: &Catalog) {
    make_bucket(catalog, "theirs").await;
    // No row of ours names it.
    let object = Object { version: Uuid::new_v4(), ..put(catalog, "theirs", "ann/a.png").await };
    events(catalog).await;
    forget_stale(catalog).await;
    let (broken, run) = (begin(catalog).await, Uuid::now_v7());
    let retire = |run| Retire {
        run,
        actor: Actor::Operator,
        until: soon(),
        restorable_until: soon(),
        bucket: &object.id.bucket,
        objects: &[],
    };
    catalog.note_pending(&Removed::now(&retire(broken), object.clone())).await.unwrap();
    assert!(catalog.removed_by(broken).await.unwrap()[0].is_pending);
    let pending = catalog.pending_removals().await.unwrap().remove(0);
    assert_eq!(pending.object, object);
    assert!(!catalog.note_back(&pending, Actor::Operator, "by hand", Uuid::new_v4()).await.unwrap(), "it may be there");
    // Another run takes it over.
    let removed = Removed::now(&retire(run), object.clone());
    catalog.note_pending(&removed).await.unwrap();
    assert_eq!(catalog.removed_by(broken).await.unwrap(), []);
    assert!(events(catalog).await.is_empty());
    catalog.note_gone(&removed, Actor::Schedule, "old").await.unwrap();
    assert_eq!(catalog.pending_removals().await.unwrap(), []);
    assert!(!catalog.removed_by(run).await.unwrap()[0].is_pending);
    let again = Uuid::new_v4();
    assert!(catalog.note_back(&removed, Actor::Operator, "by hand", again).await.unwrap());
    assert!(!catalog.note_back(&removed, Actor::Operator, "by hand", again).await.unwrap());
    assert_eq!(catalog.restored_versions(&object.id.bucket).await.unwrap(), [again].into());
    assert_eq!(stale(catalog, "theirs").await, [object.version]);
    let kinds: Vec<EventKind> = events(catalog).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Deleted, EventKind::Created]);
    let log = catalog.audit(&AuditQuery { run: Some(run), limit: 10, ..AuditQuery::default() }).await.unwrap();
    let actions: Vec<AuditAction> = log.iter().map(|entry| entry.entry.action).collect();
    assert_eq!(actions, [AuditAction::Restored, AuditAction::Removed]);
    catalog.end_run(broken, RunState::Ended, None).await.unwrap();
    forget_stale(catalog).await;
}

pub async fn what_an_upstream_may_not_have_removed_is_forgotten_in_silence(catalog: &Catalog) {
    make_bucket(catalog, "silent").await;
    // No row of ours names it.
    let object = Object { version: Uuid::new_v4(), ..put(catalog, "silent", "ann/a.png").await };
    forget_stale(catalog).await;
    let run = begin(catalog).await;
    let over = OffsetDateTime::now_utc() - Duration::SECOND;
    let bucket = &object.id.bucket;
    let retire = Retire { run, actor: Actor::Operator, until: soon(), restorable_until: over, bucket, objects: &[] };
    catalog.note_pending(&Removed::now(&retire, object.clone())).await.unwrap();
    assert_eq!(catalog.expire_removed(10).await.unwrap(), 1);
    assert_eq!(stale(catalog, "silent").await, [object.version]);
    let log = catalog.audit(&AuditQuery { run: Some(run), limit: 10, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(log, []);
    catalog.end_run(run, RunState::Ended, None).await.unwrap();
    events(catalog).await;
    forget_stale(catalog).await;
}
