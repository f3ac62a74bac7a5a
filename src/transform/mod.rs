//! What to do with a picture: parsed from a URL in one of three dialects, then resolved against the picture itself.
//!
//! Pure: no I/O, no clock. The order of things is
//! dialect URL ([`native`], [`supabase`], [`next`]) → [`ImageRequest`] → [`policy::admit`] → [`Transform::resolve`]
//! against the picture's header → [`Rendering`], and the cache key is made from the [`Rendering`], never from the raw URL.

pub mod native;
pub mod negotiate;
pub mod next;
pub mod policy;
pub mod signature;
pub mod supabase;

mod canonical;
mod hosts;
mod next_rules;
mod own;
mod patterns;
mod pointed;
mod query;
mod resolve;
mod values;

use crate::object::{BucketName, ObjectKey};

pub use canonical::RenderingError;
pub use hosts::HostList;
pub use next_rules::{LocalTarget, NextFormat, NextRules, NextSettingError, NextSettings};
pub use own::{Own, OwnOrigins};
pub use patterns::{LocalPattern, PatternError, RemotePattern};
pub use pointed::Pointed;
pub use query::ParameterError;
pub use resolve::Resolved;

/// Longest side in pixels that a URL may ask for, after `dpr`.
pub const MAX_SIDE: u32 = 8192;

/// Width × height in pixels, both at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// Formats we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Avif,
    WebP,
    Jpeg,
    Png,
}

/// What can stand in for a picture until it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placeholder {
    BlurHash,
    ThumbHash,
    /// A copy of a few pixels.
    Lqip,
    /// All of them, with the size of the picture and its colour.
    Json,
}

/// Formats we recognise in a source, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    Jpeg,
    Png,
    WebP,
    Gif,
    Avif,
    /// Never rendered; the Next dialect passes it through.
    Ico,
}

/// What quality a picture is encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quality(Aim);

/// What a [`Quality`] aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aim {
    /// 1..=100 on WebP's scale, whatever the format.
    Level(u8),
    /// As little as each picture needs for this SSIMULACRA2, 40..=90.
    Score(u8),
}

/// How a picture meets a box of two sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Crop to fill the box.
    #[default]
    Cover,
    /// Inside the box, no padding. (`inside` parses to this too.)
    Contain,
    /// Stretch to the box.
    Fill,
    /// The smallest size that covers the box, nothing cropped.
    Outside,
}

/// What to keep when cropping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gravity {
    #[default]
    Center,
    North,
    NorthEast,
    East,
    SouthEast,
    South,
    SouthWest,
    West,
    NorthWest,
    /// The most eventful part.
    Smart,
    /// A focal point in hundredths of width and height, each 0..=100.
    Focal {
        x: u8,
        y: u8,
    },
}

/// An opaque colour, 8 bits a channel, sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub [u8; 3]);

/// Blur in half steps of the Gaussian's sigma (output pixels): 3 is a sigma of 1.5; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Blur(pub u8);

/// Which frames of an animation are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Frames {
    #[default]
    All,
    First,
}

/// What a URL asked for, before the picture is known. `dpr` is already multiplied into the sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transform {
    /// Side of the box in pixels; `None`: in proportion.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    pub gravity: Gravity,
    pub quality: Quality,
    pub blur: Blur,
    /// Flatten alpha on this colour.
    pub background: Option<Rgb>,
    pub frames: Frames,
}

/// Which format a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormatRequest {
    Named(Format),
    /// Not named: WebP where the client accepts it by name (never for `f=origin`), otherwise by rule. `avif`: the client
    /// takes AVIF as gladly, which it gets where one has been made already ([`FormatRequest::better`]).
    Negotiated {
        avif: bool,
        webp: bool,
        otherwise: Otherwise,
    },
}

/// The format where nothing better is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Otherwise {
    /// Native: JPEG, or PNG where the result has alpha.
    Plain,
    /// Supabase and Next: the source's own type (WebP, AVIF, GIF → JPEG, PNG with alpha).
    SourceType,
}

/// What is known of a picture from its header, orientation applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Natural {
    pub width: u32,
    pub height: u32,
    pub format: SourceFormat,
    pub alpha: bool,
    /// 1 for a still picture.
    pub frames: u32,
}

/// A transform resolved against a picture: everything the pixels depend on, and the variant's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rendering {
    /// Width × height of the result.
    pub output: Size,
    /// `None`: the whole picture is scaled to `output`. Otherwise the largest part of `output`'s ratio, placed by gravity.
    pub crop: Option<Gravity>,
    pub blur: Blur,
    /// Set where the picture has alpha and the result has none: white for JPEG unless the request says otherwise.
    pub background: Option<Rgb>,
    pub format: Format,
    /// `None` for PNG, which is lossless.
    pub quality: Option<Quality>,
    /// Whether all frames are kept; only WebP can.
    pub animated: bool,
}

/// A family of image URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Native,
    Supabase,
    Next,
}

/// What a picture request points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Object {
        bucket: BucketName,
        key: ObjectKey,
    },
    /// A URL that a stranger supplied and a remote pattern allows.
    Remote(url::Url),
}

/// What a picture request wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Original,
    Variant {
        transform: Transform,
        format: FormatRequest,
    },
    /// Of the whole picture.
    Placeholder(Placeholder),
}

/// `?download[=name]`: answer as an attachment, under this name if one is given (not yet sanitised).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download(pub Option<String>);

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    #[default]
    Anyone,
    /// Who holds a token: no shared cache may keep the answer, and none longer than the token holds.
    Holder {
        /// Unix seconds; `None`: the token does not expire.
        until: Option<u64>,
    },
}

/// One parsed image URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    pub dialect: Dialect,
    pub target: Target,
    pub want: Want,
    pub download: Option<Download>,
    /// Native `v`: the version the page believes in.
    pub version: Option<String>,
    /// Whether the request left the format open: the answer then varies by `Accept`, whatever came out.
    pub varies_by_accept: bool,
    /// Native `preset`: [`policy::admit`] puts its transform in place of the one here.
    pub preset: Option<String>,
    /// Supabase: the value of the `X-Transformations` header; `None` where nothing was asked.
    pub x_transformations: Option<Box<str>>,
    /// Seconds until a verified signature expires; [`policy::admit`] wants it in signed mode. Parsers leave it empty.
    pub signed_for: Option<u64>,
    /// Parsers leave it at everyone.
    pub reader: Reader,
}
