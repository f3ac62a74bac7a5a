use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::imaging::{Channels, Effort, ImagingError, Raster};

pub(super) fn encode(raster: &Raster, quality: u8, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let failed = |error: turbojpeg::Error| ImagingError::internal(format!("JPEG: {error}"));
    let mut compressor = Compressor::new().map_err(failed)?;
    compressor.set_quality(quality.into()).map_err(failed)?;
    compressor.set_subsamp(Subsamp::Sub2x2).map_err(failed)?;
    compressor.set_optimize(true).map_err(failed)?;
    compressor.set_progressive(effort == Effort::Small).map_err(failed)?;
    let (width, height) = (raster.width() as usize, raster.height() as usize);
    let format = if raster.channels() == Channels::Rgba { PixelFormat::RGBA } else { PixelFormat::RGB };
    let image = Image { pixels: raster.data(), width, pitch: raster.stride(), height, format };
    compressor.compress_to_vec(image).map_err(failed)
}
