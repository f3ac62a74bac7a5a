//! Objects, what they leave behind, and what is told of them.

use uuid::Uuid;

use super::{bucket_name, copied, events, id, key, make_bucket, new_object, put, stale, user};
use crate::auth::Caller;
use crate::catalog::{Actor, Amount, Catalog, CatalogError, EventKind, NewUpload, StaleBlob};

pub async fn replaced_object_keeps_its_row_and_leaves_stale_bytes(catalog: &Catalog) {
    make_bucket(catalog, "replaced").await;
    events(catalog).await;
    let (ann, new) = (user("ann"), new_object("replaced", "ann/a.png"));
    let first = catalog.put(&ann, new.clone(), false).await.unwrap();
    assert!(!first.replaced);
    assert_eq!((first.object.owner.as_deref(), first.object.size), (Some("ann"), new.size));
    assert_eq!(catalog.object(&ann, &new.id).await, Ok(first.object.clone()));
    let again = new_object("replaced", "ann/a.png");
    assert_eq!(catalog.put(&ann, again.clone(), false).await, Err(CatalogError::ObjectExists));
    let second = catalog.put(&Caller::service(), again.clone(), true).await.unwrap();
    assert!(second.replaced);
    assert_eq!((second.object.row, second.object.created_at), (first.object.row, first.object.created_at));
    assert_eq!((second.object.version, second.object.owner.as_deref()), (again.version, None));
    assert!(second.object.updated_at >= first.object.updated_at);
    assert_eq!(catalog.find_object(&new.id).await, Ok(Some(second.object)));
    assert_eq!(stale(catalog, "replaced").await, [new.version]);
    let kinds: Vec<_> = events(catalog).await.iter().map(|event| (event.kind, event.version)).collect();
    assert_eq!(kinds, [(EventKind::Created, new.version), (EventKind::Updated, again.version)]);

    let blob = StaleBlob { bucket: bucket_name("replaced"), version: new.version };
    let earlier = time::OffsetDateTime::now_utc() - time::Duration::HOUR;
    assert!(!catalog.stale_blobs(earlier, 0, 10_000).await.unwrap().contains(&blob));
    assert_eq!(catalog.forget_stale(std::slice::from_ref(&blob), Actor::Schedule, None).await.unwrap(), 1);
    assert_eq!(
        catalog.forget_stale(std::slice::from_ref(&blob), Actor::Schedule, None).await.unwrap(),
        0,
        "once, and told once"
    );
    assert!(stale(catalog, "replaced").await.is_empty());
}

pub async fn denied_put_leaves_nothing(catalog: &Catalog) {
    make_bucket(catalog, "denied").await;
    let theirs = put(catalog, "denied", "bob/a.png").await;
    events(catalog).await;
    for caller in [user("ann"), Caller::anon()] {
        for (name, upsert) in [("bob/a.png", true), ("bob/a.png", false), ("bob/b.png", true), ("c.png", false)] {
            let new = new_object("denied", name);
            assert_eq!(catalog.may_put(&caller, &new.id, upsert).await, Err(CatalogError::Denied));
            assert_eq!(catalog.put(&caller, new, upsert).await, Err(CatalogError::Denied));
        }
    }
    assert_eq!(catalog.find_object(&theirs.id).await, Ok(Some(theirs)));
    assert_eq!(catalog.find_object(&id("denied", "bob/b.png")).await, Ok(None));
    assert_eq!((stale(catalog, "denied").await, events(catalog).await), (vec![], vec![]));

    let nowhere = new_object("nowhere", "ann/a.png");
    assert_eq!(catalog.may_put(&user("ann"), &nowhere.id, true).await, Err(CatalogError::NoBucket));
    assert_eq!(catalog.put(&user("ann"), nowhere, true).await, Err(CatalogError::NoBucket));
}

pub async fn concurrent_puts_end_in_one_of_them(catalog: &Catalog) {
    make_bucket(catalog, "raced").await;
    events(catalog).await;
    for round in 0..10 {
        let name = format!("ann/{round}.png");
        let (left, right) = (new_object("raced", &name), new_object("raced", &name));
        let ann = user("ann");
        let versions = [left.version, right.version];
        let both = tokio::join!(catalog.put(&ann, left, true), catalog.put(&ann, right, true));
        let (left, right) = (both.0.unwrap(), both.1.unwrap());
        assert!(left.replaced != right.replaced, "one came first");
        let (winner, loser) = if left.replaced { (versions[0], versions[1]) } else { (versions[1], versions[0]) };
        let current = catalog.find_object(&id("raced", &name)).await.unwrap().unwrap();
        assert_eq!(current.version, winner);
        assert!(stale(catalog, "raced").await.contains(&loser));
        let kinds: Vec<_> = events(catalog).await.iter().map(|event| (event.kind, event.version)).collect();
        assert_eq!(kinds, [(EventKind::Created, loser), (EventKind::Updated, winner)]);

        let (left, right) =
            (new_object("raced", &format!("ann/x{round}")), new_object("raced", &format!("ann/x{round}")));
        let both = tokio::join!(catalog.put(&ann, left, false), catalog.put(&ann, right, false));
        let refused = [both.0.map(drop), both.1.map(drop)];
        assert!(refused.contains(&Ok(())) && refused.contains(&Err(CatalogError::ObjectExists)), "{refused:?}");
        assert_eq!(events(catalog).await.len(), 1);
    }
}

pub async fn removed_objects_are_gone_with_their_bytes(catalog: &Catalog) {
    make_bucket(catalog, "removed").await;
    let (mine, theirs) = (put(catalog, "removed", "ann/a.png").await, put(catalog, "removed", "bob/a.png").await);
    events(catalog).await;
    let keys = [key("ann/a.png"), key("bob/a.png"), key("ann/none.png"), key("ann/a.png")];
    let removed = catalog.remove(&user("ann"), &bucket_name("removed"), &keys, None).await.unwrap();
    assert_eq!(removed, std::slice::from_ref(&mine));
    assert_eq!(catalog.find_object(&mine.id).await, Ok(None));
    assert_eq!(catalog.find_object(&theirs.id).await, Ok(Some(theirs)));
    assert_eq!(stale(catalog, "removed").await, [mine.version]);
    let told = events(catalog).await;
    assert_eq!((told.len(), told[0].kind, &told[0].object), (1, EventKind::Deleted, &mine.id));
    assert_eq!(catalog.remove(&user("ann"), &bucket_name("nowhere"), &keys, None).await, Ok(Vec::new()));
}

pub async fn bucket_is_emptied_batch_by_batch(catalog: &Catalog) {
    let (name, service) = (bucket_name("emptied"), Caller::service());
    make_bucket(catalog, "emptied").await;
    for number in 0..5 {
        put(catalog, "emptied", &format!("a/{number}")).await;
    }
    events(catalog).await;
    assert_eq!(catalog.empty_bucket(&user("ann"), &name, 2, None).await, Err(CatalogError::NoBucket));
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(catalog.empty_bucket(&service, &name, 2, None).await.unwrap().len());
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
    assert_eq!((stale(catalog, "emptied").await.len(), events(catalog).await.len()), (5, 5));
    assert_eq!(catalog.empty_bucket(&service, &bucket_name("nowhere"), 2, None).await, Err(CatalogError::NoBucket));
}

pub async fn renamed_object_keeps_its_row(catalog: &Catalog) {
    for bucket in ["renamed", "elsewhere"] {
        make_bucket(catalog, bucket).await;
    }
    let (ann, service) = (user("ann"), Caller::service());
    let old = put(catalog, "renamed", "ann/a.png").await;
    put(catalog, "renamed", "ann/taken.png").await;
    events(catalog).await;
    let (from, to) = (old.id.clone(), id("renamed", "ann/b.png"));
    let rename = async |caller: &Caller, to: &str| catalog.rename(caller, &from, &id("renamed", to), None).await;
    assert_eq!(rename(&ann, "ann/taken.png").await, Err(CatalogError::ObjectExists));
    assert_eq!(rename(&ann, "bob/b.png").await, Err(CatalogError::Denied));
    assert_eq!(rename(&user("bob"), "bob/b.png").await, Err(CatalogError::NoObject));
    assert_eq!(catalog.rename(&ann, &from, &id("nowhere", "ann/a"), None).await, Err(CatalogError::NoBucket));
    assert_eq!((stale(catalog, "renamed").await, events(catalog).await), (vec![], vec![]));

    let renamed = catalog.rename(&ann, &from, &to, None).await.unwrap();
    assert_eq!((renamed.row, renamed.version, &renamed.id), (old.row, old.version, &to));
    assert_eq!((renamed.created_at, renamed.size, &renamed.etag), (old.created_at, old.size, &old.etag));
    assert_eq!(catalog.find_object(&from).await, Ok(None));
    assert_eq!(catalog.find_object(&to).await, Ok(Some(renamed)));
    assert!(stale(catalog, "renamed").await.is_empty());

    let away = id("elsewhere", "ann/c.png");
    let moved = copied("image/webp");
    assert!(matches!(catalog.rename(&service, &to, &away, None).await, Err(CatalogError::Broken(_))));
    let renamed = catalog.rename(&service, &to, &away, Some(moved.clone())).await.unwrap();
    assert_eq!((renamed.version, &renamed.id), (moved.version, &away));
    assert_eq!((renamed.size, &renamed.etag, &*renamed.mime_type), (moved.size, &moved.etag, "image/webp"));
    assert_eq!(catalog.find_object(&away).await, Ok(Some(renamed)));
    assert_eq!(stale(catalog, "renamed").await, [old.version]);
    let told: Vec<_> = events(catalog).await.into_iter().map(|e| (e.kind, e.object, e.version)).collect();
    let expected = [
        (EventKind::Deleted, from.clone(), old.version),
        (EventKind::Created, to.clone(), old.version),
        (EventKind::Deleted, to.clone(), old.version),
        (EventKind::Created, away, moved.version),
    ];
    assert_eq!(told, expected);
}

pub async fn known_versions_are_current_stale_or_uploading(catalog: &Catalog) {
    make_bucket(catalog, "known").await;
    let old = put(catalog, "known", "a").await.version;
    let current = put(catalog, "known", "a").await.version;
    let (upload, unknown) = (Uuid::new_v4(), Uuid::new_v4());
    let new = NewUpload {
        version: upload,
        object: id("known", "b"),
        length: 1,
        mime_type: "image/png".to_owned(),
        cache_control: "no-cache".to_owned(),
        user_metadata: None,
        upsert: false,
        expires_at: time::OffsetDateTime::now_utc() + time::Duration::HOUR,
    };
    catalog.begin_upload(&Caller::service(), new).await.unwrap();
    let asked = [old, current, upload, unknown];
    let known = catalog.known_versions(&bucket_name("known"), &asked).await.unwrap();
    assert_eq!(known, [old, current, upload].into());
    assert!(catalog.known_versions(&bucket_name("raced"), &asked).await.unwrap().is_empty());
    assert!(catalog.known_versions(&bucket_name("known"), &[]).await.unwrap().is_empty());
}

pub async fn usage_counts_buckets_and_owners(catalog: &Catalog) {
    for bucket in ["usage", "usage-empty"] {
        make_bucket(catalog, bucket).await;
    }
    for name in ["ann/a", "ann/bcd"] {
        catalog.put(&user("ann"), new_object("usage", name), false).await.unwrap();
    }
    put(catalog, "usage", "z").await;
    let usage = catalog.usage().await.unwrap();
    let of = |name: &str| usage.buckets.iter().find(|(bucket, _)| bucket.as_str() == name).map(|(_, amount)| *amount);
    assert_eq!(of("usage"), Some(Amount { objects: 3, bytes: 10 * 3 + 5 + 7 + 1 }));
    assert_eq!(of("usage-empty"), Some(Amount::default()));
    let owners = usage.owners.iter().filter(|(bucket, ..)| bucket.as_str().starts_with("usage"));
    let mut owners: Vec<_> = owners.map(|(_, owner, amount)| (owner.as_deref(), amount.objects)).collect();
    owners.sort_unstable();
    assert_eq!(owners, [(None, 1), (Some("ann"), 2)]);
    let largest = catalog.largest(&bucket_name("usage"), 2).await.unwrap();
    let names: Vec<_> = largest.iter().map(|object| object.id.key.as_str()).collect();
    assert_eq!(names, ["ann/bcd", "ann/a"]);
}
