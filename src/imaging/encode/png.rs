use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};

use crate::imaging::{Channels, Effort, ImagingError, Raster};

pub(super) fn encode(raster: &Raster, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let failed = |error: EncodingError| ImagingError::internal(format!("PNG: {error}"));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, raster.width(), raster.height());
    encoder.set_depth(BitDepth::Eight);
    encoder.set_color(if raster.channels() == Channels::Rgba { ColorType::Rgba } else { ColorType::Rgb });
    encoder.set_compression(match effort {
        Effort::Fast => Compression::Fast,
        Effort::Small => Compression::High,
    });
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(raster.data()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
