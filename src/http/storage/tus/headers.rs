//! What TUS says in a request's headers, apart from the metadata. Pure.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};

use super::Refusal;
use crate::bucket::Checksum;
use crate::http::storage::Fault;

/// The type of every part.
const PART: &str = "application/offset+octet-stream";

/// The method that counts: clients that cannot send PATCH or DELETE send POST and say in a header what they mean.
pub(super) fn method(head: &Parts) -> Method {
    let meant = head.headers.get("x-http-method-override").filter(|_| head.method == Method::POST);
    let meant = meant.and_then(|value| Method::from_bytes(value.as_bytes().to_ascii_uppercase().as_slice()).ok());
    meant.unwrap_or_else(|| head.method.clone())
}

pub(super) fn length(headers: &HeaderMap) -> Result<u64, Refusal> {
    if headers.contains_key("upload-defer-length") {
        return Err(Fault::schema("headers/upload-defer-length is not supported: say the length").into());
    }
    if headers.contains_key("upload-concat") {
        return Err(Fault::schema("headers/upload-concat is not supported").into());
    }
    number(headers, "upload-length")
}

pub(super) fn offset(headers: &HeaderMap) -> Result<u64, Refusal> {
    number(headers, "upload-offset")
}

/// Digits alone: what `u64::from_str` takes besides, a plus sign, is no number here.
fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Refusal> {
    let text =
        headers.get(name).ok_or_else(|| Fault::schema(format!("headers must have required property '{name}'")))?;
    let digits = text.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    Ok(number.ok_or_else(|| Fault::schema(format!("headers/{name} must be a whole number of bytes")))?)
}

/// Bytes that the body is said to have.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the body is bytes of an upload.
pub(super) fn is_part(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim().eq_ignore_ascii_case(PART))
}

pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Refusal> {
    let Some(value) = headers.get("upload-checksum") else { return Ok(None) };
    let wrong = || Fault::schema("headers/upload-checksum must be an algorithm and a base64 hash");
    let (name, hash) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    let algorithm = match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        _ => return Err(Fault::schema("headers/upload-checksum must be sha1 or sha256").into()),
    };
    let expected = STANDARD.decode(hash).map_err(|_| wrong())?;
    Ok(Some(Checksum { algorithm, expected }))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Request};

    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn lengths_are_digits_that_fit() {
        assert_eq!(length(&with("upload-length", "0")).unwrap(), 0);
        assert_eq!(length(&with("upload-length", "18446744073709551615")).unwrap(), u64::MAX);
        for bad in ["", "-1", "+1", "1e3", " 1", "0x10", "18446744073709551616", "1,2"] {
            assert!(length(&with("upload-length", bad)).is_err(), "{bad:?}");
        }
        assert!(length(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_a_post_is_overridden() {
        let request = |method: Method, meant: &str| {
            method_of(Request::builder().method(method).header("x-http-method-override", meant))
        };
        assert_eq!(request(Method::POST, "PATCH"), Method::PATCH);
        assert_eq!(request(Method::POST, "delete"), Method::DELETE);
        assert_eq!(request(Method::HEAD, "DELETE"), Method::HEAD);
        assert_eq!(request(Method::POST, "b d"), Method::POST);
    }

    fn method_of(builder: http::request::Builder) -> Method {
        method(&builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn checksums_have_a_known_algorithm_and_a_hash() {
        let sha1 = checksum(&with("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")).unwrap().unwrap();
        assert_eq!(digest::digest(sha1.algorithm, b"hello world").as_ref(), sha1.expected);
        for bad in ["", "sha1", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 !", "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert!(checksum(&with("upload-checksum", bad)).is_err(), "{bad:?}");
        }
    }
}
