//! A hundred thousand objects: whatever the page, few rows are read.

use std::fmt::Write as _;
use std::time::Instant;

use sqlx::AssertSqlSafe;

use super::postgres::Database;
use super::{bucket_name, make_bucket, rule_book, sqlite, user};
use crate::auth::Caller;
use crate::catalog::{Catalog, Direction, Entry, ListQuery, PageQuery, SortBy};
use crate::config::Secret;

const OBJECTS: u32 = 100_000;

/// All in one folder; a thousand folders of a hundred; and both at once, with a folder in every hundredth place.
const SHAPES: [(&str, &str); 3] = [
    ("flat", "'all/' || {i} || '.png'"),
    ("foldered", "substr({i}, 1, 4) || '/' || substr({i}, 5) || '.png'"),
    ("mixed", "'all/' || {i} || CASE WHEN {i} LIKE '%00' THEN '/a' ELSE '' END || '.png'"),
];

async fn seed(catalog: &Catalog, bucket: &str, name: &str) {
    make_bucket(catalog, bucket).await;
    match catalog {
        Catalog::Sqlite(sqlite) => {
            let name = name.replace("{i}", "printf('%06d', i)");
            let insert = format!(
                "WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {OBJECTS}) \
                 INSERT INTO objects (id, bucket_id, name, owner_id, version, size, etag, mime_type, cache_control, \
                 created_at, updated_at, last_accessed_at) SELECT randomblob(16), '{bucket}', {name}, NULL, \
                 randomblob(16), i, '\"abcdef\"', 'image/png', 'no-cache', i * 7919 % 100003, i, i FROM numbers"
            );
            sqlx::query(AssertSqlSafe(insert)).execute(sqlite.writer()).await.unwrap();
        }
        Catalog::Postgres(postgres) => {
            let name = name.replace("{i}", "lpad(i::text, 6, '0')");
            let insert = format!(
                "INSERT INTO tintype.objects (id, bucket_id, name, version, metadata, created_at, updated_at, \
                 last_accessed_at) SELECT gen_random_uuid(), '{bucket}', {name}, gen_random_uuid(), jsonb_build_object( \
                 'eTag', '\"abcdef\"', 'size', i, 'mimetype', 'image/png', 'cacheControl', 'no-cache'), \
                 to_timestamp(i * 7919 % 100003), to_timestamp(i), to_timestamp(i) \
                 FROM generate_series(0, {OBJECTS} - 1) AS numbers(i)"
            );
            sqlx::raw_sql(AssertSqlSafe(insert)).execute(postgres.pool()).await.unwrap();
            sqlx::raw_sql("VACUUM ANALYZE tintype.objects").execute(postgres.pool()).await.unwrap();
        }
    }
}

fn query(folder: &str, search: &str, offset: u32, sort_by: SortBy, direction: Direction) -> ListQuery {
    ListQuery { folder: folder.to_owned(), search: search.to_owned(), limit: 100, offset, sort_by, direction }
}

fn name(entry: &Entry) -> &str {
    match entry {
        Entry::Folder(name) | Entry::Object { name, .. } => name,
    }
}

/// Asks, checks that the page is full and begins as it should, and writes down how long it took (the best of three).
async fn timed(catalog: &Catalog, caller: &Caller, bucket: &str, query: ListQuery, first: &str, table: &mut String) {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let entries = catalog.list(caller, &bucket_name(bucket), &query).await.unwrap();
        best = best.min(start.elapsed().as_secs_f64() * 1000.0);
        assert_eq!((entries.len(), name(&entries[0])), (100, first), "{bucket} {query:?}");
    }
    let ListQuery { folder, search, offset, sort_by, direction, .. } = query;
    writeln!(
        table,
        "{best:6.1} ms  {bucket}:{folder} {} search={search:?} offset={offset} {sort_by:?} {direction:?}",
        caller.role
    )
    .unwrap();
}

/// The times of pages at the beginning, in the middle and near the end.
async fn pages(catalog: &Catalog, caller: &Caller) -> String {
    use Direction::{Ascending as Up, Descending as Down};
    use SortBy::{CreatedAt, Name, UpdatedAt};
    let mut table = String::new();
    let cases = [
        ("flat", query("all", "", 0, Name, Up), "000000.png"),
        ("flat", query("all", "", 0, Name, Down), "099999.png"),
        ("flat", query("all", "", 99_900, Name, Up), "099900.png"),
        ("flat", query("all", "0123", 0, Name, Up), "012300.png"),
        ("flat", query("all", "", 0, UpdatedAt, Down), "099999.png"),
        ("flat", query("all", "", 99_900, UpdatedAt, Up), "099900.png"),
        ("flat", query("all", "", 0, CreatedAt, Up), "000000.png"),
        ("foldered", query("", "", 0, Name, Up), "0000"),
        ("foldered", query("", "", 900, Name, Up), "0900"),
        ("foldered", query("", "", 900, Name, Down), "0099"),
        ("foldered", query("", "", 0, CreatedAt, Down), "0999"),
        ("foldered", query("0500", "", 0, UpdatedAt, Up), "00.png"),
        ("mixed", query("all", "", 0, Name, Up), "000000"),
        ("mixed", query("all", "", 99_900, Name, Up), "099900"),
        ("mixed", query("all", "", 950, UpdatedAt, Up), "095000"),
    ];
    for (bucket, query, first) in cases {
        timed(catalog, caller, bucket, query, first, &mut table).await;
    }
    for (bucket, delimited, sort_by) in [
        ("flat", true, Name),
        ("flat", false, Name),
        ("flat", true, CreatedAt),
        ("flat", false, CreatedAt),
        ("foldered", true, Name),
    ] {
        let mut time = f64::MAX;
        let query = PageQuery { delimited, limit: 1000, sort_by, ..PageQuery::default() };
        let query = if bucket == "flat" { PageQuery { prefix: "all/".to_owned(), ..query } } else { query };
        for _ in 0..3 {
            let start = Instant::now();
            let page = catalog.list_pages(caller, &bucket_name(bucket), &query).await.unwrap();
            time = time.min(start.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(page.folders.len() + page.objects.len(), 1000);
        }
        writeln!(table, "{time:6.1} ms  {bucket} {} page of 1000 delimited={delimited} {sort_by:?}", caller.role)
            .unwrap();
    }
    table
}

pub async fn pages_of_many_objects(catalog: &Catalog) {
    for (bucket, name) in SHAPES {
        seed(catalog, bucket, name).await;
    }
    let table = pages(catalog, &Caller::service()).await;
    println!("{table}");
    let (mut table, owner) = (String::new(), user("all"));
    for (offset, first) in [(0, "000000.png"), (99_900, "099900.png")] {
        let query = query("all", "", offset, SortBy::Name, Direction::Ascending);
        timed(catalog, &owner, "flat", query, first, &mut table).await;
    }
    println!("{table}");
    // Who sees one folder among the others', and who sees nothing.
    let top = query("", "", 0, SortBy::Name, Direction::Ascending);
    for (caller, expected) in [("0500", vec![Entry::Folder("0500".to_owned())]), ("zoe", vec![])] {
        let start = Instant::now();
        let entries = catalog.list(&user(caller), &bucket_name("foldered"), &top).await.unwrap();
        println!("{:6.1} ms  the top level of {caller}", start.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(entries, expected);
    }
}

#[tokio::test]
async fn sqlite_lists_many_objects() {
    let (_folder, catalog) = sqlite().await;
    pages_of_many_objects(&catalog).await;
}

#[tokio::test]
async fn postgres_lists_many_objects() {
    let database = Database::create().await;
    let catalog = Catalog::open_postgres(&Secret::new(database.url()), "tintype", &rule_book()).await.unwrap();
    pages_of_many_objects(&catalog).await;
}
