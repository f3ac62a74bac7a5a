//! Resumable uploads.

use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{events, id, make_bucket, new_object, stale, user};
use crate::catalog::{Catalog, NewUpload, Upload};

fn new_upload(bucket: &str, name: &str, expires_at: OffsetDateTime) -> NewUpload {
    NewUpload {
        version: Uuid::new_v4(),
        object: id(bucket, name),
        length: 6_000_000_000,
        mime_type: "image/png".to_owned(),
        cache_control: "max-age=60".to_owned(),
        user_metadata: Some(json!({"a": 1}).as_object().unwrap().clone()),
        upsert: true,
        expires_at,
    }
}

fn in_an_hour() -> OffsetDateTime {
    (OffsetDateTime::now_utc() + Duration::HOUR).replace_microsecond(0).unwrap()
}

pub async fn offset_moves_from_where_it_is(catalog: &Catalog) {
    make_bucket(catalog, "resumed").await;
    let new = new_upload("resumed", "ann/a.png", in_an_hour());
    let begun = catalog.begin_upload(&user("ann"), new.clone()).await.unwrap();
    assert_eq!(begun.claims, *json!({"role": "authenticated", "sub": "ann"}).as_object().unwrap());
    assert_eq!((begun.offset, begun.length, begun.upsert), (0, 6_000_000_000, true));
    assert_eq!(catalog.upload(new.version).await, Ok(Some(begun.clone())));
    assert_eq!(catalog.advance_upload(new.version, 0, 5_000_000_000).await, Ok(true));
    assert_eq!(catalog.advance_upload(new.version, 0, 7).await, Ok(false));
    let advanced = Upload { offset: 5_000_000_000, ..begun };
    assert_eq!(catalog.upload(new.version).await, Ok(Some(advanced)));
    assert_eq!(catalog.upload(Uuid::new_v4()).await, Ok(None));
    assert_eq!(catalog.advance_upload(Uuid::new_v4(), 0, 7).await, Ok(false));
}

pub async fn finished_or_given_up(catalog: &Catalog) {
    make_bucket(catalog, "finished").await;
    let past = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
    let (done, left) = (new_upload("finished", "ann/a", in_an_hour()), new_upload("finished", "ann/b", past));
    for new in [&done, &left] {
        catalog.begin_upload(&user("ann"), new.clone()).await.unwrap();
    }
    let expired = catalog.expired_uploads(past, 10).await.unwrap();
    assert_eq!(expired.iter().map(|upload| upload.version).collect::<Vec<_>>(), [left.version]);

    let mut object = new_object("finished", "ann/a");
    object.version = done.version;
    catalog.put(&user("ann"), object, true).await.unwrap();
    assert_eq!(catalog.upload(done.version).await, Ok(None));
    assert_eq!(catalog.forget_upload(done.version).await, Ok(false));
    assert!(stale(catalog, "finished").await.is_empty());

    assert_eq!(catalog.forget_upload(left.version).await, Ok(true));
    assert_eq!(stale(catalog, "finished").await, [left.version]);
    assert_eq!(catalog.expired_uploads(past, 10).await, Ok(Vec::new()));

    // Its end and its expiry met: the bytes that have a row are not taken away.
    let mut late = new_object("finished", "ann/b");
    late.version = left.version;
    catalog.put(&user("ann"), late, true).await.unwrap();
    assert!(stale(catalog, "finished").await.is_empty());
    events(catalog).await;
}
