//! Answers from memory through everything but the socket: 200 in each dialect and 304, both as they are given again, and
//! what walks the ordinary way: a range, and a request that came through a proxy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use tintype::app::{App, Front};
use tintype::cache::CacheStatus;
use tintype::config::{Overrides, load};
use tintype::http::Door;
use tintype::object::{BucketName, ObjectId, ObjectKey};
use tintype::popularity::Popularity;

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Asked = Request<Empty<bytes::Bytes>>;

const NATIVE: &str = "/image/photos/avatar-fox.png?w=256&q=75";
const PATHS: [(&str, &str); 3] = [
    ("native 200", NATIVE),
    ("supabase 200", "/storage/v1/render/image/public/photos/avatar-fox.png?width=256&quality=75"),
    ("next 200", "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=256&q=75"),
];

/// The walk without sockets, over the fixtures' photographs, with its data in a folder that goes with it.
struct House {
    runtime: tokio::runtime::Runtime,
    app: Arc<App>,
    peer: SocketAddr,
    _data: tempfile::TempDir,
}

impl House {
    fn build() -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos");
        let overrides = Overrides {
            data: Some(data.path().to_owned()),
            buckets: vec![format!("photos={}", photos.display())],
            ..Overrides::default()
        };
        // An hour between looks at the folder: a look is not a memory hit.
        let inward = ("TINTYPE_CACHE__FOLDER_SECONDS".to_owned(), "3600".to_owned());
        let config = load(None, [inward], &overrides).expect("a sound configuration");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = runtime.block_on(App::build(&config, Front::Status)).expect("an app");
        Self { runtime, app, peer: SocketAddr::from(([127, 0, 0, 1], 1)), _data: data }
    }

    /// The status and the length of the body, which is taken out of the answer as a connection would.
    fn ask(&self, request: Asked) -> (StatusCode, usize) {
        self.runtime.block_on(async {
            let response = match self.app.service.site.handle(request, self.peer, Door::Public).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status();
            (status, response.into_body().collect().await.map_or(0, |body| body.to_bytes().len()))
        })
    }

    /// The ETag of a path, which is in memory afterwards.
    fn etag(&self, path: &str) -> String {
        self.runtime.block_on(async {
            let Ok(response) = self.app.service.site.handle(request(path, None), self.peer, Door::Public).await;
            let etag = response.headers()[header::ETAG].to_str().expect("ASCII").to_owned();
            drop(response);
            etag
        })
    }
}

fn request(path: &str, condition: Option<(header::HeaderName, &str)>) -> Asked {
    let request = Request::get(path)
        .header(header::HOST, "127.0.0.1:8787")
        .header(header::ACCEPT, "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8");
    let request = match condition {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    request.body(Empty::new()).expect("a valid request")
}

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
    group.bench_function("one object", |bencher| bencher.iter(|| popularity.count(&many[0], CacheStatus::Hit)));
    let mut next = many.iter().cycle();
    group.bench_function("50,000 objects", |bencher| {
        bencher.iter(|| next.next().map(|object| popularity.count(object, CacheStatus::Hit)));
    });
    let strangers: Vec<ObjectId> = (0..500_000).map(|number| object(&format!("stranger-{number}.png"))).collect();
    let mut next = strangers.iter().cycle();
    group.bench_function("500,000 objects, most of them forgotten", |bencher| {
        bencher.iter(|| next.next().map(|object| popularity.count(object, CacheStatus::Stored)));
    });
}

criterion_group!(benches, hits, counts);
criterion_main!(benches);
