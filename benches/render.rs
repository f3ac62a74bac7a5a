//! Pixels: every step of a fill by itself, and the whole of it, per format and size.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use tintype::imaging::{self, Effort, Limits, Raster, Shrink};
use tintype::transform::{Dialect, Rendering, Resolved, Want, native};

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A fixture and the native query that is asked of it.
struct Case {
    name: &'static str,
    fixture: &'static str,
    query: &'static str,
}

const CASES: [Case; 7] = [
    Case { name: "PNG 1024 to 256 WebP", fixture: "avatar-fox.png", query: "w=256&f=webp&q=75" },
    Case { name: "PNG 1024 to 640 WebP", fixture: "avatar-fox.png", query: "w=640&f=webp&q=75" },
    Case { name: "PNG 1024 RGBA to 640 WebP", fixture: "avatar-robot.png", query: "w=640&f=webp&q=75" },
    Case { name: "PNG 1024 RGBA to 640 PNG", fixture: "avatar-robot.png", query: "w=640&f=png" },
    Case { name: "JPEG to 640 WebP", fixture: "nagasaki-boats.jpg", query: "w=640&f=webp&q=75" },
    Case { name: "JPEG to 640 JPEG", fixture: "nagasaki-boats.jpg", query: "w=640&f=jpeg&q=80" },
    Case { name: "WebP to 640 WebP", fixture: "lake-at-dusk.webp", query: "w=640&f=webp&q=75" },
];

fn steps(criterion: &mut Criterion) {
    for Case { name, fixture, query } in CASES {
        let bytes = read(fixture);
        let picture = pixels(&bytes);
        let rendering = rendering(&bytes, query);
        let window = imaging::window(&picture, rendering.output, rendering.crop);
        let resized = imaging::resize(&picture, window, rendering.output).expect("a fixture resizes");
        let made = whole(&bytes, &rendering, Effort::Fast);
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(20);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        group.throughput(Throughput::Elements(1));
        println!("{name}: {} of {} bytes", made.len(), bytes.len());
        group.bench_function("decode", |bencher| bencher.iter(|| pixels(black_box(&bytes))));
        group.bench_function("resize", |bencher| {
            bencher.iter(|| imaging::resize(black_box(&picture), window, rendering.output).map(drop));
        });
        for effort in [Effort::Fast, Effort::Small] {
            group.bench_function(format!("encode {effort:?}"), |bencher| {
                bencher.iter(|| imaging::encode(black_box(&resized), &rendering, effort));
            });
        }
        group.bench_function("whole", |bencher| {
            bencher.iter(|| whole(black_box(&bytes), &rendering, Effort::Fast));
        });
        group.finish();
    }
}

fn read(fixture: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos").join(fixture)).expect("a fixture")
}

/// Decoded, in sRGB and upright.
fn pixels(bytes: &[u8]) -> Raster {
    let probe = imaging::probe(bytes).expect("a fixture is a picture");
    let decoded = imaging::decode(bytes, &probe, Shrink::Whole, &Limits::default()).expect("a fixture decodes");
    imaging::orient(imaging::colour(decoded).expect("a fixture has colours")).expect("a fixture has a way up")
}

fn rendering(bytes: &[u8], query: &str) -> Rendering {
    let natural = imaging::probe(bytes).expect("a fixture is a picture").natural;
    let request = native::parse("photos/a", query, None).expect("a valid query");
    let Want::Variant { transform, format } = request.want else { panic!("a query makes a variant") };
    match transform.resolve(&natural, format, Dialect::Native) {
        Resolved::Render(rendering) => rendering,
        Resolved::Passthrough => panic!("the native dialect renders"),
    }
}

fn whole(bytes: &[u8], rendering: &Rendering, effort: Effort) -> Vec<u8> {
    let picture = pixels(bytes);
    let resized =
        imaging::resize(&picture, imaging::window(&picture, rendering.output, rendering.crop), rendering.output)
            .expect("a fixture resizes");
    imaging::encode(&resized, rendering, effort).expect("a fixture encodes")
}

criterion_group!(benches, steps);
criterion_main!(benches);
