//! A transform meets a picture: final size, crop, format and quality.

use super::{
    Dialect, Fit, Format, FormatRequest, Frames, Natural, Otherwise, Rendering, Rgb, Size, SourceFormat, Transform,
};

/// Longest side of an AVIF in pixels: its encoder takes ten times the time and memory of the others.
const AVIF_SIDE: u32 = 4096;

/// What to do with one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    Render(Rendering),
    /// Answer with the source's own bytes, EXIF and XMP removed.
    Passthrough,
}

impl Transform {
    /// Resolves against a picture. Two requests whose pixels are the same resolve to equal renderings.
    ///
    /// - Sides are capped at the picture's first: nothing is enlarged, and a larger request is its natural size.
    /// - One side: the other follows in proportion, at least 1, rounded half up.
    /// - Gravity, background and quality are dropped where they change nothing.
    /// - The Next dialect passes animations and ICO through.
    pub fn resolve(&self, natural: &Natural, format: FormatRequest, dialect: Dialect) -> Resolved {
        let animated = natural.frames > 1;
        if dialect == Dialect::Next && (animated || natural.format == SourceFormat::Ico) {
            return Resolved::Passthrough;
        }
        let source = Size { width: natural.width.max(1), height: natural.height.max(1) };
        let output = self.output(source);
        let boxed = self.width.is_some() && self.height.is_some();
        let cropped = self.fit == Fit::Cover && boxed && !is_proportional(source, output);
        let format = choose(format, natural, self.background.is_none());
        let flattened_on = self.background.or((format == Format::Jpeg).then_some(Rgb::WHITE));
        Resolved::Render(Rendering {
            output,
            crop: cropped.then_some(self.gravity),
            blur: self.blur,
            background: flattened_on.filter(|_| natural.alpha),
            format,
            quality: (format != Format::Png).then_some(self.quality),
            animated: animated && format == Format::WebP && self.frames == Frames::All,
        })
    }

    fn output(&self, source: Size) -> Size {
        let width = self.width.map(|width| width.clamp(1, source.width));
        let height = self.height.map(|height| height.clamp(1, source.height));
        match (width, height) {
            (None, None) => source,
            (Some(width), None) => of_width(source, width),
            (None, Some(height)) => of_height(source, height),
            (Some(width), Some(height)) => {
                let side_box = Size { width, height };
                match self.fit {
                    Fit::Cover | Fit::Fill => side_box,
                    Fit::Contain => inside(source, side_box),
                    Fit::Outside => covering(source, side_box),
                }
            }
        }
    }
}

/// The largest size of the source's ratio within the box.
fn inside(source: Size, side_box: Size) -> Size {
    if wider(source, side_box) { of_width(source, side_box.width) } else { of_height(source, side_box.height) }
}

/// The smallest size of the source's ratio that covers the box.
fn covering(source: Size, side_box: Size) -> Size {
    if wider(source, side_box) { of_height(source, side_box.height) } else { of_width(source, side_box.width) }
}

/// Whether the first is wider in proportion than the second.
fn wider(first: Size, second: Size) -> bool {
    u64::from(first.width) * u64::from(second.height) > u64::from(second.width) * u64::from(first.height)
}

fn of_width(source: Size, width: u32) -> Size {
    Size { width, height: scaled(source.height, width, source.width) }
}

fn of_height(source: Size, height: u32) -> Size {
    Size { width: scaled(source.width, height, source.height), height }
}

/// Whether the ratios differ by rounding alone: that is not worth a crop, and would give one picture two names.
fn is_proportional(source: Size, output: Size) -> bool {
    rounded(source.height, output.width, source.width) == u64::from(output.height)
        || rounded(source.width, output.height, source.height) == u64::from(output.width)
}

/// `side × numerator / denominator`, rounded half up, at least 1.
fn scaled(side: u32, numerator: u32, denominator: u32) -> u32 {
    u32::try_from(rounded(side, numerator, denominator)).unwrap_or(u32::MAX).max(1)
}

/// `side × numerator / denominator`, rounded half up.
fn rounded(side: u32, numerator: u32, denominator: u32) -> u64 {
    let (side, numerator, denominator) = (u128::from(side), u128::from(numerator), u128::from(denominator));
    u64::try_from((2 * side * numerator + denominator) / (2 * denominator)).unwrap_or(u64::MAX)
}

/// `keeps_alpha`: whether no background was asked for.
fn choose(request: FormatRequest, natural: &Natural, keeps_alpha: bool) -> Format {
    let with_alpha = natural.alpha && keeps_alpha;
    match request {
        FormatRequest::Named(format) => format,
        FormatRequest::Negotiated { webp: true, .. } => Format::WebP,
        FormatRequest::Negotiated { otherwise: Otherwise::SourceType, .. } if natural.format == SourceFormat::Jpeg => {
            Format::Jpeg
        }
        FormatRequest::Negotiated { otherwise: Otherwise::SourceType, .. } if natural.format == SourceFormat::Png => {
            Format::Png
        }
        FormatRequest::Negotiated { .. } if with_alpha => Format::Png,
        FormatRequest::Negotiated { .. } => Format::Jpeg,
    }
}

impl Size {
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The same proportions with no side over `longest` pixels; never larger than it is.
    pub fn within(self, longest: u32) -> Self {
        inside(self, Size { width: self.width.min(longest), height: self.height.min(longest) })
    }
}

impl Rendering {
    /// The same rendering with no side over `max_side` pixels, scaled down in proportion where one is: a request for the
    /// natural size of a very long picture. AVIF has a bound of its own.
    pub fn bounded(self, max_side: u32) -> Self {
        let max_side = if self.format == Format::Avif { max_side.min(AVIF_SIDE) } else { max_side };
        let longest = self.output.width.max(self.output.height);
        if longest <= max_side {
            return self;
        }
        let scaled = |side: u32| (u64::from(side) * u64::from(max_side) / u64::from(longest)).max(1) as u32;
        Self { output: Size { width: scaled(self.output.width), height: scaled(self.output.height) }, ..self }
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
