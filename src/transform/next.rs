//! The Next dialect: `/_next/image?url=&w=&q=`, validated in Next's own order with Next's own texts.

use std::borrow::Cow;
use std::fmt;

use url::{Url, form_urlencoded};

use super::own::{Own, names_next_image};
use super::query::{digits, object_of_path};
use super::{
    Dialect, FormatRequest, ImageRequest, LocalTarget, NextRules, Otherwise, Quality, Reader, Target, Transform, Want,
    negotiate,
};
use crate::error::Code;
use crate::object::{BucketName, ObjectKey};

/// Longest `url` in UTF-16 units, as JavaScript counts.
const MAX_URL_UNITS: usize = 3072;

/// A parameter of the dialect; displays as Next calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextParameter {
    Url,
    Width,
    Quality,
}

impl NextParameter {
    const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Width => "w",
            Self::Quality => "q",
        }
    }
}

impl fmt::Display for NextParameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Url => r#""url" parameter"#,
            Self::Width => r#""w" parameter (width)"#,
            Self::Quality => r#""q" parameter (quality)"#,
        })
    }
}

/// Why a Next URL is refused; the text is the answer's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NextRefusal {
    #[error("{0} is required")]
    Required(NextParameter),
    #[error("{0} cannot be an array")]
    Repeated(NextParameter),
    #[error(r#""url" parameter is too long"#)]
    TooLong,
    #[error(r#""url" parameter cannot be a protocol-relative URL (//)"#)]
    ProtocolRelative,
    #[error(r#""url" parameter cannot be recursive"#)]
    Recursive,
    #[error(r#""url" parameter is not allowed"#)]
    NotAllowed,
    #[error(r#""url" parameter is invalid"#)]
    Invalid,
    #[error(r#""w" parameter (width) must be an integer greater than 0"#)]
    WidthNotPositive,
    /// The width as JavaScript prints it.
    #[error(r#""w" parameter (width) of {0} is not allowed"#)]
    WidthNotListed(String),
    #[error(r#""q" parameter (quality) must be an integer between 1 and 100"#)]
    QualityOutOfRange,
    /// The quality as it was given.
    #[error(r#""q" parameter (quality) of {0} is not allowed"#)]
    QualityNotListed(String),
    /// A local `url` where no object can be.
    #[error(r#""url" parameter is valid but internal response is invalid"#)]
    LocalMissing,
    /// An absolute `url` below one of our own prefixes where no object can be.
    #[error(r#""url" parameter is valid but upstream response is invalid"#)]
    UpstreamMissing,
}

impl NextRefusal {
    pub const fn code(&self) -> Code {
        match self {
            Self::LocalMissing | Self::UpstreamMissing => Code::Missing,
            _ => Code::BadParameter,
        }
    }
}

/// Parses the raw query of `/_next/image`.
pub fn parse(query: &str, accept: Option<&str>, rules: &NextRules) -> Result<ImageRequest, NextRefusal> {
    let given = Given(form_urlencoded::parse(query.as_bytes()).collect());
    // Whether there is such an object is known only after the other parameters, as in Next.
    let target = target(given.single(NextParameter::Url)?, rules)?;
    let width = digits(given.single(NextParameter::Width)?).ok_or(NextRefusal::WidthNotPositive)?;
    let raw_quality = given.single(NextParameter::Quality)?;
    let quality = digits(raw_quality).ok_or(NextRefusal::QualityOutOfRange)?;
    if width == 0 {
        return Err(NextRefusal::WidthNotPositive);
    }
    let width = u32::try_from(width).ok().filter(|width| rules.allows_width(*width));
    let width = width.ok_or_else(|| NextRefusal::WidthNotListed(given.parsed_width()))?;
    let quality = u8::try_from(quality).ok().and_then(Quality::new).ok_or(NextRefusal::QualityOutOfRange)?;
    if !rules.allows_quality(quality) {
        return Err(NextRefusal::QualityNotListed(raw_quality.to_owned()));
    }
    let webp = rules.writes_webp() && negotiate::next_chooses_webp(accept);
    let avif = rules.writes_avif() && negotiate::next_chooses_avif(accept, webp && rules.prefers_webp());
    let transform = Transform { width: Some(width), quality, ..Transform::NATURAL };
    let format = FormatRequest::Negotiated { avif, webp, otherwise: Otherwise::SourceType };
    Ok(ImageRequest {
        dialect: Dialect::Next,
        target: target?,
        want: Want::Variant { transform, format },
        download: None,
        version: None,
        varies_by_accept: true,
        preset: None,
        x_transformations: None,
        signed_for: None,
        reader: Reader::Anyone,
    })
}

/// The decoded pairs of a query.
struct Given<'query>(Vec<(Cow<'query, str>, Cow<'query, str>)>);

impl Given<'_> {
    /// An empty value counts as missing; two values are an array, even if they are empty.
    fn single(&self, parameter: NextParameter) -> Result<&str, NextRefusal> {
        let mut values = self.0.iter().filter(|(name, _)| name == parameter.name()).map(|(_, value)| &**value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(NextRefusal::Repeated(parameter)),
            (None | Some(""), None) => Err(NextRefusal::Required(parameter)),
            (Some(value), None) => Ok(value),
        }
    }

    /// The width as JavaScript prints the number it parsed: `0640` is 640, 22 nines are 1e+22.
    fn parsed_width(&self) -> String {
        let value: f64 = self.single(NextParameter::Width).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        if value.is_infinite() {
            "Infinity".to_owned()
        } else if value >= 1e21 {
            format!("{value:e}").replace('e', "e+")
        } else {
            value.to_string()
        }
    }
}

/// Validates `url`. The outer error is a refusal; the inner one says that it was legal, but names nothing.
fn target(text: &str, rules: &NextRules) -> Result<Result<Target, NextRefusal>, NextRefusal> {
    if text.encode_utf16().count() > MAX_URL_UNITS {
        return Err(NextRefusal::TooLong);
    }
    if text.starts_with("//") {
        return Err(NextRefusal::ProtocolRelative);
    }
    if text.starts_with('/') {
        return Ok(local(text, rules)?.ok_or(NextRefusal::LocalMissing));
    }
    let url = Url::parse(text).map_err(|_| NextRefusal::Invalid)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NextRefusal::Invalid);
    }
    match rules.own().lookup(&url) {
        Some(Own::Object { bucket, key }) => Ok(Ok(Target::Object { bucket, key })),
        Some(Own::Nothing) => Ok(Err(NextRefusal::UpstreamMissing)),
        Some(Own::Recursive) => Err(NextRefusal::Recursive),
        Some(Own::Local(path)) => Ok(local(&path, rules)?.ok_or(NextRefusal::UpstreamMissing)),
        // User information would be sent as credentials; fetch in JavaScript refuses such URLs.
        None if !url.username().is_empty() || url.password().is_some() => Err(NextRefusal::NotAllowed),
        None if rules.allows_remote(&url) => Ok(Ok(Target::Remote(url))),
        None => Err(NextRefusal::NotAllowed),
    }
}

/// Validates a `url` that begins with one slash, and finds its object: by the longest configured prefix, or else as
/// `/{bucket}/{object}`. `None`: there can be none.
fn local(text: &str, rules: &NextRules) -> Result<Option<Target>, NextRefusal> {
    // URL parsers read backslashes as slashes and drop tabs and line ends: `/\host` and `/<tab>/host` are not local.
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return Err(NextRefusal::NotAllowed);
    }
    let base = Url::parse("http://local").map_err(|_| NextRefusal::Invalid)?;
    let url = base.join(text).map_err(|_| NextRefusal::Invalid)?;
    let raw_path = text.split(['?', '#']).next().unwrap_or_default();
    if names_next_image(url.path()) || names_next_image(raw_path) {
        return Err(NextRefusal::Recursive);
    }
    if url.host_str() != base.host_str() || traverses(raw_path) || !rules.allows_local(&url) {
        return Err(NextRefusal::NotAllowed);
    }
    let path = url.path().strip_prefix('/').unwrap_or_default();
    Ok(match rules.local_target(path) {
        Some((LocalTarget::Bucket(bucket), rest)) => object(bucket.clone(), ObjectKey::decode(rest).ok()),
        Some((LocalTarget::Origin(bucket), rest)) => object(bucket.clone(), origin_key(rest, url.query())),
        None => object_of_path(path).ok(),
    })
}

fn object(bucket: BucketName, key: Option<ObjectKey>) -> Option<Target> {
    key.map(|key| Target::Object { bucket, key })
}

/// See [`LocalTarget::Origin`].
fn origin_key(rest: &str, query: Option<&str>) -> Option<ObjectKey> {
    let key = match query {
        Some(query) if !query.is_empty() => format!("{rest}?{}", query.replace('/', "%2F")),
        _ => rest.to_owned(),
    };
    ObjectKey::parse(&key).ok()
}

/// Whether a path holds dot segments, backslashes or control characters once it is decoded.
fn traverses(path: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    decoded.contains(|c: char| c == '\\' || c.is_control())
        || decoded.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;
