//! Listings against the model.

use super::model::{self, Row};
use super::{bucket_name, editor, events, id, key, make_bucket, put, rule_book, user};
use crate::auth::{Caller, Operation};
use crate::catalog::{Catalog, Direction, ListQuery, Object, PageQuery, SortBy};

const KEYS: [&str; 26] = [
    "a",
    "a-b",
    "a.png",
    "a/b",
    "a/b-c",
    "a/b/c",
    "a/b/d",
    "a/bc/d/e",
    "a/c.png",
    "a/z/y",
    "a0",
    "A/x",
    "B.PNG",
    "b.png",
    "b.pnga/x",
    "cats/Anna.png",
    "cats/anna.png",
    "cats/aNNa/1.png",
    "cats/b%_'\"x.png",
    "shared/a",
    "shared/deep/b",
    "users/ann/a.png",
    "users/ann/ab/c.png",
    "users/ann/b.png",
    "ünï/ø/…",
    "ÜNÏ/ø",
];
const SORTS: [SortBy; 4] = [SortBy::Name, SortBy::CreatedAt, SortBy::UpdatedAt, SortBy::LastAccessedAt];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// The tree in this bucket, some of it replaced since.
async fn plant(catalog: &Catalog, bucket: &str) -> Vec<Object> {
    if catalog.find_bucket(&bucket_name(bucket)).await.unwrap().is_none() {
        make_bucket(catalog, bucket).await;
    }
    let mut order = KEYS;
    order.sort_by_key(|key| key.bytes().map(u32::from).sum::<u32>() % 17);
    for key in order.iter().chain(order.iter().step_by(3)) {
        put(catalog, bucket, key).await;
    }
    let mut objects = Vec::new();
    for key in KEYS {
        objects.push(catalog.find_object(&id(bucket, key)).await.unwrap().unwrap());
    }
    events(catalog).await;
    objects
}

fn list_queries() -> Vec<ListQuery> {
    let places = [
        ("", ""),
        ("", "a"),
        ("", "B."),
        ("", "ü"),
        ("", "users/a"),
        ("a", ""),
        ("a", "B"),
        ("a/b", ""),
        ("cats", "ann"),
        ("cats", "b%"),
        ("cats", "x"),
        ("none", ""),
        ("users", ""),
        ("users/ann", ""),
        ("users/ann", "A"),
    ];
    let mut queries = Vec::new();
    for (folder, search) in places {
        for (sort_by, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|direction| (sort, direction))) {
            for (limit, offset) in [(100, 0), (2, 0), (2, 1), (3, 4), (100, 9), (0, 0), (5, 100)] {
                let (folder, search) = (folder.to_owned(), search.to_owned());
                queries.push(ListQuery { folder, search, limit, offset, sort_by, direction });
            }
        }
    }
    queries
}

fn page_queries() -> Vec<PageQuery> {
    let mut queries = Vec::new();
    for prefix in ["", "a", "a/", "a/b", "users/ann/", "users/an", "none", "b.png", "cats/a"] {
        for (sort_by, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|direction| (sort, direction))) {
            for (limit, delimited) in [(1, true), (2, false), (3, true), (1000, true), (1000, false)] {
                let prefix = prefix.to_owned();
                queries.push(PageQuery { prefix, delimited, limit, after: None, sort_by, direction });
            }
        }
    }
    queries
}

/// `step`: of so many queries one is asked.
async fn assert_as_the_model(catalog: &Catalog, caller: &Caller, bucket: &str, objects: &[Object], step: usize) {
    let name = bucket_name(bucket);
    for query in list_queries().into_iter().step_by(step) {
        let listed = catalog.list(caller, &name, &query).await.unwrap();
        assert_eq!(listed, model::list(objects, &query), "{} {query:?}", caller.role);
    }
    for query in page_queries().into_iter().step_by(step) {
        let rows = walked(catalog, caller, bucket, query.clone()).await;
        assert_eq!(rows, model::pages(objects, &query), "{} {query:?}", caller.role);
    }
}

/// All pages, in the order of the whole.
async fn walked(catalog: &Catalog, caller: &Caller, bucket: &str, mut query: PageQuery) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        let page = catalog.list_pages(caller, &bucket_name(bucket), &query).await.unwrap();
        let folders = page.folders.into_iter().map(|name| Row { name, object: None });
        let objects = page.objects.into_iter();
        let objects = objects.map(|object| Row { name: object.id.key.as_str().to_owned(), object: Some(object) });
        let mut found: Vec<Row> = folders.chain(objects).collect();
        if query.sort_by == SortBy::Name {
            found.sort_by(|left, right| left.name.cmp(&right.name));
            if query.direction == Direction::Descending {
                found.reverse();
            }
        }
        assert!(page.next.is_none() || found.len() == query.limit as usize, "a short page is the last: {query:?}");
        rows.extend(found);
        let Some(next) = page.next else { return rows };
        query.after = Some(next);
    }
}

pub async fn pages_are_what_the_model_says(catalog: &Catalog, step: usize) {
    let objects = plant(catalog, "tree").await;
    assert_as_the_model(catalog, &Caller::service(), "tree", &objects, step).await;
    let nowhere = catalog.list(&Caller::service(), &bucket_name("nowhere"), &ListQuery::default()).await;
    assert_eq!(nowhere, Ok(Vec::new()));
}

pub async fn callers_see_what_they_may(catalog: &Catalog, step: usize) {
    for bucket in ["listed", "readable", "closed", "open", "tree"] {
        let objects = plant(catalog, bucket).await;
        for caller in [Caller::anon(), user("ann"), user("users"), user("bob"), editor()] {
            let book = rule_book();
            let may = |object: &Object| {
                book.of(&object.id.bucket).allows(&caller, Operation::Select, Some(object.id.key.as_str()))
            };
            let seen: Vec<Object> = objects.iter().filter(|object| may(object)).cloned().collect();
            assert_as_the_model(catalog, &caller, bucket, &seen, step).await;
        }
        let keys = KEYS.map(key);
        catalog.remove(&Caller::service(), &bucket_name(bucket), &keys, None).await.unwrap();
    }
    events(catalog).await;
}
