//! A JPEG's own planes: the brightness of every pixel, and the colour of every pixel or of every other.
//!
//! Half the bytes of a raster, and nothing of what libjpeg does from there on is done twice: [`super::resize`] makes light
//! of them row by row. Where pixels are wanted, they are those that libjpeg makes (ITU-T T.871, section 7).

mod tint;

use std::borrow::Cow;

use crate::transform::Size;

use super::{Channels, ImagingError, Raster};

pub(super) use tint::{Tints, tint, upsample};

/// Which sides have one sample of colour for two pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Halved {
    pub across: bool,
    pub down: bool,
}

/// YCbCr of the full range, upright, in sRGB: three planes of 8-bit samples.
#[derive(Debug)]
pub struct Planes {
    size: Size,
    halved: Halved,
    /// Brightness, then both colours, each in rows from the top. Halved sides are rounded up, and those of the brightness
    /// to twice that.
    data: Vec<u8>,
}

impl Planes {
    /// # Errors
    /// [`ImagingError::Internal`] if a side is 0 or `data` is not exactly what the sides say.
    pub(super) fn new(size: Size, halved: Halved, data: Vec<u8>) -> Result<Self, ImagingError> {
        let planes = Self { size, halved, data };
        let [stride, lines, width, height] = planes.sides();
        let expected = stride.checked_mul(lines).zip(width.checked_mul(height)).map(|(luma, chroma)| luma + 2 * chroma);
        if expected != Some(planes.data.len()) || planes.data.is_empty() {
            return Err(ImagingError::internal("the bytes of planes do not match their size"));
        }
        Ok(planes)
    }

    pub(super) const fn size(&self) -> Size {
        self.size
    }

    pub(super) const fn halved(&self) -> Halved {
        self.halved
    }

    /// Of the brightness and of a colour: samples a row, and rows.
    fn sides(&self) -> [usize; 4] {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let (across, down) = (1 << usize::from(self.halved.across), 1 << usize::from(self.halved.down));
        let (width, height) = (width.div_ceil(across), height.div_ceil(down));
        [width * across, height * down, width, height]
    }

    /// Brightness of a row.
    pub(super) fn luma(&self, row: usize) -> &[u8] {
        let [stride, ..] = self.sides();
        &self.data[row * stride..][..self.size.width as usize]
    }

    /// A row of each colour, Cb and Cr; of those beyond the last the last.
    pub(super) fn chroma(&self, row: usize) -> [&[u8]; 2] {
        let [stride, lines, width, height] = self.sides();
        let begin = stride * lines + row.min(height - 1) * width;
        [&self.data[begin..][..width], &self.data[begin + width * height..][..width]]
    }

    fn raster(&self) -> Result<Raster, ImagingError> {
        let mut tints = Tints::new(self);
        let mut data = Vec::with_capacity(self.size.width as usize * self.size.height as usize * 3);
        for row in 0..self.size.height as usize {
            upsample(self, row, &mut tints);
            let [red, green, blue] = tints.of_pixels();
            let colours = red.iter().zip(green).zip(blue);
            data.extend(self.luma(row).iter().zip(colours).flat_map(|(luma, ((red, green), blue))| {
                [red, green, blue].map(|tint| (i16::from(*luma) + tint).clamp(0, 255) as u8)
            }));
        }
        Raster::new(self.size.width, self.size.height, Channels::Rgb, data)
    }
}

/// A decoded picture, upright and in sRGB, as its renderings are made from it.
#[derive(Debug)]
pub enum Pixels {
    Raster(Raster),
    Planes(Planes),
}

impl Pixels {
    pub const fn size(&self) -> Size {
        match self {
            Self::Raster(raster) => raster.size(),
            Self::Planes(planes) => planes.size(),
        }
    }

    /// As interleaved channels.
    ///
    /// # Errors
    /// [`ImagingError::Internal`] where memory's address range has no room for them.
    pub fn raster(&self) -> Result<Cow<'_, Raster>, ImagingError> {
        match self {
            Self::Raster(raster) => Ok(Cow::Borrowed(raster)),
            Self::Planes(planes) => planes.raster().map(Cow::Owned),
        }
    }
}

impl From<Raster> for Pixels {
    fn from(raster: Raster) -> Self {
        Self::Raster(raster)
    }
}
