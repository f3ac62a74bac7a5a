//! Canonical texts: the variant's name, and a transform as a native query.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::{Blur, Fit, Format, Frames, Gravity, Quality, Rendering, Rgb, Size, Transform};

/// A text that is not the canonical name of a rendering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a variant's name")]
pub struct RenderingError;

/// The variant's name, safe as a file name: `256x256-cover.smart-blur1.5-bgffffff-q75-animated.webp`, where everything
/// but size and extension is left out if it does not apply. [`FromStr`] reads exactly what this writes.
impl fmt::Display for Rendering {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.output.width, self.output.height)?;
        if let Some(Gravity::Focal { x, y }) = self.crop {
            write!(formatter, "-cover.fp{x}_{y}")?;
        } else if let Some(word) = self.crop.and_then(Gravity::word) {
            write!(formatter, "-cover.{word}")?;
        }
        if self.blur != Blur::NONE {
            write!(formatter, "-blur{}", self.blur)?;
        }
        if let Some(background) = self.background {
            write!(formatter, "-bg{background}")?;
        }
        if let Some(quality) = self.quality {
            write!(formatter, "-q{quality}")?;
        }
        if self.animated {
            formatter.write_str("-animated")?;
        }
        write!(formatter, ".{}", self.format.as_str())
    }
}

impl FromStr for Rendering {
    type Err = RenderingError;

    fn from_str(text: &str) -> Result<Self, RenderingError> {
        let rendering = read(text).ok_or(RenderingError)?;
        // One rendering has one name: other spellings of it (order, leading zeros) are not names.
        if rendering.to_string() == text { Ok(rendering) } else { Err(RenderingError) }
    }
}

fn read(text: &str) -> Option<Rendering> {
    let (stem, extension) = text.rsplit_once('.')?;
    let mut parts = stem.split('-');
    let (width, height) = parts.next()?.split_once('x')?;
    let output = Size { width: width.parse().ok()?, height: height.parse().ok()? };
    if output.width == 0 || output.height == 0 {
        return None;
    }
    let format = Format::parse(extension)?;
    let mut rendering =
        Rendering { output, crop: None, blur: Blur::NONE, background: None, format, quality: None, animated: false };
    for part in parts {
        if let Some(gravity) = part.strip_prefix("cover.") {
            rendering.crop = Some(read_gravity(gravity)?);
        } else if let Some(sigma) = part.strip_prefix("blur") {
            rendering.blur = Blur(super::query::steps(sigma, 2, 0, 100)?);
        } else if let Some(colour) = part.strip_prefix("bg") {
            rendering.background = Some(Rgb::parse(colour)?);
        } else if let Some(quality) = part.strip_prefix('q') {
            rendering.quality = Some(Quality::parse(quality)?);
        } else if part == "animated" {
            rendering.animated = true;
        } else {
            return None;
        }
    }
    Some(rendering)
}

fn read_gravity(text: &str) -> Option<Gravity> {
    if let Some((x, y)) = text.strip_prefix("fp").and_then(|point| point.split_once('_')) {
        return Gravity::focal(x.parse().ok()?, y.parse().ok()?);
    }
    Gravity::WORDS.iter().find(|(_, word)| *word == text).map(|(gravity, _)| *gravity)
}

impl Transform {
    /// The transform as a native query, without the format: defaults left out, names in fixed order, quality always
    /// there (a query without any transform would ask for the original). `dpr` is already in the sides.
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        let sides = [("w", self.width), ("h", self.height)];
        for (name, side) in sides.into_iter().filter_map(|(name, side)| Some((name, side?))) {
            let _ = write!(query, "{name}={side}&");
        }
        if self.fit != Fit::default() {
            let _ = write!(query, "fit={}&", self.fit.as_str());
        }
        if let Gravity::Focal { x, y } = self.gravity {
            let _ = write!(query, "g=fp:{},{}&", f32::from(x) / 100.0, f32::from(y) / 100.0);
        } else if let Some(word) = self.gravity.word().filter(|_| self.gravity != Gravity::default()) {
            let _ = write!(query, "g={word}&");
        }
        let _ = write!(query, "q={}", self.quality);
        if self.blur != Blur::NONE {
            let _ = write!(query, "&blur={}", self.blur);
        }
        if let Some(background) = self.background {
            let _ = write!(query, "&bg={background}");
        }
        if self.frames == Frames::First {
            query.push_str("&frame=0");
        }
        query
    }
}
