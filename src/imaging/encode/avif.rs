//! AVIF by ravif on one thread, so that the same pixels give the same bytes. The stream says what its colours are: sRGB, BT.601's
//! matrix, full range, 4:4:4. Alpha is a picture of its own, straight.

use ravif::{BitDepth, Encoder, Img, RGBA8};

use crate::imaging::{Channels, Effort, ImagingError, Raster};

pub(super) fn encode(raster: &Raster, quality: f32, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    // Its functions for three channels are generic: all of the encoder would be compiled again with this crate.
    let pixels: Vec<RGBA8> = match raster.channels() {
        Channels::Rgb => raster.data().as_chunks::<3>().0.iter().map(|[r, g, b]| RGBA8::new(*r, *g, *b, 255)).collect(),
        Channels::Rgba => {
            raster.data().as_chunks::<4>().0.iter().map(|[r, g, b, a]| RGBA8::new(*r, *g, *b, *a)).collect()
        }
    };
    let picture = Img::new(&pixels[..], raster.width() as usize, raster.height() as usize);
    let (speed, depth) = match effort {
        Effort::Fast => (9, BitDepth::Eight),
        // Finer steps take twice the time and save a twentieth of the bytes.
        Effort::Small => (4, BitDepth::Ten),
    };
    let encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality.max(ALPHA_QUALITY))
        .with_speed(speed)
        .with_bit_depth(depth)
        .with_num_threads(Some(1));
    let encoded = encoder.encode_rgba(picture).map_err(|error| ImagingError::internal(format!("AVIF: {error}")))?;
    Ok(encoded.avif_file)
}

/// Edges show more than colours do.
const ALPHA_QUALITY: f32 = 80.0;
