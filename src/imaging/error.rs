use std::borrow::Cow;
use std::fmt;

use crate::error::Code;
use crate::transform::SourceFormat;

/// Kinds of picture that are recognised and deliberately not rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedKind {
    Svg,
    /// AVIF that is put together of several pictures, cropped by its container, in layers, or in uncommon colour coordinates.
    Avif,
    Heic,
    JpegXl,
    Jpeg2000,
    Bmp,
    Tiff,
    Photoshop,
    Pdf,
    Icns,
    Ico,
    /// JPEG with samples of more than 8 bits.
    DeepJpeg,
}

impl RefusedKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Svg => "SVG",
            Self::Avif => "AVIF",
            Self::Heic => "HEIC",
            Self::JpegXl => "JPEG XL",
            Self::Jpeg2000 => "JPEG 2000",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Photoshop => "PSD",
            Self::Pdf => "PDF",
            Self::Icns => "ICNS",
            Self::Ico => "ICO",
            Self::DeepJpeg => "JPEG of more than 8 bits",
        }
    }
}

impl fmt::Display for RefusedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there are no pixels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    #[error("{kind} is not rendered")]
    KindRefused { kind: RefusedKind },
    #[error("the bytes are not a picture")]
    NotAPicture,
    #[error("corrupt or truncated {format:?}: {reason}")]
    Corrupt { format: SourceFormat, reason: Cow<'static, str> },
    #[error("{pixels} pixels in {frames} frames, allowed are {pixel_limit} pixels and {frame_limit} frames")]
    TooManyPixels { pixels: u64, frames: u32, pixel_limit: u64, frame_limit: u32 },
    #[error("a side of {side} pixels, allowed are {limit}")]
    TooLong { side: u32, limit: u32 },
    /// A codec failed on pixels that are sound: our fault.
    #[error("{0}")]
    Internal(Cow<'static, str>),
}

impl ImagingError {
    /// The row of the error table.
    pub const fn code(&self) -> Code {
        match self {
            Self::KindRefused { .. } => Code::KindRefused,
            Self::NotAPicture => Code::NotAPicture,
            Self::Corrupt { .. } => Code::Corrupt,
            Self::TooManyPixels { .. } | Self::TooLong { .. } => Code::TooManyPixels,
            Self::Internal(_) => Code::Internal,
        }
    }

    pub(super) fn corrupt(format: SourceFormat, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { format, reason: reason.into() }
    }

    pub(super) fn internal(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal(reason.into())
    }
}
