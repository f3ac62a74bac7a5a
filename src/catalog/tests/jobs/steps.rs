//! How far a job is, up to its picture and its row.

use super::*;

pub async fn store_their_picture_with_row_and_columns_or_not_at_all(catalog: &Catalog) {
    make_bucket(catalog, "painted").await;
    let kinkster = Uuid::new_v4();
    enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job("j4") }).await;
    let (job, worker) = take(catalog).await;
    let write = AvatarWrite {
        lease: Some(job.lease(worker)),
        kinkster: Some(kinkster),
        claims_kinkster: false,
        user: "j4".to_owned(),
        url: "https://a.example/x.png".to_owned(),
        prompt: Some("a fox".to_owned()),
        config: Some(json!({"model": "m"})),
        instead_of: None,
    };
    let stranger = AvatarWrite { lease: Some(job.lease(Uuid::new_v4())), ..write.clone() };
    let new = new_object("painted", "j4/x.png");
    let refused = catalog.put_avatar(&Caller::service(), new.clone(), &stranger).await;
    assert_eq!(refused, Err(CatalogError::Superseded));
    assert_eq!(catalog.find_object(&id("painted", "j4/x.png")).await, Ok(None));
    let changed = AvatarWrite { instead_of: Some("https://a.example/seen.png".to_owned()), ..write.clone() };
    let refused = catalog.put_avatar(&Caller::service(), new.clone(), &changed).await;
    assert_eq!(refused, Err(CatalogError::Superseded), "the row shows something else");
    catalog.put_avatar(&Caller::service(), new, &write).await.unwrap();
    let row = catalog.kinkster(kinkster).await.unwrap().unwrap();
    assert_eq!((row.avatar_url, row.avatar_prompt), (Some(write.url.clone()), write.prompt.clone()));
    assert_eq!(row.avatar_generation_config, write.config);
    let stored = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(stored.stored.unwrap().path, "j4/x.png");
    // Past the commit point nothing is taken back.
    assert!(matches!(catalog.cancel_job(job.id).await, Ok(Some(Ended::TooLate(_)))));
    catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
}

pub async fn by_url_claim_a_kinkster_with_the_picture_or_not_at_all(catalog: &Catalog) {
    make_bucket(catalog, "by-url").await;
    let write = |user: &str| AvatarWrite {
        lease: None,
        kinkster: Some(Uuid::from_u128(0x0419)),
        claims_kinkster: true,
        user: user.to_owned(),
        url: "https://a.example/x.png".to_owned(),
        prompt: None,
        config: None,
        instead_of: None,
    };
    let kinkster = write("j19").kinkster.unwrap();
    let put = async |name: &str, write: AvatarWrite| {
        catalog.put_avatar(&Caller::service(), new_object("by-url", name), &write).await.map(drop)
    };
    let changed = AvatarWrite { instead_of: Some("https://a.example/seen.png".to_owned()), ..write("j19") };
    assert_eq!(put("j19/x.png", changed).await, Err(CatalogError::Superseded));
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None), "a failure claims nothing");
    put("j19/x.png", write("j19")).await.unwrap();
    assert_eq!(put("j20/x.png", write("j20")).await, Err(CatalogError::Denied));
    assert_eq!(catalog.find_object(&id("by-url", "j20/x.png")).await, Ok(None));
    let row = catalog.kinkster(kinkster).await.unwrap().unwrap();
    assert_eq!((row.user.as_str(), row.avatar_url.is_some()), ("j19", true));
    catalog.remove_kinkster(kinkster, None).await.unwrap();
}

pub async fn note_each_step_where_the_picture_is_elsewhere(catalog: &Catalog) {
    let kinkster = Uuid::new_v4();
    let elsewhere = NewJob { kinkster: Some(kinkster), claims_kinkster: false, ..new_job("j4b") };
    enqueue(catalog, elsewhere).await;
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None), "the row is not ours to make");
    let (job, worker) = take(catalog).await;
    let lease = job.lease(worker);
    let mut placed = Placed { path: "j4b/x.png".to_owned(), uploaded: None };
    assert_eq!(job.placed, None);
    assert_eq!(catalog.note_place(job.lease(Uuid::new_v4()), &placed, None).await, Ok(None));
    let named = catalog.note_place(lease, &placed, None).await.unwrap().unwrap();
    assert_eq!((named.placed.as_ref(), named.stored), (Some(&placed), None));
    placed.uploaded = Some(Uploaded { mime_type: "image/png".to_owned(), size: 7 });
    let uploaded = catalog.note_place(lease, &placed, None).await.unwrap().unwrap();
    assert_eq!((uploaded.placed.as_ref(), uploaded.stored), (Some(&placed), None));
    let stored = catalog.note_place(lease, &placed, Some("https://a.example/x.png")).await.unwrap().unwrap();
    assert_eq!(stored.stored.map(|stored| (stored.path, stored.size)), Some(("j4b/x.png".to_owned(), 7)));
    assert!(matches!(catalog.cancel_job(job.id).await, Ok(Some(Ended::TooLate(_)))));
    catalog.finish_job(lease).await.unwrap().unwrap();
}
