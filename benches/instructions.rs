//! Work that callgrind counts: `instructions NAME TIMES` does it so many times. benches/instructions runs it.

mod house;

use std::path::Path;
use std::process::ExitCode;

use http::{StatusCode, header};
use tintype::imaging::{Effort, Limits, Shrink, colour, decode, encode, orient, probe, resize, window};
use tintype::transform::{Dialect, Format, FormatRequest, Rendering, Resolved, Want, native};

use house::{House, request};

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HIT: &str = "/image/photos/avatar-fox.png?w=256&q=75";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(name), Some(times)) = (arguments.next(), arguments.next().and_then(|times| times.parse().ok())) else {
        // `cargo bench` runs every bench without arguments.
        eprintln!("usage: instructions hit|304|png|jpeg|webp TIMES");
        return ExitCode::SUCCESS;
    };
    match name.as_str() {
        "hit" => hits(times, None),
        "304" => hits(times, Some(StatusCode::NOT_MODIFIED)),
        "png" => renders(times, "avatar-fox.png", 256),
        "jpeg" => renders(times, "nagasaki-boats.jpg", 256),
        "webp" => renders(times, "lake-at-dusk.webp", 256),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

/// Answers from memory.
fn hits(times: u32, expected: Option<StatusCode>) {
    let house = House::build();
    let etag = house.etag(HIT);
    let condition = expected.map(|_| (header::IF_NONE_MATCH, etag.as_str()));
    for _ in 0..times {
        let (status, _) = house.ask(request(HIT, condition.clone()));
        assert_eq!(status, expected.unwrap_or(StatusCode::OK));
    }
}

/// One picture from its bytes to a WebP of this width.
fn renders(times: u32, name: &str, width: u32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos").join(name);
    let bytes = std::fs::read(path).expect("a fixture");
    for _ in 0..times {
        let probe = probe(&bytes).expect("a picture");
        let rendering = rendering(width, &probe.natural);
        let shrink = Shrink::of(&probe, rendering.output);
        let decoded = decode(&bytes, &probe, shrink, &Limits::default()).expect("decodes");
        let picture = orient(colour(decoded).expect("a profile")).expect("turns");
        let resized =
            resize(&picture, window(&picture, rendering.output, rendering.crop), rendering.output).expect("resizes");
        assert!(!encode(&resized, &rendering, Effort::Fast).expect("encodes").is_empty());
    }
}

fn rendering(width: u32, natural: &tintype::transform::Natural) -> Rendering {
    let asked = native::parse("photos/a.png", &format!("w={width}&f=webp"), None).expect("a sound URL");
    let Want::Variant { transform, format } = asked.want else { panic!("a variant is wanted") };
    assert!(matches!(format, FormatRequest::Named(Format::WebP)));
    match transform.resolve(natural, format, Dialect::Native) {
        Resolved::Render(rendering) => rendering,
        Resolved::Passthrough => panic!("a rendering is wanted"),
    }
}
