//! One suite for every database: each of its functions has buckets of its own and is run on all of them.

mod access;
mod buckets;
mod cleanup;
mod deliveries;
mod jobs;
mod listing;
mod model;
mod objects;
mod policies;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod scale;
mod undo;
mod uploads;

use std::collections::HashMap;

use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::{Actor, Catalog, Copied, Event, ListQuery, NewBucket, NewObject, Object, PageQuery, StaleBlob};
use crate::auth::{Caller, RuleBook, RuleSet};
use crate::config::Secret;
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Rules for some buckets of the suite; the others have own folders.
fn rule_book() -> RuleBook {
    let listed = |rules: serde_json::Value| serde_json::from_value::<RuleSet>(rules).unwrap();
    let buckets = [
        ("open", RuleSet::Authenticated),
        ("readable", RuleSet::ReadOnly),
        ("closed", RuleSet::List(Vec::new())),
        (
            "listed",
            listed(json!([
                {"role": "*", "operations": ["select"], "prefix": "shared/"},
                {"role": "editor", "operations": ["select", "insert", "update"]},
                {"role": "authenticated", "operations": ["insert"], "prefix": "users/{sub}/"},
                {"role": "authenticated", "operations": ["select", "delete", "update"], "prefix": "users/{sub}/a"},
            ])),
        ),
        ("managed", listed(json!([{"role": "authenticated", "operations": ["buckets", "select"]}]))),
    ];
    let buckets: HashMap<_, _> = buckets.map(|(name, set)| (bucket_name(name), set)).into_iter().collect();
    RuleBook { default: RuleSet::OwnFolder, buckets }
}

async fn sqlite() -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open_sqlite(&folder.path().join("catalog.db"), rule_book()).await.unwrap();
    (folder, catalog)
}

/// `step`: of so many listings one is asked for.
async fn contract(catalog: &Catalog, step: usize) {
    buckets::are_made_changed_and_removed(catalog).await;
    buckets::are_listed_by_search_and_order(catalog).await;
    buckets::are_managed_by_whom_the_rules_say(catalog).await;
    objects::replaced_object_keeps_its_row_and_leaves_stale_bytes(catalog).await;
    objects::denied_put_leaves_nothing(catalog).await;
    objects::concurrent_puts_end_in_one_of_them(catalog).await;
    objects::removed_objects_are_gone_with_their_bytes(catalog).await;
    objects::bucket_is_emptied_batch_by_batch(catalog).await;
    objects::renamed_object_keeps_its_row(catalog).await;
    objects::known_versions_are_current_stale_or_uploading(catalog).await;
    objects::usage_counts_buckets_and_owners(catalog).await;
    access::every_operation_is_decided_by_the_rules(catalog).await;
    listing::pages_are_what_the_model_says(catalog, step).await;
    listing::callers_see_what_they_may(catalog, 11 * step).await;
    uploads::offset_moves_from_where_it_is(catalog).await;
    uploads::finished_or_given_up(catalog).await;
    jobs::leases::are_taken_once_by_priority_and_age(catalog).await;
    jobs::leases::of_a_dead_worker_are_resumed_and_it_may_write_no_more(catalog).await;
    jobs::steps::store_their_picture_with_row_and_columns_or_not_at_all(catalog).await;
    jobs::steps::by_url_claim_a_kinkster_with_the_picture_or_not_at_all(catalog).await;
    jobs::steps::note_each_step_where_the_picture_is_elsewhere(catalog).await;
    jobs::ends::are_cancelled_revived_and_buried(catalog).await;
    jobs::ends::are_fresh_while_under_way_and_for_a_while_after_their_end(catalog).await;
    jobs::leases::wait_for_their_time_and_for_room(catalog).await;
    jobs::budget::are_the_same_under_the_same_key(catalog).await;
    jobs::budget::are_refused_beyond_the_budget(catalog).await;
    jobs::ends::are_revived_as_often_as_they_may_be(catalog).await;
    jobs::ends::of_a_kinkster_that_is_somebody_elses_by_now_stay_ended(catalog).await;
    jobs::budget::painted_again_count_on_the_day_they_are(catalog).await;
    jobs::budget::painted_is_told_by_user_and_day(catalog).await;
    jobs::leases::run_once_each_with_many_workers(catalog).await;
    jobs::kinksters::kinksters_belong_to_whom_they_came_from(catalog).await;
    cleanup::runs_take_turns(catalog).await;
    cleanup::removed_objects_are_known_until_their_time_is_over(catalog).await;
    cleanup::removes_only_what_is_the_same_and_not_pointed_at(catalog).await;
    cleanup::what_is_shown_is_read_once_and_then_only_what_was_written_since(catalog).await;
    cleanup::what_an_upstream_removes_is_noted_before_and_after(catalog).await;
    cleanup::what_an_upstream_may_not_have_removed_is_forgotten_in_silence(catalog).await;
    undo::gives_back_to_whom_removed_it(catalog).await;
    undo::does_not_outlive_its_time_or_its_bucket(catalog).await;
    undo::leaves_what_retention_knows(catalog).await;
    deliveries::go_out_in_order_per_subject(catalog).await;
    deliveries::come_with_their_event_or_not_at_all(catalog).await;
    deliveries::dead_letters_are_kept_revived_and_bounded(catalog).await;
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let (_folder, catalog) = sqlite().await;
    contract(&catalog, 1).await;
}

#[tokio::test]
async fn sqlite_reopens_what_it_wrote() {
    let (folder, catalog) = sqlite().await;
    make_bucket(&catalog, "kept").await;
    let object = put(&catalog, "kept", "a/b.png").await;
    drop(catalog);
    let catalog = Catalog::open_sqlite(&folder.path().join("catalog.db"), rule_book()).await.unwrap();
    assert_eq!(catalog.find_object(&object.id).await, Ok(Some(object)));
}

/// Requests run in spawned tasks: the futures of every database are such as can move between threads.
#[tokio::test]
async fn sqlite_serves_spawned_tasks() {
    let (_folder, catalog) = sqlite().await;
    make_bucket(&catalog, "spawned").await;
    let spawned = tokio::spawn(async move {
        let (service, bucket) = (Caller::service(), bucket_name("spawned"));
        let object = put(&catalog, "spawned", "a/b.png").await;
        let to = id("spawned", "c.png");
        catalog.rename(&service, &object.id, &to, None).await.unwrap();
        let page = PageQuery { limit: 10, ..PageQuery::default() };
        assert_eq!(catalog.list_pages(&service, &bucket, &page).await.unwrap().objects[0].id, to);
        catalog.list(&service, &bucket, &ListQuery { limit: 10, ..ListQuery::default() }).await.unwrap();
        catalog.empty_bucket(&service, &bucket, 10, None).await.unwrap();
        catalog.delete_bucket(&service, &bucket).await
    });
    assert_eq!(spawned.await.unwrap(), Ok(()));
}

/// All of Postgres in one test: starting a server takes longer than most of it.
#[tokio::test]
async fn postgres_keeps_the_contract() {
    let database = postgres::Database::create().await;
    let catalog = Catalog::open_postgres(&Secret::new(database.url()), "own_schema", &rule_book()).await.unwrap();
    deliveries::taken_messages_are_not_given_to_others(&catalog).await;
    contract(&catalog, 5).await;
    drop(catalog);
    for number in 0..6 {
        let database = postgres::Database::create().await;
        match number {
            0 => policies::replaced_policies_decide(&database).await,
            1 => policies::powerful_and_unknown_roles_are_refused(&database).await,
            2 => policies::added_policies_widen_listings(&database).await,
            3 => Box::pin(policies::nodes_start_together(&database)).await,
            4 => Box::pin(policies::one_who_joins_changes_no_rules(&database)).await,
            _ => policies::no_superuser_is_needed(&database).await,
        }
    }
}

fn bucket_name(text: &str) -> BucketName {
    BucketName::parse(text).unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn id(bucket: &str, name: &str) -> ObjectId {
    ObjectId::new(bucket_name(bucket), key(name))
}

fn user(subject: &str) -> Caller {
    let claims = json!({"role": "authenticated", "sub": subject, "email": format!("{subject}@example.org")});
    Caller::from_claims(claims.as_object().unwrap().clone())
}

fn editor() -> Caller {
    Caller::from_claims(json!({"role": "editor", "sub": "ed"}).as_object().unwrap().clone())
}

fn new_bucket(name: &str) -> NewBucket {
    NewBucket {
        id: bucket_name(name),
        public: false,
        file_size_limit: None,
        allowed_mime_types: None,
        settings: super::BucketSettings::default(),
    }
}

async fn make_bucket(catalog: &Catalog, name: &str) {
    catalog.create_bucket(&Caller::service(), new_bucket(name)).await.unwrap();
}

fn new_object(bucket: &str, name: &str) -> NewObject {
    NewObject {
        id: id(bucket, name),
        version: Uuid::new_v4(),
        size: 10 + name.len() as u64,
        etag: format!("\"{}\"", name.len()),
        mime_type: "image/png".to_owned(),
        cache_control: "max-age=3600".to_owned(),
        user_metadata: Some(json!({"title": name}).as_object().unwrap().clone()),
    }
}

fn copied(mime_type: &str) -> Copied {
    Copied { version: Uuid::new_v4(), size: 7, etag: "\"copied\"".to_owned(), mime_type: mime_type.to_owned() }
}

async fn put(catalog: &Catalog, bucket: &str, name: &str) -> Object {
    catalog.put(&Caller::service(), new_object(bucket, name), true).await.unwrap().object
}

/// The events so far, which are finished by this.
async fn events(catalog: &Catalog) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let events = catalog.events(100).await.unwrap();
        if events.is_empty() {
            return all;
        }
        for event in &events {
            catalog.finish_event(event.id).await.unwrap();
        }
        all.extend(events);
    }
}

/// What is stale is nobody's concern any more.
async fn forget_stale(catalog: &Catalog) {
    let soon = time::OffsetDateTime::now_utc() + time::Duration::MINUTE;
    let blobs = catalog.stale_blobs(soon, 0, 10_000).await.unwrap();
    catalog.forget_stale(&blobs, Actor::Schedule, None).await.unwrap();
}

/// The stale versions of a bucket so far.
async fn stale(catalog: &Catalog, bucket: &str) -> Vec<Uuid> {
    let soon = time::OffsetDateTime::now_utc() + time::Duration::MINUTE;
    let blobs: Vec<StaleBlob> = catalog.stale_blobs(soon, 0, 10_000).await.unwrap();
    blobs.iter().filter(|blob| blob.bucket.as_str() == bucket).map(|blob| blob.version).collect()
}
