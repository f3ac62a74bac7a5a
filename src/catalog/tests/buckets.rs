//! Buckets.

use super::{bucket_name, make_bucket, new_bucket, put, user};
use crate::auth::Caller;
use crate::catalog::{
    BucketChange, BucketOrder, BucketQuery, BucketSettings, Catalog, CatalogError, Direction, NewBucket,
};

pub async fn are_made_changed_and_removed(catalog: &Catalog) {
    let (service, name) = (Caller::service(), bucket_name("made"));
    let new = NewBucket {
        public: true,
        file_size_limit: Some(5_000_000_000),
        allowed_mime_types: Some(vec!["image/*".to_owned(), "text/plain".to_owned()]),
        settings: BucketSettings { verify_content: true, ..BucketSettings::default() },
        ..new_bucket("made")
    };
    let made = catalog.create_bucket(&service, new.clone()).await.unwrap();
    assert_eq!((made.public, made.file_size_limit, &made.settings), (true, Some(5_000_000_000), &new.settings));
    assert_eq!((&made.allowed_mime_types, &made.owner), (&new.allowed_mime_types, &None));
    assert_eq!(catalog.create_bucket(&service, new).await, Err(CatalogError::BucketExists));
    assert_eq!(catalog.find_bucket(&name).await, Ok(Some(made.clone())));

    let change = BucketChange { file_size_limit: Some(None), public: Some(false), ..BucketChange::default() };
    let changed = catalog.update_bucket(&service, &name, change).await.unwrap();
    assert_eq!((changed.public, changed.file_size_limit), (false, None));
    assert_eq!(changed.allowed_mime_types, made.allowed_mime_types);
    assert!(changed.updated_at >= made.updated_at && changed.created_at == made.created_at);
    assert_eq!(catalog.bucket(&service, &name).await, Ok(changed));

    put(catalog, "made", "a").await;
    assert_eq!(catalog.delete_bucket(&service, &name).await, Err(CatalogError::NotEmpty));
    catalog.remove(&service, &name, &[super::key("a")], None).await.unwrap();
    catalog.delete_bucket(&service, &name).await.unwrap();
    assert_eq!(catalog.delete_bucket(&service, &name).await, Err(CatalogError::NoBucket));
    assert_eq!(catalog.bucket(&service, &name).await, Err(CatalogError::NoBucket));
    let nothing = BucketChange::default();
    assert_eq!(catalog.update_bucket(&service, &name, nothing).await, Err(CatalogError::NoBucket));

    let declared = NewBucket { public: true, ..new_bucket("made") };
    catalog.declare_bucket(new_bucket("made")).await.unwrap();
    catalog.declare_bucket(declared).await.unwrap();
    assert!(catalog.find_bucket(&name).await.unwrap().unwrap().public);
}

pub async fn are_listed_by_search_and_order(catalog: &Catalog) {
    for name in ["order-b", "Order-a", "order-c"] {
        make_bucket(catalog, name).await;
    }
    let names = async |query: BucketQuery| {
        let query = BucketQuery { search: Some("ORDER-".to_owned()), ..query };
        let buckets = catalog.buckets(&Caller::service(), &query).await.unwrap();
        buckets.iter().map(|bucket| bucket.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(BucketQuery::default()).await, ["Order-a", "order-b", "order-c"]);
    let newest = BucketQuery {
        order: BucketOrder::CreatedAt,
        direction: Direction::Descending,
        limit: Some(1),
        offset: 1,
        ..BucketQuery::default()
    };
    assert_eq!(names(newest).await, ["Order-a"]);
    assert!(catalog.all_buckets().await.unwrap().len() >= 3);
    assert_eq!(catalog.buckets(&user("ann"), &BucketQuery::default()).await, Ok(Vec::new()));
}

pub async fn are_managed_by_whom_the_rules_say(catalog: &Catalog) {
    let (ann, managed) = (user("ann"), bucket_name("managed"));
    for caller in [Caller::anon(), user("ann")] {
        assert_eq!(catalog.create_bucket(&caller, new_bucket("unruled")).await, Err(CatalogError::Denied));
    }
    assert_eq!(catalog.create_bucket(&Caller::anon(), new_bucket("managed")).await, Err(CatalogError::Denied));
    assert_eq!(catalog.find_bucket(&managed).await, Ok(None));
    let made = catalog.create_bucket(&ann, new_bucket("managed")).await.unwrap();
    assert_eq!(made.owner.as_deref(), Some("ann"));
    assert_eq!(catalog.bucket(&ann, &managed).await, Ok(made.clone()));
    assert_eq!(catalog.buckets(&ann, &BucketQuery::default()).await, Ok(vec![made]));
    assert_eq!(catalog.bucket(&Caller::anon(), &managed).await, Err(CatalogError::NoBucket));
    let change = BucketChange { public: Some(true), ..BucketChange::default() };
    let hidden = catalog.update_bucket(&Caller::anon(), &managed, change.clone()).await;
    assert_eq!(hidden, Err(CatalogError::NoBucket));
    assert!(catalog.update_bucket(&ann, &managed, change).await.unwrap().public);
    assert_eq!(catalog.delete_bucket(&Caller::anon(), &managed).await, Err(CatalogError::NoBucket));
    catalog.delete_bucket(&ann, &managed).await.unwrap();
}
