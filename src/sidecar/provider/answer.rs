//! Answers of the Images API: a stranger's JSON into a picture. Pure.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde::Deserialize;
use url::Url;

use super::{Nonsense, Picture};
use crate::imaging;
use crate::transform::SourceFormat;

/// Some servers leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Longest pause that a provider can ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is taken from an answer. Each part that is not of its kind is as good as missing.
#[derive(Debug)]
pub(super) struct Answer {
    pub picture: Picture,
    /// What was really used, where the answer says so.
    pub size: Option<String>,
    pub quality: Option<String>,
    /// Tokens of the prompt, and of the picture.
    pub tokens: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Body {
    data: Option<Vec<Image>>,
    size: Option<String>,
    quality: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Image {
    b64_json: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

/// Reads an answer with status 200, whose picture may have `limit` bytes.
pub(super) fn read(body: &[u8], limit: u64) -> Result<Answer, Nonsense> {
    if body.is_empty() {
        return Err(Nonsense::Empty);
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => Nonsense::Incomplete,
        _ => Nonsense::NotJson,
    })?;
    let image = body.data.unwrap_or_default().into_iter().next().ok_or(Nonsense::NoPicture)?;
    let picture = match (image.b64_json.filter(|text| !text.is_empty()), image.url) {
        (Some(base64), _) => Picture::Bytes(decoded(&base64, limit)?),
        (None, Some(url)) => Picture::Url(Url::parse(&url).map_err(|_| Nonsense::Address)?),
        (None, None) => return Err(Nonsense::NoPicture),
    };
    let is_word =
        |text: &String| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(Answer {
        picture,
        size: body.size.filter(is_word),
        quality: body.quality.filter(is_word),
        tokens: body.usage.map(|usage| (usage.input_tokens, usage.output_tokens)),
    })
}

fn decoded(base64: &str, limit: u64) -> Result<Bytes, Nonsense> {
    if base64.len() as u64 / 4 * 3 > limit + 3 {
        return Err(Nonsense::TooLarge);
    }
    let bytes = BASE64.decode(base64).map_err(|_| Nonsense::Base64)?;
    checked(bytes.into())
}

/// Bytes that are a picture by their header. Whether they are whole is for whoever decodes them.
pub(super) fn checked(bytes: Bytes) -> Result<Bytes, Nonsense> {
    match imaging::probe(&bytes) {
        Ok(probe) if matches!(probe.natural.format, SourceFormat::Png | SourceFormat::Jpeg | SourceFormat::WebP) => {
            Ok(bytes)
        }
        _ => Err(Nonsense::NotAPicture),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), or the provider's own `retry-after-ms`.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let milliseconds = text("retry-after-ms").and_then(number).map(|pause| pause / 1000.0);
    let seconds = milliseconds.or_else(|| text(RETRY_AFTER.as_str()).and_then(number));
    let until = || {
        let date = httpdate::parse_http_date(text(RETRY_AFTER.as_str())?).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    };
    let pause = seconds.map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST_PAUSE.as_secs_f64()))).or_else(until);
    pause.map(|pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn png() -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/formats/truecolour.png", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn with(image: &str) -> Result<Answer, Nonsense> {
        read(format!("{{\"created\":1,\"data\":[{image}]}}").as_bytes(), 1_000_000)
    }

    #[test]
    fn both_forms_of_a_picture_are_read_and_bytes_come_first() {
        let base64 = BASE64.encode(png());
        let both = with(&format!("{{\"b64_json\":\"{base64}\",\"url\":\"https://a.example/\"}}")).unwrap();
        assert_eq!(both.picture, Picture::Bytes(png().into()));
        let unpadded = base64.trim_end_matches('=');
        assert!(with(&format!("{{\"b64_json\":\"{unpadded}\",\"url\":null}}")).is_ok());
        let url = with("{\"url\":\"https://a.example/x?sig=y\"}").unwrap();
        assert_eq!(url.picture, Picture::Url("https://a.example/x?sig=y".parse().unwrap()));
    }

    #[test]
    fn what_was_used_is_read_where_it_is_plain() {
        let image = "\"data\":[{\"url\":\"https://a.example/\"}]";
        let usage = "\"usage\":{\"input_tokens\":5,\"output_tokens\":7,\"total_tokens\":12}";
        let body = format!("{{{image},\"size\":\"1536x1024\",\"quality\":\"<b>\",{usage}}}");
        let answer = read(body.as_bytes(), 1000).unwrap();
        assert_eq!((answer.size.as_deref(), answer.quality, answer.tokens), (Some("1536x1024"), None, Some((5, 7))));
    }

    #[test]
    fn each_kind_of_nonsense_is_told_apart() {
        let html = BASE64.encode("<html>");
        let gif = std::fs::read(format!("{}/fixtures/formats/animated.gif", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for (image, expected) in [
            (String::new(), Nonsense::NoPicture),
            ("{}".to_owned(), Nonsense::NoPicture),
            ("{\"b64_json\":\"\"}".to_owned(), Nonsense::NoPicture),
            ("{\"b64_json\":\"%%%\"}".to_owned(), Nonsense::Base64),
            (format!("{{\"b64_json\":\"{html}\"}}"), Nonsense::NotAPicture),
            (format!("{{\"b64_json\":\"{}\"}}", BASE64.encode(gif)), Nonsense::NotAPicture),
            (format!("{{\"b64_json\":\"{}\"}}", "A".repeat(1_400_000)), Nonsense::TooLarge),
            ("{\"url\":\"not a url\"}".to_owned(), Nonsense::Address),
            ("{\"url\":7}".to_owned(), Nonsense::NotJson),
        ] {
            assert_eq!(with(&image).unwrap_err(), expected, "{}", &image[..image.len().min(60)]);
        }
        assert_eq!(read(b"", 1000).unwrap_err(), Nonsense::Empty);
        assert_eq!(read(b"<html>", 1000).unwrap_err(), Nonsense::NotJson);
        assert_eq!(read(b"{\"data\":[{\"b64_json\":\"aGk", 1000).unwrap_err(), Nonsense::Incomplete);
        assert_eq!(read(b"{\"data\":null}", 1000).unwrap_err(), Nonsense::NoPicture);
    }

    #[test]
    fn pauses_are_seconds_dates_or_milliseconds_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let pause = |name: &'static str, value: &str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            retry_after(&headers, now).map(|pause| pause.as_secs_f64())
        };
        assert_eq!(pause("retry-after", "7"), Some(7.0));
        assert_eq!(pause("retry-after-ms", "1500"), Some(1.5));
        let date = httpdate::fmt_http_date(now + Duration::from_secs(90));
        assert_eq!(pause("retry-after", &date), Some(90.0));
        assert_eq!(pause("retry-after", &httpdate::fmt_http_date(now - Duration::from_secs(9))), Some(0.0));
        assert_eq!(pause("retry-after", "1e300"), Some(3600.0));
        for nonsense in ["-1", "NaN", "soon", ""] {
            assert_eq!(pause("retry-after", nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&body, 1000);
            let _ = super::super::error::Said::read(&body);
        }
    }
}
