//! Answers from memory through everything but the socket: 200 in each dialect and 304, both as they are given again, and
//! what walks the ordinary way: a range, and a request that came through a proxy.

mod house;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{StatusCode, header};
use tintype::cache::CacheStatus;
use tintype::object::{BucketName, ObjectId, ObjectKey};
use tintype::popularity::Popularity;
use tintype::variants::Made;

use house::{House, request};

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NATIVE: &str = "/image/photos/avatar-fox.png?w=256&q=75";
const PATHS: [(&str, &str); 3] = [
    ("native 200", NATIVE),
    ("supabase 200", "/storage/v1/render/image/public/photos/avatar-fox.png?width=256&quality=75"),
    ("next 200", "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=256&q=75"),
];

fn hits(criterion: &mut Criterion) {
    let house = House::build();
    let mut group = criterion.benchmark_group("hit");
    for (name, path) in PATHS {
        house.etag(path);
        let (status, length) = house.ask(request(path, None));
        assert!(status == StatusCode::OK && length > 0, "{path} answers {status}");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || request(path, None),
                |request| house.ask(request),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    let etag = house.etag(NATIVE);
    let conditions = [
        ("native 304", (header::IF_NONE_MATCH, etag.as_str()), StatusCode::NOT_MODIFIED),
        ("native 200, walked", (header::VIA, "1.1 proxy"), StatusCode::OK),
        ("native 206", (header::RANGE, "bytes=0-1023"), StatusCode::PARTIAL_CONTENT),
    ];
    for (name, condition, expected) in conditions {
        assert_eq!(house.ask(request(NATIVE, Some(condition.clone()))).0, expected);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || request(NATIVE, Some(condition.clone())),
                |request| house.ask(request),
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

/// What counting costs every one of these: the same object again and again, and among many others.
fn counts(criterion: &mut Criterion) {
    let popularity = Popularity::default();
    let bucket = BucketName::parse("photos").expect("a bucket's name");
    let object = |key: &str| ObjectId::new(bucket.clone(), ObjectKey::parse(key).expect("a key"));
    let many: Vec<ObjectId> = (0..50_000).map(|number| object(&format!("folder/picture-{number}.png"))).collect();
    let mut group = criterion.benchmark_group("count");
    group.bench_function("one object", |bencher| {
        bencher.iter(|| popularity.count(&many[0], Made::Original, CacheStatus::Hit));
    });
    let mut next = many.iter().cycle();
    group.bench_function("50,000 objects", |bencher| {
        bencher.iter(|| next.next().map(|object| popularity.count(object, Made::Original, CacheStatus::Hit)));
    });
    let strangers: Vec<ObjectId> = (0..500_000).map(|number| object(&format!("stranger-{number}.png"))).collect();
    let mut next = strangers.iter().cycle();
    group.bench_function("500,000 objects, most of them forgotten", |bencher| {
        bencher.iter(|| next.next().map(|object| popularity.count(object, Made::Original, CacheStatus::Stored)));
    });
}

criterion_group!(benches, hits, counts);
criterion_main!(benches);
