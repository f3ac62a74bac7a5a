//! Characters.

use super::*;

pub async fn kinksters_belong_to_whom_they_came_from(catalog: &Catalog) {
    let kinkster = Uuid::new_v4();
    let named = |name: &str| KinksterChange { name: Some(Some(name.to_owned())), ..KinksterChange::default() };
    let job = enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job("ann") }).await;
    catalog.cancel_job(job.id).await.unwrap();
    let theft = NewJob { kinkster: Some(kinkster), ..new_job("bob") };
    assert_eq!(catalog.enqueue_job(theft, &ROOMY).await, Ok(Enqueued::NotTheirs));
    assert_eq!(catalog.put_kinkster(kinkster, "bob", &named("x")).await, Err(CatalogError::Denied));
    let whose = |user| KinksterMatch { user: Some(user), ..KinksterMatch::of(kinkster) };
    let row = catalog.put_kinkster(kinkster, "ann", &named("Fox")).await.unwrap();
    assert_eq!((row.name.as_deref(), row.user.as_str(), row.is_active), (Some("Fox"), "ann", true));
    assert_eq!(catalog.change_kinkster(whose("bob"), &named("x")).await, Ok(None));
    let url = KinksterChange { avatar_url: Some(Some("u".to_owned())), ..KinksterChange::default() };
    let changed = catalog.change_kinkster(whose("ann"), &url).await.unwrap().unwrap();
    assert_eq!((changed.name.as_deref(), changed.avatar_url.as_deref()), (Some("Fox"), Some("u")));
    let showing = |avatar_url| KinksterMatch { avatar_url: Some(avatar_url), ..whose("ann") };
    assert_eq!(catalog.change_kinkster(showing("other"), &named("x")).await, Ok(None));
    assert!(catalog.change_kinkster(showing("u"), &named("Fox")).await.unwrap().is_some());
    let pictured = catalog.pictured_kinksters(None, 1000).await.unwrap();
    assert!(pictured.iter().any(|row| row.id == kinkster) && pictured.is_sorted_by_key(|row| row.id));
    let after = catalog.pictured_kinksters(Some(kinkster), 1000).await.unwrap();
    assert!(after.iter().all(|row| row.id > kinkster));
    assert_eq!(catalog.kinksters("ann", 10, 0).await.unwrap().len(), 1);
    assert_eq!(catalog.remove_kinkster(kinkster, Some("bob")).await, Ok(false));
    assert_eq!(catalog.remove_kinkster(kinkster, Some("ann")).await, Ok(true));
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None));
}
