//! The Supabase dialect: `/storage/v1/render/image/…` and `/storage/v1/object/public/…`.
//!
//! The storage server validates with a JSON schema and answers with the validator's own sentences; so do we, in the
//! schema's order. Unknown parameters are ignored.

use std::borrow::Cow;
use std::fmt::Write as _;

use url::form_urlencoded;

use super::query::object_of_path;
use super::{
    Dialect, Download, Fit, Format, FormatRequest, Gravity, ImageRequest, Otherwise, Quality, Reader, Transform, Want,
    negotiate,
};
use crate::error::Code;
use crate::object::NameError;

/// Why a Supabase URL is refused; the text is the envelope's `message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupabaseRefusal {
    /// A parameter against the schema: `querystring/width must be >= 0`.
    #[error("{0}")]
    Query(String),
    /// A name that no bucket can have.
    #[error("Bucket not found")]
    Bucket,
    /// A name that no object can have, as it stands in the URL.
    #[error("Invalid key: {0}")]
    Key(String),
}

impl SupabaseRefusal {
    pub const fn code(&self) -> Code {
        match self {
            Self::Query(_) | Self::Key(_) => Code::BadParameter,
            Self::Bucket => Code::Missing,
        }
    }

    fn query(name: &str, message: &str) -> Self {
        Self::Query(format!("querystring/{name} {message}"))
    }
}

/// The ends of a gravity's name, and of its meaning: `no`, `soea`.
const GRAVITIES: [(&str, Gravity); 10] = [
    ("no", Gravity::North),
    ("so", Gravity::South),
    ("ea", Gravity::East),
    ("we", Gravity::West),
    ("noea", Gravity::NorthEast),
    ("nowe", Gravity::NorthWest),
    ("soea", Gravity::SouthEast),
    ("sowe", Gravity::SouthWest),
    ("ce", Gravity::Center),
    ("sm", Gravity::Smart),
];

const NOT_ALLOWED: &str = "must be equal to one of the allowed values";

/// Parses the path after `/render/image/{access}/` (`{bucket}/{object}`, still percent-encoded) and the raw query.
///
/// Sides beyond `max_side` pixels are clamped to it without a word. A request without parameters is a variant too: it
/// keeps its natural size and may become WebP.
pub fn parse_render(
    path_tail: &str,
    query: &str,
    accept: Option<&str>,
    max_side: u32,
) -> Result<ImageRequest, SupabaseRefusal> {
    let given = Given(form_urlencoded::parse(query.as_bytes()).collect());
    let options = Options::read(&given, max_side)?;
    let mut request = original(path_tail, &given)?;
    request.want = Want::Variant { transform: options.transform(), format: options.format_request(accept) };
    request.varies_by_accept = options.format.is_none();
    request.x_transformations = options.x_transformations().map(Into::into);
    Ok(request)
}

/// Parses the path after `/object/public/` (`{bucket}/{object}`, still percent-encoded) and the raw query.
pub fn parse_object(path_tail: &str, query: &str) -> Result<ImageRequest, SupabaseRefusal> {
    original(path_tail, &Given(form_urlencoded::parse(query.as_bytes()).collect()))
}

fn original(path_tail: &str, given: &Given<'_>) -> Result<ImageRequest, SupabaseRefusal> {
    let download = given.single("download", "must be string")?;
    let target = object_of_path(path_tail).map_err(|error| match error {
        NameError::Bucket => SupabaseRefusal::Bucket,
        NameError::Key => {
            let key = path_tail.split_once('/').map_or("", |(_, key)| key);
            SupabaseRefusal::Key(key.to_owned())
        }
    })?;
    Ok(ImageRequest {
        dialect: Dialect::Supabase,
        target,
        want: Want::Original,
        download: download.map(|name| Download(Some(name.to_owned()).filter(|name| !name.is_empty()))),
        version: None,
        varies_by_accept: false,
        preset: None,
        x_transformations: None,
        signed_for: None,
        reader: Reader::Anyone,
    })
}

/// What `format=` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormatOption {
    Origin,
    Avif,
    WebP,
}

/// A number given as `x_offset` or `y_offset`.
type Offset = Option<f64>;

/// The parameters as given, sides clamped; 0 is as if not given.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Options {
    height: Option<u32>,
    width: Option<u32>,
    resize: Fit,
    format: Option<FormatOption>,
    quality: Option<Quality>,
    gravity: Option<(&'static str, Gravity)>,
    offsets: (Offset, Offset),
}

impl Options {
    fn read(given: &Given<'_>, max_side: u32) -> Result<Self, SupabaseRefusal> {
        Ok(Self {
            height: given.side("height", max_side)?,
            width: given.side("width", max_side)?,
            resize: given.one_of("resize", resize)?.unwrap_or_default(),
            format: given.one_of("format", |value| match value {
                "origin" => Some(FormatOption::Origin),
                "avif" => Some(FormatOption::Avif),
                "webp" => Some(FormatOption::WebP),
                _ => None,
            })?,
            quality: given.quality()?,
            gravity: given.gravity()?,
            offsets: (given.offset("x_offset")?, given.offset("y_offset")?),
        })
    }

    fn transform(&self) -> Transform {
        Transform {
            width: self.width,
            height: self.height,
            fit: self.resize,
            gravity: self.gravity.map(|(_, gravity)| gravity).unwrap_or_default(),
            quality: self.quality.unwrap_or(Quality::SUPABASE),
            ..Transform::NATURAL
        }
    }

    fn format_request(&self, accept: Option<&str>) -> FormatRequest {
        match self.format {
            Some(FormatOption::Avif) => FormatRequest::Named(Format::Avif),
            Some(FormatOption::WebP) => FormatRequest::Named(Format::WebP),
            Some(FormatOption::Origin) => FormatRequest::ORIGIN,
            None => {
                let (avif, webp) = (negotiate::avif_accepted(accept), negotiate::webp_accepted(accept));
                FormatRequest::Negotiated { avif, webp, otherwise: Otherwise::SourceType }
            }
        }
    }

    /// The value of `X-Transformations`: what was given, in the order that clients rely on.
    fn x_transformations(&self) -> Option<String> {
        let mut text = String::new();
        for (name, side) in [("height", self.height), ("width", self.width)] {
            if let Some(side) = side {
                let _ = write!(text, ",{name}:{side}");
            }
        }
        if !text.is_empty() {
            let _ = write!(text, ",resizing_type:{}", resizing_type(self.resize));
        }
        if let Some(quality) = self.quality {
            let _ = write!(text, ",quality:{quality}");
        }
        match self.format {
            Some(FormatOption::Avif) => text.push_str(",format:avif"),
            Some(FormatOption::WebP) => text.push_str(",format:webp"),
            Some(FormatOption::Origin) | None => {}
        }
        if let Some((name, gravity)) = self.gravity {
            let _ = write!(text, ",gravity:{name}");
            // Smart gravity takes no offsets; elsewhere one that is missing beside the other is 0.
            if gravity != Gravity::Smart && self.offsets != (None, None) {
                let (x, y) = self.offsets;
                let _ = write!(text, ":{}:{}", x.unwrap_or(0.0), y.unwrap_or(0.0));
            }
        }
        text.strip_prefix(',').map(str::to_owned)
    }
}

fn resize(value: &str) -> Option<Fit> {
    match value {
        "cover" => Some(Fit::Cover),
        "contain" => Some(Fit::Contain),
        "fill" => Some(Fit::Fill),
        _ => None,
    }
}

/// The renderer's name for it.
const fn resizing_type(fit: Fit) -> &'static str {
    match fit {
        Fit::Contain => "fit",
        Fit::Fill => "force",
        Fit::Cover | Fit::Outside => "fill",
    }
}

/// The decoded pairs of a query.
struct Given<'query>(Vec<(Cow<'query, str>, Cow<'query, str>)>);

impl Given<'_> {
    /// The value of a parameter; given twice it is an array to the validator, and so not of its type.
    fn single(&self, name: &str, of_type: &str) -> Result<Option<&str>, SupabaseRefusal> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(SupabaseRefusal::query(name, of_type)),
            (value, None) => Ok(value),
        }
    }

    fn integer(&self, name: &str) -> Result<Option<f64>, SupabaseRefusal> {
        let Some(value) = self.single(name, "must be integer")? else { return Ok(None) };
        let number = number(value).filter(|number| number.fract() == 0.0);
        number.map(Some).ok_or_else(|| SupabaseRefusal::query(name, "must be integer"))
    }

    fn side(&self, name: &str, max_side: u32) -> Result<Option<u32>, SupabaseRefusal> {
        match self.integer(name)? {
            Some(side) if side < 0.0 => Err(SupabaseRefusal::query(name, "must be >= 0")),
            side => Ok(side.filter(|side| *side > 0.0).map(|side| side.min(f64::from(max_side)) as u32)),
        }
    }

    fn quality(&self) -> Result<Option<Quality>, SupabaseRefusal> {
        match self.integer("quality")? {
            Some(quality) if quality < 20.0 => Err(SupabaseRefusal::query("quality", "must be >= 20")),
            Some(quality) if quality > 100.0 => Err(SupabaseRefusal::query("quality", "must be <= 100")),
            quality => Ok(quality.and_then(|quality| Quality::new(quality as u8))),
        }
    }

    fn one_of<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, SupabaseRefusal> {
        let Some(value) = self.single(name, "must be string")? else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| SupabaseRefusal::query(name, NOT_ALLOWED))
    }

    fn offset(&self, name: &str) -> Result<Offset, SupabaseRefusal> {
        let Some(value) = self.single(name, "must be number")? else { return Ok(None) };
        number(value).map(Some).ok_or_else(|| SupabaseRefusal::query(name, "must be number"))
    }

    /// Offsets place a focal point; from a side or corner they are accepted, shown in the header, and not applied.
    fn gravity(&self) -> Result<Option<(&'static str, Gravity)>, SupabaseRefusal> {
        let read = |value: &str| {
            let named = GRAVITIES.into_iter().find(|(name, _)| *name == value);
            named.or((value == "fp").then_some(("fp", Gravity::Focal { x: 50, y: 50 })))
        };
        match self.one_of("gravity", read)? {
            Some(("fp", _)) => {
                let focal = Gravity::Focal { x: self.hundredths("x_offset")?, y: self.hundredths("y_offset")? };
                Ok(Some(("fp", focal)))
            }
            gravity => Ok(gravity),
        }
    }

    fn hundredths(&self, name: &str) -> Result<u8, SupabaseRefusal> {
        match self.offset(name)? {
            None => Err(SupabaseRefusal::Query(format!("querystring must have required property '{name}'"))),
            Some(offset) if offset < 0.0 => Err(SupabaseRefusal::query(name, "must be >= 0")),
            Some(offset) if offset > 1.0 => Err(SupabaseRefusal::query(name, "must be <= 1")),
            Some(offset) => Ok((offset * 100.0).round() as u8),
        }
    }
}

/// A finite number as JavaScript would coerce it from text: blanks around it, a fraction or an exponent are fine.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    if !plain {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
#[path = "supabase_tests.rs"]
mod tests;
