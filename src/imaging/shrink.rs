//! Decoding a JPEG or a WebP smaller than it is stored, where nobody sees the difference.

use crate::transform::{Size, SourceFormat};

use super::Probe;

/// By how much the sides are divided while decoding. libjpeg makes halves and quarters of a block's side for less work;
/// libwebp decodes all of it and adds up pixels before their colours are converted, which takes a seventh of the time away
/// where halves are resized to an eighth.
///
/// What that costs in SSIMULACRA2 beside the same WebP (quality 75) of the whole picture, median and worst of nine
/// photographs, by the reduction that is left to [`super::resize`]:
///
/// | left | 1.5 | 2 | 3 | 4 | 6 | 8 |
/// |---|---|---|---|---|---|---|
/// | half | -1.1, -11.2 | -0.7, -7.8 | -1.3, -5.0 | -0.6, -1.1 | -0.3, -0.8 | 0.0, -0.9 |
/// | quarter | -4.1, -27.9 | -1.7, -10.6 | -0.6, -8.7 | -0.3, -2.6 | 0.0, -1.3 | 0.1, -1.5 |
///
/// The same for halves of WebP, of four photographs: 0.1, -0.7 where 2 is left, 0.4, -0.4 where 4 is. There is nothing to be
/// won where less is left, and what is transparent would bleed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shrink {
    /// As stored.
    #[default]
    Whole,
    Half,
    Quarter,
}

impl Shrink {
    /// What a rendering of this size may be made from. The same for one source and one size, whatever else is asked.
    pub fn of(probe: &Probe, output: Size) -> Self {
        let natural = &probe.natural;
        let can_shrink = match natural.format {
            SourceFormat::Jpeg => true,
            SourceFormat::WebP => !natural.alpha && natural.frames <= 1,
            SourceFormat::Png | SourceFormat::Gif | SourceFormat::Avif | SourceFormat::Ico => false,
        };
        if !can_shrink {
            return Self::Whole;
        }
        let reduction = (natural.width / output.width.max(1)).min(natural.height / output.height.max(1));
        match reduction {
            // Leaves at least 6.
            24.. => Self::Quarter,
            // Leaves at least 4.
            8.. => Self::Half,
            _ => Self::Whole,
        }
    }

    /// Pixels of one side that become one.
    pub const fn divisor(self) -> u32 {
        match self {
            Self::Whole => 1,
            Self::Half => 2,
            Self::Quarter => 4,
        }
    }

    /// Bytes of memory that decoding so many stored pixels takes at most: what comes out, and what the decoder keeps beside
    /// it (a few rows of a PNG, the coefficients of a progressive JPEG, the planes of an AVIF).
    pub fn bytes(self, format: SourceFormat, pixels: u64) -> u64 {
        let beside = match format {
            SourceFormat::Avif => 12,
            SourceFormat::Jpeg => 6,
            SourceFormat::Gif | SourceFormat::WebP | SourceFormat::Ico => 4,
            SourceFormat::Png => 1,
        };
        let pixel = 4 / u64::from(self.divisor() * self.divisor());
        pixels.saturating_mul(pixel.max(1) + beside)
    }

    /// The size that a stored size is decoded to; what is left over at an edge makes a pixel.
    pub(super) fn size(self, stored: Size) -> Size {
        Size { width: stored.width.div_ceil(self.divisor()), height: stored.height.div_ceil(self.divisor()) }
    }
}
