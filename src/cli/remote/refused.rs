//! Why a server did not do what it was asked.

use std::fmt;

use http::StatusCode;
use reqwest::Response;

use super::chain;
use crate::cli::output::shown;

/// Why a server did not do what it was asked.
#[derive(Debug)]
pub(in crate::cli) enum Refused {
    /// No answer came, or broke off.
    Unreached { reason: String, is_connect: bool },
    /// The true status, which Supabase's API hides in the body; and the server's own words.
    Answered { status: StatusCode, code: String, message: String },
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached { reason, .. } => formatter.write_str(reason),
            Self::Answered { status, message, .. } => write!(formatter, "answered {status}: {}", shown(message)),
        }
    }
}

impl Refused {
    pub(in crate::cli) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Unreached { .. } => None,
            Self::Answered { status, .. } => Some(*status),
        }
    }

    pub(in crate::cli) fn is_no_bucket(&self) -> bool {
        matches!(self, Self::Answered { code, message, .. } if code == "NoSuchBucket" || message == "Bucket not found")
    }

    /// Whether whatever else would be asked ends the same way.
    pub(in crate::cli) fn is_final(&self) -> bool {
        match self {
            Self::Unreached { .. } => true,
            Self::Answered { status, .. } => {
                *status == StatusCode::UNAUTHORIZED || self.is_no_bucket() || self.is_bad_key()
            }
        }
    }

    /// Whether the key is none, and not only one that may not do this.
    pub(super) fn is_bad_key(&self) -> bool {
        matches!(self, Self::Answered { status, message, .. }
            if *status == StatusCode::FORBIDDEN && !message.contains("policy"))
    }
}

pub(super) fn unreached(error: &reqwest::Error) -> Refused {
    Refused::Unreached { reason: chain(error), is_connect: error.is_connect() }
}

/// The answer, if it is none of a refusal.
pub(super) async fn answered(response: Response) -> Result<Response, Refused> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let told = json["statusCode"].as_str().and_then(|told| told.parse().ok());
    let code = json["code"].as_str().unwrap_or_default().to_owned();
    Err(Refused::Answered { status: told.unwrap_or(status), code, message: message(&text) })
}

/// The message of a JSON error, else the beginning of the text.
fn message(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str().or_else(|| json["detail"].as_str()));
    message.unwrap_or(text).trim().chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        assert_eq!(message(r#"{"message":"no such bucket"}"#), "no such bucket");
        assert_eq!(message("<html>"), "<html>");
    }
}
