//! Any bytes, all the way from the header to a WebP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype::imaging::{
    AnimationWriter, Effort, Limits, Shrink, colour, decode, each_frame, encode, orient, passthrough, probe, resize, window,
};
use tintype::transform::{Dialect, MAX_SIDE, Resolved, Want, native};

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
    for shrink in [Shrink::of(&probe, rendering.output), Shrink::Whole] {
        let Ok(decoded) = decode(bytes, &probe, shrink, &LIMITS) else { continue };
        let Ok(picture) = colour(decoded).and_then(orient) else { continue };
        if shrink == Shrink::Whole {
            let size = picture.size();
            assert_eq!((size.width, size.height), (probe.natural.width, probe.natural.height));
        }
        let window = window(&picture, rendering.output, rendering.crop);
        let resized = resize(&picture, window, rendering.output).expect("what was decoded is resized");
        assert_eq!(resized.size(), rendering.output);
        encode(&resized, &rendering, Effort::Fast).expect("what was resized is encoded");
    }
    if probe.natural.frames > 1 {
        let mut writer = AnimationWriter::new(probe.loops, None, Effort::Fast);
        let moved = each_frame(bytes, &probe, &LIMITS, |frame| {
            let window = window(&frame.raster, rendering.output, None);
            writer.add(resize(&frame.raster, window, rendering.output)?.as_ref(), frame.delay)
        });
        if moved.is_ok() {
            writer.finish().expect("whole frames make an animation");
        }
    }
});
