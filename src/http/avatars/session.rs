//! Who asks: a bearer, or the session cookie of the app's own pages.

use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;
use uuid::Uuid;

use super::fault::Fault;
use super::{AvatarFault, BODY_BYTES, signed_in};
use crate::auth::{Caller, Role};
use crate::http::api::Api;
use crate::secret::Secret;
use crate::sidecar::field::FieldError;

/// Encoders differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Most pieces of one cookie.
const PIECES: usize = 16;

/// A signed-in user or the operator, by token alone.
pub(super) fn bearer(api: &Api, headers: &HeaderMap) -> Result<Caller, Fault> {
    let caller = signed_in(api, headers)?;
    if caller.role == Role::Anon { Err(AvatarFault::Unauthorized.into()) } else { Ok(caller) }
}

/// A signed-in user or the operator: by token, or by the session cookie where a page of ours sends it.
pub(super) fn caller(api: &Api, head: &Parts) -> Result<Caller, Fault> {
    if head.headers.contains_key(AUTHORIZATION) {
        return bearer(api, &head.headers);
    }
    let sessions = sessions(&head.headers);
    if sessions.is_empty() {
        return bearer(api, &head.headers);
    }
    // The browser adds the cookie whoever made the page: only what a foreign page cannot forge counts.
    if !(is_own_page(&api.avatars.origins, &head.headers) && is_json_or_bodyless(head)) {
        return Err(Fault::Forbidden("This page may not use the session cookie"));
    }
    let callers = sessions.iter().filter_map(|token| api.keys.caller_of_token(token).ok());
    let mut users = callers.filter(|caller| caller.role == Role::Authenticated && caller.subject.is_some());
    users.next().ok_or_else(|| AvatarFault::Unauthorized.into())
}

/// The signed-in user's own token, with which others may be asked on their behalf. Of a request that was let in.
pub(super) fn own_token(api: &Api, headers: &HeaderMap) -> Option<Secret> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = match bearer {
        Some(value) => value.split_once(' ').map(|(_, token)| token.trim().to_owned()).into_iter().collect(),
        None => sessions(headers),
    };
    let is_users = |token: &String| {
        api.keys
            .caller_of_token(token)
            .is_ok_and(|caller| caller.role == Role::Authenticated && caller.subject.is_some())
    };
    sent.into_iter().find(is_users).map(Secret::new)
}

fn is_own_page(origins: &[String], headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found.as_bytes() == value.as_bytes());
    origins.iter().any(|origin| is(ORIGIN.as_str(), origin)) || is("sec-fetch-site", "same-origin")
}

/// A form can be sent from any page, JSON cannot. What has no body is read only, or asked about first by the browser.
fn is_json_or_bodyless(head: &Parts) -> bool {
    if matches!(head.method, Method::GET | Method::HEAD | Method::DELETE) {
        return true;
    }
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The access tokens of every session cookie.
fn sessions(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let cookies: Vec<(&str, &str)> = pairs.map(|(name, value)| (name, value.trim_matches('"'))).collect();
    let mut names: Vec<&str> = cookies.iter().filter_map(|(name, _)| session_name(name)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(|name| access_token(&whole(name, &cookies)?)).collect()
}

/// `sb-ref-auth-token` of itself, and of its piece `sb-ref-auth-token.0`.
fn session_name(name: &str) -> Option<&str> {
    let whole = match name.rsplit_once('.') {
        Some((whole, piece)) if piece.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => name,
    };
    (whole.starts_with("sb-") && whole.ends_with("-auth-token")).then_some(whole)
}

fn whole(name: &str, cookies: &[(&str, &str)]) -> Option<String> {
    let value = |wanted: &str| cookies.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    if let Some(value) = value(name) {
        return Some(value.to_owned());
    }
    let pieces = (0..PIECES).map_while(|piece| value(&format!("{name}.{piece}")));
    let whole = pieces.collect::<String>();
    (!whole.is_empty()).then_some(whole)
}

/// The one field that is used; what else a session holds is not looked at.
fn access_token(cookie: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(cookie).decode_utf8().ok()?;
    let session: Value = match text.strip_prefix("base64-") {
        Some(encoded) => serde_json::from_slice(&BASE64.decode(encoded).ok()?).ok()?,
        None => serde_json::from_str(&text).ok()?,
    };
    // Older clients wrote a list that begins with it.
    let token = session.get("access_token").or_else(|| session.get(0))?;
    token.as_str().map(str::to_owned)
}

/// For whom the caller acts: themselves, or whom the operator names.
pub(super) fn user_of(caller: &Caller, asked: Option<Uuid>) -> Result<String, Fault> {
    if caller.is_service() {
        return asked.map(|user| user.to_string()).ok_or_else(|| FieldError::required("user_id").into());
    }
    let own = caller.subject.as_deref().and_then(|subject| Uuid::parse_str(subject).ok());
    match own {
        Some(own) if asked.is_none_or(|asked| asked == own) => Ok(own.to_string()),
        _ => Err(Fault::Forbidden("You may only do this for yourself")),
    }
}

/// Whom a listing is narrowed to; `None`: nobody, for the operator alone.
pub(super) fn own_rows(caller: &Caller, asked: Option<Uuid>) -> Result<Option<String>, Fault> {
    if caller.is_service() { Ok(asked.map(|user| user.to_string())) } else { user_of(caller, asked).map(Some) }
}

/// The whole body, within time and size.
pub(super) async fn read(api: &Api, body: Body) -> Result<Bytes, Fault> {
    let body = tokio::time::timeout(api.body_timeout, to_bytes(body, BODY_BYTES)).await;
    Ok(body.map_err(|_| AvatarFault::TooSlow)?.map_err(|_| AvatarFault::TooLarge)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(cookies: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookies.parse().unwrap());
        sessions(&headers)
    }

    #[test]
    fn sessions_are_read_in_every_form_that_clients_write() {
        let json = r#"{"access_token":"t1","refresh_token":"r"}"#;
        let encoded = format!("base64-{}", BASE64.encode(json));
        let (first, second) = encoded.split_at(20);
        for cookies in [
            format!("a=b; sb-abc-auth-token={encoded}"),
            format!("sb-abc-auth-token.1={second}; sb-abc-auth-token.0={first}; x=y"),
            format!(
                "sb-abc-auth-token={}",
                percent_encoding::utf8_percent_encode(json, percent_encoding::NON_ALPHANUMERIC)
            ),
            "sb-abc-auth-token=[\"t1\"%2Cnull]".to_owned(),
            format!("sb-abc-auth-token={}", encoded.trim_end_matches('=')),
        ] {
            assert_eq!(tokens(&cookies), ["t1"], "{cookies}");
        }
    }

    #[test]
    fn what_is_no_session_is_none() {
        for cookies in [
            "",
            "sb-abc-auth-token=",
            "sb-abc-auth-token=base64-%%%",
            "sb-abc-auth-token=base64-e30",
            "sb-abc-auth-token-code-verifier=x",
            "auth-token={\"access_token\":\"t\"}",
            "sb-abc-auth-token.1=x",
            "sb-abc-auth-token={\"access_token\":7}",
        ] {
            assert!(tokens(cookies).is_empty(), "{cookies}");
        }
    }

    #[test]
    fn only_the_origins_that_are_named_are_own_pages() {
        let own = ["https://app.example".to_owned()];
        let is_own = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_own_page(&own, &headers.collect::<HeaderMap>())
        };
        assert!(is_own(&[("origin", "https://app.example")]));
        assert!(is_own(&[("sec-fetch-site", "same-origin")]));
        for headers in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://app.example.evil.example")],
            &[("origin", "http://app.example")],
            &[("sec-fetch-site", "same-site")],
            &[("referer", "https://app.example/")],
        ] {
            assert!(!is_own(headers), "{headers:?}");
        }
    }
}
