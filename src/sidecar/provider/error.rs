//! Why there is no picture, and whether another try makes sense.

use std::time::Duration;

use serde_json::Value;

/// Why a provider painted nothing.
///
/// `Display` is for logs. Neither it nor [`ProviderError::public_text`] holds a key, a URL or the provider's own prose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// There is no key to ask with.
    #[error("OpenAI API key not configured")]
    NoKey,
    /// The provider does not accept our key, or the key may not do this.
    #[error("the provider does not accept the key (status {status})")]
    Unauthorized { status: u16 },
    #[error("the provider limits our requests")]
    RateLimited { retry_after: Option<Duration> },
    /// The account's credit or its monthly limit is used up.
    #[error("the provider's credit is used up")]
    Exhausted,
    /// The provider's safety system does not want to paint this.
    #[error("the provider refused the prompt: {reason}")]
    Refused { reason: String },
    /// None of the configured models is there any more.
    #[error("no configured model is available (last: {model})")]
    ModelGone { model: String },
    /// Asked in a way that the provider does not take; `code` is its own word for it.
    #[error("the provider does not take the request (status {status}, {code})")]
    Rejected { status: u16, code: String },
    #[error("the provider failed (status {status})")]
    Overloaded { status: u16, retry_after: Option<Duration> },
    /// No address, no connection, no TLS: nothing was sent, so nothing can have been painted.
    #[error("the provider could not be connected to: {0}")]
    Unconnected(String),
    /// The connection broke before the answer was complete.
    #[error("the provider could not be reached: {0}")]
    Unreachable(String),
    #[error("the provider took too long")]
    Timeout,
    /// It answered, but with nothing of use.
    #[error("the provider's answer is of no use: {0}")]
    Nonsense(Nonsense),
    #[error("the painter failed: {0}")]
    Internal(String),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    #[error("it is not the JSON that was expected")]
    NotJson,
    #[error("it is empty")]
    Empty,
    #[error("it holds no picture")]
    NoPicture,
    #[error("it is larger than is accepted")]
    TooLarge,
    #[error("its base64 is broken")]
    Base64,
    #[error("it is not a PNG, JPEG or WebP")]
    NotAPicture,
    #[error("it broke off")]
    Incomplete,
    #[error("it is a redirect")]
    Redirect,
    #[error("its picture is at an address that is not allowed")]
    Address,
    #[error("its picture could not be fetched")]
    Unfetched,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After this pause, or after one of the caller's own choice.
    After(Option<Duration>),
}

impl ProviderError {
    pub fn retry(&self) -> Retry {
        match self {
            // What is broken once may be whole next time; what is not allowed, or too large, will be so again.
            Self::NoKey
            | Self::Unauthorized { .. }
            | Self::Exhausted
            | Self::Refused { .. }
            | Self::ModelGone { .. }
            | Self::Rejected { .. }
            | Self::Nonsense(Nonsense::Address | Nonsense::TooLarge | Nonsense::Redirect)
            | Self::Internal(_) => Retry::Never,
            Self::RateLimited { retry_after } | Self::Overloaded { retry_after, .. } => Retry::After(*retry_after),
            Self::Unconnected(_) | Self::Unreachable(_) | Self::Timeout | Self::Nonsense(_) => Retry::After(None),
        }
    }

    /// A short name for metrics and for rows of jobs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Exhausted => "exhausted",
            Self::Refused { .. } => "refused",
            Self::ModelGone { .. } => "model_gone",
            Self::Rejected { .. } => "rejected",
            Self::Overloaded { .. } => "overloaded",
            Self::Unconnected(_) | Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Nonsense(_) => "nonsense",
            Self::Internal(_) => "internal",
        }
    }

    /// What the person who asked may read.
    pub fn public_text(&self) -> String {
        let text = match self {
            Self::NoKey => "OpenAI API key not configured",
            Self::Unauthorized { .. } => "The picture service does not accept this server's key",
            Self::RateLimited { .. } => "The picture service is busy with our other requests; please try again later",
            Self::Exhausted => "The picture service's credit is used up",
            Self::Refused { reason } => return reason.clone(),
            Self::ModelGone { .. } => "The picture service no longer offers the models that this server is set up for",
            Self::Rejected { .. } => "The picture service does not take this request",
            Self::Overloaded { .. } => "The picture service has trouble of its own; please try again later",
            Self::Unconnected(_) => "The picture service cannot be reached; please try again later",
            Self::Unreachable(_) => {
                "The connection to the picture service broke off, and it is not asked twice by itself; please try again"
            }
            Self::Timeout => "The picture service took too long, and is not asked twice by itself; please try again",
            Self::Nonsense(Nonsense::Address) => {
                "The picture service named a picture at an address that is not allowed"
            }
            Self::Nonsense(Nonsense::TooLarge) => "The picture service sent a picture that is too large",
            Self::Nonsense(_) => "The picture service did not send a whole picture; please try again",
            Self::Internal(_) => "The picture could not be painted",
        };
        text.to_owned()
    }
}

impl From<Nonsense> for ProviderError {
    fn from(nonsense: Nonsense) -> Self {
        Self::Nonsense(nonsense)
    }
}

/// Codes by which servers of this API say that the safety system refused.
const REFUSALS: [&str; 5] = [
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "contentfilter",
    "responsibleaipolicyviolation",
];
const GONE: [&str; 4] = ["model_not_found", "deploymentnotfound", "model_deprecated", "model_not_available"];
const EXHAUSTED: [&str; 3] = ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"];

/// What a failed answer says: nothing of it is kept but words of a known shape.
#[derive(Debug, Default)]
pub(super) struct Said {
    code: String,
    kind: String,
    parameter: String,
    inner_code: String,
    message: String,
}

impl Said {
    /// Reads `{"error": {"code", "type", "param", "message"}}` as far as it is there.
    pub(super) fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body["error"];
        Self {
            code: word(&error["code"]),
            kind: word(&error["type"]),
            parameter: word(&error["param"]),
            inner_code: word(&error["inner_error"]["code"]),
            message: error["message"].as_str().unwrap_or_default().chars().take(2000).collect(),
        }
    }

    fn is_any(&self, known: &[&str]) -> bool {
        [&self.code, &self.kind, &self.inner_code].iter().any(|word| known.contains(&word.as_str()))
    }

    /// Whether this model, and not the request, is what the provider does not have.
    fn is_gone(&self, status: u16) -> bool {
        self.is_any(&GONE) || (matches!(status, 400 | 404) && self.parameter == "model")
    }

    fn refusal(&self) -> String {
        let reason = "The picture service's safety system refused this description; change its wording and try again";
        let kinds = self.message.split("safety_violations=[").nth(1).and_then(|rest| rest.split(']').next());
        let is_plain =
            |text: &str| text.len() <= 60 && text.chars().all(|c| c.is_ascii_lowercase() || "_, /-".contains(c));
        match kinds.filter(|text| !text.is_empty() && is_plain(text)) {
            Some(kinds) => format!("{reason} (it names: {kinds})"),
            None => reason.to_owned(),
        }
    }

    fn name(&self) -> String {
        let name = [&self.code, &self.kind].into_iter().find(|word| !word.is_empty());
        name.map_or_else(|| "without a code".to_owned(), Clone::clone)
    }
}

/// A code in lower case; anything that is not one word is none.
fn word(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let is_word = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if is_word { text.to_ascii_lowercase() } else { String::new() }
}

/// What an answer other than 200 means.
pub(super) fn failed(status: u16, said: &Said, retry_after: Option<Duration>, model: &str) -> ProviderError {
    match status {
        _ if said.is_gone(status) => ProviderError::ModelGone { model: model.to_owned() },
        _ if said.is_any(&EXHAUSTED) => ProviderError::Exhausted,
        400 | 403 if said.is_any(&REFUSALS) => ProviderError::Refused { reason: said.refusal() },
        401 | 403 => ProviderError::Unauthorized { status },
        429 => ProviderError::RateLimited { retry_after },
        300..=399 => Nonsense::Redirect.into(),
        // A gateway's: what is behind it may go on painting.
        504 | 524 => ProviderError::Timeout,
        408 | 409 | 500.. => ProviderError::Overloaded { status, retry_after },
        _ => ProviderError::Rejected { status, code: said.name() },
    }
}
