//! From a URL to the variant's name: what every request pays, hit or miss.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tintype::transform::policy::{self, PolicyRules};
use tintype::transform::{
    Format, FormatRequest, Frames, ImageRequest, Natural, NextRules, NextSettings, OwnOrigins, Resolved, SourceFormat,
    Transform, Want, native, next, supabase,
};

/// What Chromium sends for an `<img>`.
const ACCEPT: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
const NATURAL: Natural = Natural { width: 1024, height: 1024, format: SourceFormat::Png, alpha: false, frames: 1 };

fn dialects(criterion: &mut Criterion) {
    let rules = PolicyRules::default();
    let next_rules = NextRules::compile(&NextSettings::default(), OwnOrigins::new(&[], &[])).expect("the defaults");
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            let parsed = native::parse(black_box("photos/people/a%20b.jpg"), black_box("w=640&q=75"), Some(ACCEPT));
            admitted(parsed.expect("a valid URL"), &rules)
        });
    });
    group.bench_function("native, every parameter", |bencher| {
        let query = "w=320&h=200&fit=cover&q=80&f=webp&dpr=2&g=fp:0.5,0.25&blur=1.5&bg=fff&frame=0&v=0123456789abcdef";
        bencher.iter(|| {
            let parsed = native::parse(black_box("photos/people/a%20b.jpg"), black_box(query), Some(ACCEPT));
            admitted(parsed.expect("a valid URL"), &rules)
        });
    });
    group.bench_function("supabase", |bencher| {
        let query = "width=640&height=480&resize=cover&quality=75";
        bencher.iter(|| {
            let tail = black_box("photos/people/a%20b.jpg");
            let parsed = supabase::parse_render(tail, black_box(query), Some(ACCEPT), 8192);
            admitted(parsed.expect("a valid URL"), &rules)
        });
    });
    group.bench_function("next", |bencher| {
        let query = "url=%2Fphotos%2Fpeople%2Fa.jpg&w=640&q=75";
        bencher.iter(|| {
            let parsed = next::parse(black_box(query), Some(ACCEPT), &next_rules);
            admitted(parsed.expect("a valid URL"), &rules)
        });
    });
}

fn admitted(mut request: ImageRequest, rules: &PolicyRules) -> ImageRequest {
    policy::admit(&mut request, rules).expect("an open bucket");
    request
}

fn names(criterion: &mut Criterion) {
    let request = native::parse("photos/a.jpg", "w=640&h=480&g=smart&q=75&f=webp", None).expect("a valid URL");
    let Want::Variant { transform, format } = request.want else { panic!("parameters make a variant") };
    let mut group = criterion.benchmark_group("name");
    group.bench_function("resolve", |bencher| {
        bencher.iter(|| black_box(transform).resolve(&NATURAL, format, request.dialect));
    });
    let rendering = match transform.resolve(&NATURAL, FormatRequest::Named(Format::WebP), request.dialect) {
        Resolved::Render(rendering) => rendering,
        Resolved::Passthrough => panic!("the native dialect renders"),
    };
    group.bench_function("write", |bencher| bencher.iter(|| black_box(rendering).to_string()));
    let name = rendering.to_string();
    group.bench_function("read", |bencher| {
        bencher.iter(|| black_box(&name).parse::<tintype::transform::Rendering>());
    });
    let still = Transform { frames: Frames::First, ..transform };
    group.bench_function("canonical query", |bencher| bencher.iter(|| black_box(still).to_query()));
}

criterion_group!(benches, dialects, names);
criterion_main!(benches);
