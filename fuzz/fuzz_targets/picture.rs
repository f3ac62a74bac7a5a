//! Any bytes, all the way from the header to a WebP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype::imaging::{Effort, Limits, Shrink, colour, decode, encode, orient, passthrough, probe, resize};
use tintype::transform::{Dialect, Frames, MAX_SIDE, Resolved, Want, native};

const LIMITS: Limits = Limits { pixels: 1_000_000, frames: 8 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(probe) = probe(bytes) else { return };
    if probe.admit(&LIMITS).is_err() {
        return;
    }
    // Metadata goes, the picture stays.
    passthrough(bytes, &probe);
    let Ok(asked) = native::parse("b/a", "w=16&f=webp", None) else { return };
    let Want::Variant { transform, format } = asked.want else { return };
    let Resolved::Render(rendering) = transform.resolve(&probe.natural, format, Dialect::Native) else { return };
    // As every request is: WebP takes no longer side than 16383.
    let rendering = rendering.bounded(MAX_SIDE);
    for (frames, shrink) in [(Frames::First, Shrink::of(&probe, rendering.output)), (Frames::All, Shrink::Whole)] {
        let Ok(decoded) = decode(bytes, &probe, frames, shrink, &LIMITS) else { continue };
        let Ok(picture) = colour(decoded).and_then(orient) else { continue };
        if shrink == Shrink::Whole {
            let size = picture.size();
            assert_eq!((size.width, size.height), (probe.natural.width, probe.natural.height));
        }
        let resized = resize(&picture, rendering.output, rendering.crop).expect("what was decoded is resized");
        assert_eq!(resized.size(), rendering.output);
        encode(&resized, &rendering, Effort::Fast).expect("what was resized is encoded");
    }
});
