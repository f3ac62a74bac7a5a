//! What the dialects share: reading the tail of a path and numbers of a query, and the error for a bad parameter.

use super::Target;
use crate::error::Code;
use crate::object::{BucketName, NameError, ObjectKey};

/// A parameter that is not what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} {message}")]
pub struct ParameterError {
    /// As the caller wrote it, for instance `w` or `width`; `bucket` or `object` for the parts of the path.
    pub parameter: String,
    /// What is allowed; continues the sentence that begins with the parameter.
    pub message: String,
}

impl ParameterError {
    pub fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), message: message.into() }
    }

    pub const fn code(&self) -> Code {
        Code::BadParameter
    }
}

/// Reads `{bucket}/{object}`, still percent-encoded; each part is decoded once.
pub(super) fn object_of_path(tail: &str) -> Result<Target, NameError> {
    let (bucket, key) = tail.split_once('/').ok_or(NameError::Key)?;
    let bucket = percent_encoding::percent_decode_str(bucket).decode_utf8().map_err(|_| NameError::Bucket)?;
    Ok(Target::Object { bucket: BucketName::parse(&bucket)?, key: ObjectKey::decode(key)? })
}

/// Reads a plain decimal such as `2` or `0.25` and rounds it to steps of `1 / per_unit`; `None` outside `min..=max`,
/// for signs, exponents, names of numbers, or more than 16 characters.
pub(super) fn steps(text: &str, per_unit: u8, min: u8, max: u8) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = if plain && text.len() <= 16 { text.parse().ok()? } else { return None };
    if !(f64::from(min)..=f64::from(max)).contains(&value) {
        return None;
    }
    Some((value * f64::from(per_unit)).round() as u8)
}

/// Reads an unsigned decimal integer: digits only, no sign. Saturates, so that size can be judged by the caller.
pub(super) fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether two names are one edit (insertion, deletion, replacement) or one swap of neighbours apart.
pub(super) fn nearly_equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let Some(at) = short.iter().zip(long).position(|(a, b)| a != b) else { return long.len() == short.len() + 1 };
    if short.len() < long.len() {
        return short[at..] == long[at + 1..];
    }
    let replaced = short[at + 1..] == long[at + 1..];
    let swapped = at + 1 < short.len()
        && short[at] == long[at + 1]
        && short[at + 1] == long[at]
        && short[at + 2..] == long[at + 2..];
    replaced || swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_or_swap_is_near() {
        for near in ["widht", "wdith", "with", "idth", "widt", "widths", "xwidth", "width1", "wadth", "widtk"] {
            assert!(nearly_equal("width", near), "{near}");
        }
        for far in ["width", "", "wi", "widthss", "iwdht", "height", "dhtwi"] {
            assert!(!nearly_equal("width", far), "{far}");
        }
    }

    #[test]
    fn decimals_are_rounded_to_steps() {
        for (text, expected) in [
            ("1", Some(2)),
            ("1.3", Some(3)),
            ("1.2", Some(2)),
            ("3.0", Some(6)),
            ("0.9", None),
            ("3.01", None),
            ("-1", None),
            ("+1", None),
            ("1e0", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("1.00000000000000000", None),
        ] {
            assert_eq!(steps(text, 2, 1, 3), expected, "{text}");
        }
    }

    #[test]
    fn buckets_and_keys_are_decoded_once() {
        let Ok(Target::Object { bucket, key }) = object_of_path("p%68otos/a%20b/%252e.png") else { panic!() };
        assert_eq!((bucket.as_str(), key.as_str()), ("photos", "a b/%2e.png"));
        for bad in ["", "photos", "photos/", "/a.jpg", "~remote/a", "%7Eremote/a", "photos/../a", "photos/%2e%2e/a"] {
            assert!(object_of_path(bad).is_err(), "{bad}");
        }
    }
}
