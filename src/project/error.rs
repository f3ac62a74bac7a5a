//! Why a project did not do what it was asked.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::source::{Answered, SetupError, SourceError};

/// Why a project did not do what it was asked. `Display` is for logs: it holds no key and nothing of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// The project does not know the key that we ask with.
    #[error("the upstream does not accept the service key (status {status})")]
    Key { status: u16 },
    #[error("a policy of the upstream forbids it")]
    Policy,
    /// No such bucket, table or object.
    #[error("the upstream has no such thing")]
    Missing,
    #[error("it is too large for the upstream")]
    TooLarge,
    #[error("the upstream does not take this type")]
    Type,
    #[error("the upstream is busy")]
    Busy { retry_after: Option<Duration> },
    #[error("the upstream failed (status {status})")]
    Failed { status: u16 },
    #[error("the upstream could not be reached: {0}")]
    Unreachable(String),
    #[error("the upstream took too long")]
    Slow,
    /// Asked in a way that it does not take; `code` is its own word for it.
    #[error("the upstream does not take the request (status {status}, {code})")]
    Rejected { status: u16, code: String },
    #[error("the upstream's answer is of no use")]
    Nonsense,
}

/// An error as the storage API (`statusCode`, `message`) or PostgREST (`code`, `message`) tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    #[serde(rename = "statusCode")]
    status_code: Value,
    code: Value,
    message: Value,
}

impl ProjectError {
    /// The answer, if it is a success.
    pub(super) fn judge(answered: Result<Answered, SourceError>) -> Result<Answered, Self> {
        let answered = answered?;
        if matches!(answered.status, 200..=299) { Ok(answered) } else { Err(Self::of(&answered)) }
    }

    fn of(answered: &Answered) -> Self {
        let envelope: Envelope = serde_json::from_slice(&answered.bytes).unwrap_or_default();
        let said = match &envelope.status_code {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            _ => None,
        };
        // The storage API answers 400 and tells what it means in the body.
        let status = said.filter(|_| answered.status == 400).unwrap_or(answered.status);
        let code = word(&envelope.code);
        match status {
            403 if code == "42501" || says(&envelope, "row-level security") => Self::Policy,
            401 | 403 => Self::Key { status },
            404 => Self::Missing,
            413 => Self::TooLarge,
            415 => Self::Type,
            429 => Self::Busy { retry_after: retry_after(answered) },
            408 | 425 | 500..=599 => Self::Failed { status },
            status => Self::Rejected { status, code },
        }
    }

    /// Whether what was to be made is there already.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Rejected { status: 409, .. })
    }

    /// Whether the same may succeed later, and after which pause if the project named one.
    pub fn retry(&self) -> Option<Option<Duration>> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Failed { .. } | Self::Unreachable(_) | Self::Slow => Some(None),
            _ => None,
        }
    }

    /// For the person who wants an avatar.
    pub const fn public_text(&self) -> &'static str {
        match self {
            Self::Key { .. } => "The storage does not accept this server's key; whoever runs it has to look at it",
            Self::Policy => "The storage's policies do not let this server store the picture",
            Self::Missing => "The storage has no place for avatars",
            Self::TooLarge => "The picture is too large for the storage",
            Self::Type => "The storage does not take this type of picture",
            Self::Busy { .. } => "The storage is busy; please try again later",
            Self::Failed { .. } | Self::Unreachable(_) | Self::Slow => {
                "The storage cannot be reached; please try again"
            }
            Self::Rejected { .. } | Self::Nonsense => "The storage did not take the picture",
        }
    }
}

fn says(envelope: &Envelope, words: &str) -> bool {
    envelope.message.as_str().is_some_and(|message| message.contains(words))
}

/// A short name, as programs use it.
fn word(code: &Value) -> String {
    let text = code.as_str().unwrap_or("unnamed");
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(40).collect()
}

fn retry_after(answered: &Answered) -> Option<Duration> {
    /// No pause is longer, whatever is asked for.
    const LONGEST: u64 = 300;
    let seconds: u64 = answered.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

impl From<SourceError> for ProjectError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Slow => Self::Slow,
            SourceError::Unconnected(reason) | SourceError::Unreachable(reason) | SourceError::Incomplete(reason) => {
                Self::Unreachable(reason)
            }
            _ => Self::Nonsense,
        }
    }
}

impl From<SetupError> for ProjectError {
    /// A caller's token that is no header's value.
    fn from(_: SetupError) -> Self {
        Self::Nonsense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> ProjectError {
        ProjectError::of(&Answered { status, headers: http::HeaderMap::new(), bytes: body.to_owned().into() })
    }

    #[test]
    fn refusals_are_told_apart_in_both_envelopes() {
        let policy =
            r#"{"statusCode":"403","error":"Unauthorized","message":"new row violates row-level security policy"}"#;
        let key = r#"{"statusCode":"403","error":"Unauthorized","message":"Invalid Compact JWS"}"#;
        for (status, body, expected) in [
            (400, policy, ProjectError::Policy),
            (400, key, ProjectError::Key { status: 403 }),
            (401, r#"{"code":"PGRST301","message":"JWSError"}"#, ProjectError::Key { status: 401 }),
            (403, r#"{"code":"42501","message":"permission denied for table kinksters"}"#, ProjectError::Policy),
            (400, r#"{"statusCode":"404","error":"Bucket not found","message":"x"}"#, ProjectError::Missing),
            (400, r#"{"statusCode":"413","error":"Payload too large"}"#, ProjectError::TooLarge),
            (413, "<html>", ProjectError::TooLarge),
            (400, r#"{"statusCode":"415","error":"invalid_mime_type"}"#, ProjectError::Type),
            (400, r#"{"code":"PGRST204","message":"secret"}"#, rejected(400, "PGRST204")),
            (409, "", rejected(409, "unnamed")),
            (503, r#"{"statusCode":"404"}"#, ProjectError::Failed { status: 503 }),
            (429, "", ProjectError::Busy { retry_after: None }),
        ] {
            let error = of(status, body);
            assert_eq!(error, expected, "{status} {body}");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(of(502, "").retry().is_some() && of(401, "").retry().is_none());
    }

    fn rejected(status: u16, code: &str) -> ProjectError {
        ProjectError::Rejected { status, code: code.to_owned() }
    }
}
