//! Where an error is explained: every answer that refuses something links to its section of the page on troubleshooting.

use http::header::LINK;
use http::{HeaderValue, Response, StatusCode};

use crate::error::Code;

/// A section of `deploy/docs/troubleshooting.md`. Left on a response as an extension, it says more than the status does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Help {
    /// A row of the error table.
    Code(Code),
    Unauthorized,
    Conflict,
    Method,
    BodyTooSlow,
    DiskFull,
    Quota,
    Provider,
    Upstream,
}

impl Help {
    /// Where nothing more is known than the status.
    const fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Code(Code::Forbidden),
            404 | 410 => Self::Code(Code::Missing),
            405 => Self::Method,
            408 => Self::BodyTooSlow,
            409 | 423 => Self::Conflict,
            413 => Self::Code(Code::TooManyBytes),
            415 => Self::Code(Code::NotAPicture),
            429 => Self::Code(Code::TooFast),
            502 | 508 => Self::Code(Code::OriginFailed),
            503 => Self::Code(Code::Busy),
            504 => Self::Code(Code::OriginSlow),
            507 => Self::DiskFull,
            500.. => Self::Code(Code::Internal),
            _ => Self::Code(Code::BadParameter),
        }
    }

    /// The section's anchor; also the code in problem documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Unauthorized => "unauthorized",
            Self::Conflict => "conflict",
            Self::Method => "method-not-allowed",
            Self::BodyTooSlow => "body-too-slow",
            Self::DiskFull => "disk-full",
            Self::Quota => "quota",
            Self::Provider => "provider",
            Self::Upstream => "upstream",
        }
    }
}

/// Adds the link (RFC 8288) to an answer that is an error of ours.
pub(super) fn point<B>(response: &mut Response<B>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let help = response.extensions().get::<Help>().copied().unwrap_or_else(|| Help::of(status));
    let link = format!("</docs/troubleshooting#{}>; rel=\"help\"", help.as_str());
    if let Ok(link) = HeaderValue::try_from(link) {
        response.headers_mut().append(LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::docs;

    #[test]
    fn every_error_has_its_section() {
        let sections = docs::anchors("troubleshooting");
        let own = [
            Help::Unauthorized,
            Help::Conflict,
            Help::Method,
            Help::BodyTooSlow,
            Help::DiskFull,
            Help::Quota,
            Help::Provider,
            Help::Upstream,
        ];
        for help in Code::ALL.map(Help::Code).into_iter().chain(own) {
            assert!(sections.contains(&help.as_str()), "{help:?} is not explained");
        }
    }

    #[test]
    fn a_status_alone_leads_somewhere() {
        for (status, section) in [(404, "missing"), (400, "bad-parameter"), (422, "bad-parameter"), (501, "internal")] {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            point(&mut response);
            assert_eq!(response.headers()[LINK], format!("</docs/troubleshooting#{section}>; rel=\"help\""));
        }
        let mut response = Response::new(());
        point(&mut response);
        assert!(!response.headers().contains_key(LINK));
    }
}
