//! Whatever is asked by whomever: both databases answer as the pure rules say.

use super::{bucket_name, copied, editor, events, forget_stale, id, make_bucket, new_object, put, rule_book, user};
use crate::auth::{Caller, Operation};
use crate::catalog::{Catalog, CatalogError};
use crate::object::ObjectId;

const BUCKETS: [&str; 5] = ["open", "readable", "closed", "listed", "ruled-by-default"];
const KEYS: [&str; 5] = ["ann/a.png", "shared/a.png", "users/ann/a.png", "users/ann/b.png", "anna/a.png"];

fn callers() -> [Caller; 5] {
    [Caller::anon(), Caller::service(), user("ann"), user("users/ann"), editor()]
}

/// What the rules say of a put.
fn put_result(caller: &Caller, id: &ObjectId, exists: bool, upsert: bool) -> Result<(), CatalogError> {
    let book = rule_book();
    let may = |operation| book.of(&id.bucket).allows(caller, operation, Some(id.key.as_str()));
    match (exists, upsert) {
        _ if !may(Operation::Insert) => Err(CatalogError::Denied),
        (true, false) => Err(CatalogError::ObjectExists),
        (true, true) if !(may(Operation::Select) && may(Operation::Update)) => Err(CatalogError::Denied),
        _ => Ok(()),
    }
}

pub async fn every_operation_is_decided_by_the_rules(catalog: &Catalog) {
    for bucket in BUCKETS {
        make_bucket(catalog, bucket).await;
        for (caller, key) in callers().iter().flat_map(|caller| KEYS.map(|key| (caller, key))) {
            let of = format!("{} {:?} {bucket}/{key}", caller.role, caller.subject);
            written_as_the_rules_say(catalog, caller, &id(bucket, key), &of).await;
            seen_as_the_rules_say(catalog, caller, &id(bucket, key), &of).await;
            renamed_as_the_rules_say(catalog, caller, &id(bucket, key), &of).await;
            forget_stale(catalog).await;
        }
    }
    events(catalog).await;
}

async fn written_as_the_rules_say(catalog: &Catalog, caller: &Caller, id: &ObjectId, of: &str) {
    for (exists, upsert) in [(false, false), (false, true), (true, false), (true, true)] {
        if exists {
            put(catalog, id.bucket.as_str(), id.key.as_str()).await;
        }
        let before = catalog.find_object(id).await;
        let expected = put_result(caller, id, exists, upsert);
        assert_eq!(catalog.may_put(caller, id, upsert).await, expected, "may {of} {exists} {upsert}");
        assert_eq!(catalog.find_object(id).await, before, "asking changed something: {of}");
        let new = new_object(id.bucket.as_str(), id.key.as_str());
        assert_eq!(catalog.put(caller, new, upsert).await.map(drop), expected, "{of} {exists} {upsert}");
        catalog.remove(&Caller::service(), &id.bucket, std::slice::from_ref(&id.key), None).await.unwrap();
    }
}

async fn seen_as_the_rules_say(catalog: &Catalog, caller: &Caller, id: &ObjectId, of: &str) {
    let object = put(catalog, id.bucket.as_str(), id.key.as_str()).await;
    let book = rule_book();
    let may = |operation| book.of(&id.bucket).allows(caller, operation, Some(id.key.as_str()));
    let seen = if may(Operation::Select) { Ok(object.clone()) } else { Err(CatalogError::NoObject) };
    assert_eq!(catalog.object(caller, id).await, seen, "{of}");
    let removed = if may(Operation::Select) && may(Operation::Delete) { vec![object] } else { vec![] };
    let keys = std::slice::from_ref(&id.key);
    assert_eq!(catalog.remove(caller, &id.bucket, keys, None).await, Ok(removed), "{of}");
    catalog.remove(&Caller::service(), &id.bucket, keys, None).await.unwrap();
}

async fn renamed_as_the_rules_say(catalog: &Catalog, caller: &Caller, from: &ObjectId, of: &str) {
    let book = rule_book();
    for key in ["ann/new.png", "users/ann/new.png"] {
        put(catalog, from.bucket.as_str(), from.key.as_str()).await;
        let to = id(from.bucket.as_str(), key);
        let may = |operation, id: &ObjectId| book.of(&id.bucket).allows(caller, operation, Some(id.key.as_str()));
        let expected = match (may(Operation::Select, from), may(Operation::Update, from), may(Operation::Insert, &to)) {
            (false, ..) => Err(CatalogError::NoObject),
            (true, true, true) => Ok(to.clone()),
            _ => Err(CatalogError::Denied),
        };
        let renamed = catalog.rename(caller, from, &to, Some(copied("image/png"))).await.map(|object| object.id);
        assert_eq!(renamed, expected, "{of} to {key}");
        let both = [from.key.clone(), to.key];
        catalog.remove(&Caller::service(), &bucket_name(from.bucket.as_str()), &both, None).await.unwrap();
    }
}
