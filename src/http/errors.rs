//! The one place where faults become HTTP: one table, three envelopes (`Errors` in `deploy/docs/urls.md`).

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::body::Body;
use super::help::Help;
use crate::error::Code;
use crate::transform::Dialect;

/// What went wrong, ready for any envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// For people: what was wrong and what is allowed. In the Next dialect the table's own text wins for most codes.
    pub detail: String,
    /// The parameter that is wrong.
    pub parameter: Option<String>,
    pub retry_after: Option<Duration>,
    /// The status that the origin answered with.
    pub origin_status: Option<u16>,
    /// What exactly is missing or refused, where a dialect words it differently.
    pub about: About,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Object,
    /// The bucket is unknown, or private, which looks the same.
    Bucket,
    /// Next: a local URL, not a remote one.
    Local,
    /// Next: `detail` is its exact text.
    Exact,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            parameter: None,
            retry_after: None,
            origin_status: None,
            about: About::Object,
        }
    }

    pub fn about(self, about: About) -> Self {
        Self { about, ..self }
    }

    /// The answer in the dialect's envelope: never cached, never with an internal detail.
    pub fn respond(&self, dialect: Dialect) -> Response<Body> {
        let (status, content_type, body) = match dialect {
            Dialect::Native => self.native(),
            Dialect::Supabase => self.supabase(),
            Dialect::Next => self.next(),
        };
        let mut response = Response::new(Body::Bytes(body.into()));
        *response.status_mut() = status;
        response.extensions_mut().insert(Help::Code(self.code));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        if let Some(seconds) = self.retry_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// `Retry-After` in whole seconds, at least 1; always there for 429 and 503.
    fn retry_seconds(&self) -> Option<u64> {
        let wait = self.retry_after.map(|wait| wait.as_secs_f64().ceil().max(1.0) as u64);
        match self.code {
            Code::TooFast | Code::Busy => Some(wait.unwrap_or(1)),
            _ => wait,
        }
    }

    /// RFC 9457.
    fn native(&self) -> (StatusCode, &'static str, String) {
        let status = native_status(self.code);
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
        });
        if let Some(parameter) = &self.parameter {
            problem["parameter"] = json!(parameter);
        }
        (status, "application/problem+json", problem.to_string())
    }

    /// Supabase Storage: HTTP 400 for nearly everything, the true status as a text in the body.
    fn supabase(&self) -> (StatusCode, &'static str, String) {
        let invalid =
            |message: &str| (StatusCode::BAD_REQUEST, "400", "InvalidRequest", "InvalidRequest", message.to_owned());
        let (status, status_code, error, code, message) = match self.code {
            Code::BadParameter => (StatusCode::BAD_REQUEST, "400", "Error", "InvalidRequest", self.detail.clone()),
            Code::Missing if self.about == About::Bucket => {
                (StatusCode::BAD_REQUEST, "404", "Bucket not found", "NoSuchBucket", "Bucket not found".to_owned())
            }
            Code::Missing => (StatusCode::BAD_REQUEST, "404", "not_found", "NoSuchKey", "Object not found".to_owned()),
            Code::Forbidden => (StatusCode::BAD_REQUEST, "403", "Unauthorized", "AccessDenied", self.detail.clone()),
            Code::TooManyBytes => invalid("The source image file is too large to process"),
            Code::NotAPicture | Code::KindRefused | Code::Corrupt => {
                invalid("The source image is invalid or unsupported for rendering")
            }
            Code::TooManyPixels => invalid("The source image resolution is too large to process"),
            Code::TooFast => (StatusCode::TOO_MANY_REQUESTS, "429", "SlowDown", "SlowDown", self.detail.clone()),
            Code::Busy => (StatusCode::SERVICE_UNAVAILABLE, "503", "InternalError", "SlowDown", self.detail.clone()),
            Code::OriginFailed | Code::OriginUnreachable | Code::OriginRedirects => {
                (StatusCode::BAD_GATEWAY, "502", "InternalError", "InternalError", self.detail.clone())
            }
            Code::OriginSlow => {
                (StatusCode::GATEWAY_TIMEOUT, "504", "InternalError", "InternalError", self.detail.clone())
            }
            Code::Internal => {
                let message = "Internal Server Error".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "500", "Internal", "InternalError", message)
            }
        };
        let envelope = json!({"statusCode": status_code, "error": error, "message": message, "code": code});
        (status, "application/json; charset=utf-8", envelope.to_string())
    }

    /// next/image: plain text, its exact sentences.
    fn next(&self) -> (StatusCode, &'static str, String) {
        const INVALID_IMAGE: &str = "The requested resource isn't a valid image.";
        let side = if matches!(self.about, About::Local | About::Bucket) { "internal" } else { "upstream" };
        let invalid_response = format!("\"url\" parameter is valid but {side} response is invalid");
        let (status, text) = match self.code {
            Code::Missing if self.about == About::Exact => (StatusCode::NOT_FOUND, self.detail.clone()),
            _ if self.about == About::Exact => (StatusCode::BAD_REQUEST, self.detail.clone()),
            Code::BadParameter => (StatusCode::BAD_REQUEST, self.detail.clone()),
            Code::Forbidden => (StatusCode::BAD_REQUEST, "\"url\" parameter is not allowed".to_owned()),
            Code::Missing => (StatusCode::NOT_FOUND, invalid_response),
            Code::TooManyBytes => (StatusCode::PAYLOAD_TOO_LARGE, invalid_response),
            Code::NotAPicture | Code::Corrupt | Code::TooManyPixels => {
                (StatusCode::BAD_REQUEST, INVALID_IMAGE.to_owned())
            }
            Code::KindRefused => {
                (StatusCode::BAD_REQUEST, "\"url\" parameter is valid but image type is not allowed".to_owned())
            }
            Code::OriginFailed => (passed_through(self.origin_status), invalid_response),
            Code::OriginUnreachable => (StatusCode::BAD_GATEWAY, invalid_response),
            Code::OriginRedirects => (StatusCode::LOOP_DETECTED, invalid_response),
            Code::OriginSlow => {
                (StatusCode::GATEWAY_TIMEOUT, format!("\"url\" parameter is valid but {side} response timed out"))
            }
            Code::TooFast | Code::Busy | Code::Internal => {
                let status = native_status(self.code);
                (status, status.canonical_reason().unwrap_or_default().to_owned())
            }
        };
        (status, "text/plain; charset=utf-8", text)
    }
}

/// The native dialect's statuses; the other dialects begin from them.
pub(super) fn native_status(code: Code) -> StatusCode {
    match code {
        Code::BadParameter => StatusCode::BAD_REQUEST,
        Code::Missing => StatusCode::NOT_FOUND,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::TooManyBytes => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NotAPicture | Code::KindRefused => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Corrupt | Code::TooManyPixels => StatusCode::UNPROCESSABLE_ENTITY,
        Code::TooFast => StatusCode::TOO_MANY_REQUESTS,
        Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Code::OriginFailed | Code::OriginUnreachable | Code::OriginRedirects => StatusCode::BAD_GATEWAY,
        Code::OriginSlow => StatusCode::GATEWAY_TIMEOUT,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Next answers with the origin's own status where that is an error, 500 where it is a redirect without a target, and we
/// answer 502 where the origin's answer was no status at all.
fn passed_through(origin: Option<u16>) -> StatusCode {
    match origin.map(StatusCode::from_u16) {
        Some(Ok(status)) if status.as_u16() >= 400 => status,
        Some(_) => StatusCode::INTERNAL_SERVER_ERROR,
        None => StatusCode::BAD_GATEWAY,
    }
}

/// 405 with what is allowed.
pub fn method_not_allowed(dialect: Dialect) -> Response<Body> {
    let problem = Problem::new(Code::BadParameter, "pictures are read with GET or HEAD");
    let mut response = problem.respond(dialect);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.extensions_mut().insert(Help::Method);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

/// Errors vary as the answer would have.
pub fn varying_by_accept(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(response: Response<Body>) -> String {
        match response.into_body() {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Api(_) => String::new(),
        }
    }

    #[test]
    fn every_code_has_its_status_in_every_dialect_and_is_never_cached() {
        let rows = [
            (Code::BadParameter, 400, 400, 400),
            (Code::Missing, 404, 400, 404),
            (Code::Forbidden, 403, 400, 400),
            (Code::TooManyBytes, 413, 400, 413),
            (Code::NotAPicture, 415, 400, 400),
            (Code::KindRefused, 415, 400, 400),
            (Code::Corrupt, 422, 400, 400),
            (Code::TooManyPixels, 422, 400, 400),
            (Code::TooFast, 429, 429, 429),
            (Code::Busy, 503, 503, 503),
            (Code::OriginFailed, 502, 502, 502),
            (Code::OriginUnreachable, 502, 502, 502),
            (Code::OriginRedirects, 502, 502, 508),
            (Code::OriginSlow, 504, 504, 504),
            (Code::Internal, 500, 500, 500),
        ];
        assert_eq!(rows.len(), Code::ALL.len());
        for (code, native, supabase, next) in rows {
            let problem = Problem::new(code, "detail");
            for (dialect, status) in [(Dialect::Native, native), (Dialect::Supabase, supabase), (Dialect::Next, next)] {
                let response = problem.respond(dialect);
                assert_eq!(response.status(), status, "{code:?} in {dialect:?}");
                assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
                let wants_retry = matches!(code, Code::TooFast | Code::Busy);
                assert_eq!(response.headers().contains_key(RETRY_AFTER), wants_retry, "{code:?} in {dialect:?}");
            }
        }
    }

    #[test]
    fn supabase_envelopes_carry_the_true_status_as_text() {
        let missing = Problem::new(Code::Missing, "x");
        let envelope = |problem: &Problem| -> serde_json::Value {
            serde_json::from_str(&body_of(problem.respond(Dialect::Supabase))).unwrap()
        };
        assert_eq!(
            envelope(&missing),
            json!({"statusCode": "404", "error": "not_found", "message": "Object not found", "code": "NoSuchKey"})
        );
        assert_eq!(
            envelope(&missing.about(About::Bucket)),
            json!({"statusCode": "404", "error": "Bucket not found", "message": "Bucket not found", "code": "NoSuchBucket"})
        );
        let pixels = Problem::new(Code::TooManyPixels, "x");
        assert_eq!(envelope(&pixels)["message"], "The source image resolution is too large to process");
    }

    #[test]
    fn next_texts_name_the_side_and_pass_the_origins_status() {
        let failed = Problem { origin_status: Some(418), ..Problem::new(Code::OriginFailed, "x") };
        assert_eq!(failed.respond(Dialect::Next).status(), 418);
        let missing = Problem::new(Code::Missing, "x");
        assert_eq!(
            body_of(missing.respond(Dialect::Next)),
            "\"url\" parameter is valid but upstream response is invalid"
        );
        assert_eq!(
            body_of(missing.about(About::Local).respond(Dialect::Next)),
            "\"url\" parameter is valid but internal response is invalid"
        );
    }
}
