use crate::transform::{Rgb, Size};

use super::ImagingError;

/// Interleaved channels, 8 bits each, sRGB; alpha is straight, not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    Rgb,
    Rgba,
}

impl Channels {
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// One upright sRGB image, what renderings are made from: rows from the top, no padding, `width * height * channels` bytes, both sides at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    channels: Channels,
    data: Vec<u8>,
}

impl Raster {
    /// # Errors
    /// [`ImagingError::Internal`] if a side is 0 or `data` is not exactly the size that the sides and channels say.
    pub fn new(width: u32, height: u32, channels: Channels, data: Vec<u8>) -> Result<Self, ImagingError> {
        let expected = byte_length(width, height, channels.count());
        if expected != Some(data.len()) || data.is_empty() {
            return Err(ImagingError::internal("a raster's bytes do not match its size"));
        }
        Ok(Self { width, height, channels, data })
    }

    pub const fn width(&self) -> u32 {
        self.width
    }

    pub const fn height(&self) -> u32 {
        self.height
    }

    pub const fn size(&self) -> Size {
        Size { width: self.width, height: self.height }
    }

    pub const fn channels(&self) -> Channels {
        self.channels
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// Bytes of one row.
    pub(super) const fn stride(&self) -> usize {
        self.width as usize * self.channels.count()
    }

    /// Whether no pixel lets anything through. True for three channels.
    pub fn is_opaque(&self) -> bool {
        self.channels == Channels::Rgb || self.data.chunks_exact(4).all(|pixel| pixel[3] == 255)
    }

    /// The colours without their alpha.
    pub(super) fn without_alpha(&self) -> Self {
        let data = match self.channels {
            Channels::Rgb => self.data.clone(),
            Channels::Rgba => self.data.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        };
        Self { channels: Channels::Rgb, data, ..*self }
    }

    /// Composited on an opaque colour, in sRGB's own space as browsers do it.
    fn on(&self, Rgb(background): Rgb) -> Self {
        if self.channels == Channels::Rgb {
            return self.clone();
        }
        let blend = |over: u8, under: u8, alpha: u8| {
            let alpha = u32::from(alpha);
            ((u32::from(over) * alpha + u32::from(under) * (255 - alpha) + 127) / 255) as u8
        };
        let [red, green, blue] = background;
        let pixels = self.data.as_chunks::<4>().0.iter();
        let data = pixels.flat_map(|&[r, g, b, a]| [blend(r, red, a), blend(g, green, a), blend(b, blue, a)]).collect();
        Self { channels: Channels::Rgb, data, ..*self }
    }
}

/// `width * height * channels`, or `None` where that does not fit.
pub(super) fn byte_length(width: u32, height: u32, channels: usize) -> Option<usize> {
    (width as usize).checked_mul(height as usize)?.checked_mul(channels)
}

/// A whole canvas of an animation, and how long it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub raster: Raster,
    /// Milliseconds.
    pub delay: u32,
}

/// Composites alpha on `background`; a raster without alpha stays as it is.
pub fn flatten(raster: Raster, background: Rgb) -> Raster {
    if raster.channels == Channels::Rgb { raster } else { raster.on(background) }
}
