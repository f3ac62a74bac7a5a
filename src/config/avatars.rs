//! Avatars: who paints them, and how.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ByteSize, Config, TextList};
use crate::secret::Secret;

/// Avatars that are painted from a description.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Avatars {
    /// Whether anything is painted. Set to false nothing more is taken on, and nothing is spent.
    pub enabled: bool,
    /// Who paints: `openai`, or `painter`, which is built in and asks nobody.
    pub provider: Painter,
    /// Models in the order of preference: one that is retired, or that the provider does not have, is skipped for a day.
    pub model: TextList,
    /// A TOML file with other models, sizes and prices. Default: the one that is built in.
    pub models: Option<PathBuf>,
    /// A TOML file with another prompt template and other presets. Default: the one that is built in.
    pub prompts: Option<PathBuf>,
    /// The preset of requests that name none. Default: the one that the prompts file names.
    pub preset: Option<String>,
    /// Largest picture that is taken from a provider.
    pub picture_bytes: ByteSize,
    /// Pages whose session cookie counts: origins such as `https://app.example.com`, beside `public_url`.
    pub allowed_origins: TextList,
    /// What `POST /functions/v1/generate-kinkster-avatar` answers: 202, or 200 for clients that want that.
    pub accepted_status: u16,
    /// Jobs that this process works on at once.
    pub workers: usize,
    /// Jobs that run at once in the whole fleet.
    pub running: u32,
    /// Jobs of one user that run at once.
    pub running_per_user: u32,
    /// Seconds after which a worker that was not heard of has lost its job.
    pub lease_seconds: u64,
    /// How often a job is tried.
    pub attempts: u32,
    /// Milliseconds before the second attempt; they double from then on.
    pub retry_ms: u64,
    /// Seconds within which a job must be painted.
    pub deadline_seconds: u64,
    /// Requests of one user within a minute, for new jobs and for old ones again.
    pub per_user_per_minute: u32,
    /// How often a failed or cancelled job may be tried again by hand.
    pub retries_per_job: u32,
    /// Pictures painted for one user within a day (UTC).
    pub per_user_per_day: u32,
    /// Pictures painted within a day (UTC).
    pub per_day: u32,
    /// US dollars spent within a day (UTC), by the prices of the models file; a model without any counts as its dearest.
    pub dollars_per_day: f64,
    pub openai: OpenAiConfig,
}

/// Who paints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Painter {
    /// The OpenAI Images API, or a server that speaks it.
    #[default]
    OpenAi,
    /// The one that is built in.
    Painter,
}

impl Default for Avatars {
    fn default() -> Self {
        Self {
            enabled: true,
            provider: Painter::OpenAi,
            model: TextList(["dall-e-3", "gpt-image-2.5-flare", "gpt-image-2"].map(str::to_owned).to_vec()),
            models: None,
            prompts: None,
            preset: None,
            picture_bytes: ByteSize(20_000_000),
            allowed_origins: TextList::default(),
            accepted_status: 202,
            workers: 4,
            running: 64,
            running_per_user: 2,
            lease_seconds: 60,
            attempts: 3,
            retry_ms: 2000,
            deadline_seconds: 300,
            per_user_per_minute: 10,
            retries_per_job: 10,
            per_user_per_day: 50,
            per_day: 1000,
            dollars_per_day: 50.0,
            openai: OpenAiConfig::default(),
        }
    }
}

/// The OpenAI Images API, or a server that speaks it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpenAiConfig {
    /// The API key. Default: what `key_file` holds, else the variable `OPENAI_API_KEY`.
    pub key: Option<Secret>,
    /// A file that holds the key and nothing else.
    pub key_file: Option<PathBuf>,
    /// The URL below which `images/generations` is. The dates on which OpenAI retires models count for its own host only.
    pub base_url: Url,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Sent as `OpenAI-Project`.
    pub project: Option<String>,
    /// Seconds for one picture, from asking to its last byte.
    pub timeout_seconds: u64,
}

/// OpenAI's own host.
pub(super) const OPENAI_URL: &str = "https://api.openai.com/v1";

impl Default for OpenAiConfig {
    fn default() -> Self {
        // It is a URL: a test reads it.
        let base_url = Url::parse(OPENAI_URL).unwrap_or_else(|_| unreachable!());
        Self { key: None, key_file: None, base_url, organization: None, project: None, timeout_seconds: 180 }
    }
}

impl OpenAiConfig {
    /// The key, read from its file if that is where it is. The message never holds what was read.
    pub fn secret_key(&self) -> Result<Option<Secret>, String> {
        let key = match (&self.key, &self.key_file) {
            (Some(key), _) => key.reveal().trim().to_owned(),
            (None, Some(file)) => {
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?.trim().to_owned()
            }
            (None, None) => return Ok(None),
        };
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("is empty, or has characters that no key has".to_owned());
        }
        Ok(Some(Secret::new(key)))
    }
}

/// Rules that the types alone cannot say.
pub(super) fn check(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let avatars = &config.avatars;
    if avatars.model.0.is_empty() || avatars.model.0.iter().any(|model| !is_model_name(model)) {
        wrong("avatars.model", "must be names of models, at least one".to_owned());
    }
    if !(1_000_000..=100_000_000).contains(&avatars.picture_bytes.0) {
        wrong("avatars.picture_bytes", "must be 1 MB to 100 MB".to_owned());
    }
    check_jobs(avatars, wrong);
    let openai = &avatars.openai;
    if openai.key.is_some() && openai.key_file.is_some() {
        wrong("avatars.openai.key_file", "give either `key` or `key_file`".to_owned());
    }
    if let Err(message) = openai.secret_key() {
        let key = if openai.key.is_some() { "avatars.openai.key" } else { "avatars.openai.key_file" };
        wrong(key, message);
    }
    let url = &openai.base_url;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_bare {
        wrong("avatars.openai.base_url", "must be an http(s) URL without user name, password and query".to_owned());
    }
    for (key, text) in [("organization", &openai.organization), ("project", &openai.project)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic())) {
            wrong(&format!("avatars.openai.{key}"), "is not an id".to_owned());
        }
    }
    if !(1..=600).contains(&openai.timeout_seconds) {
        wrong("avatars.openai.timeout_seconds", "must be 1 to 600".to_owned());
    }
}

fn check_jobs(avatars: &Avatars, wrong: &mut impl FnMut(&str, String)) {
    let numbers = [
        ("workers", avatars.workers as u64, 1..=256),
        ("running", u64::from(avatars.running), 1..=100_000),
        ("running_per_user", u64::from(avatars.running_per_user), 1..=1000),
        ("lease_seconds", avatars.lease_seconds, 1..=3600),
        ("attempts", u64::from(avatars.attempts), 1..=20),
        ("retry_ms", avatars.retry_ms, 1..=600_000),
        ("deadline_seconds", avatars.deadline_seconds, 1..=86_400),
    ];
    for (key, value, range) in numbers.into_iter().filter(|(_, value, range)| !range.contains(value)) {
        wrong(&format!("avatars.{key}"), format!("must be {} to {}, not {value}", range.start(), range.end()));
    }
    if !matches!(avatars.accepted_status, 200 | 202) {
        wrong("avatars.accepted_status", "must be 200 or 202".to_owned());
    }
    if !(0.0..=1_000_000.0).contains(&avatars.dollars_per_day) {
        wrong("avatars.dollars_per_day", "must be 0 to 1000000".to_owned());
    }
    for origin in &avatars.allowed_origins.0 {
        let spelled = Url::parse(origin).ok().map(|url| url.origin().ascii_serialization());
        if spelled.as_ref() != Some(origin) {
            let message = format!("`{origin}` is not an origin such as https://app.example.com, without a path");
            wrong("avatars.allowed_origins", message);
        }
    }
}

fn is_model_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_its_file_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "sk-hidden\n").unwrap();
        let config = OpenAiConfig { key_file: Some(file.clone()), ..OpenAiConfig::default() };
        assert_eq!(config.secret_key().unwrap().unwrap().reveal(), "sk-hidden");
        std::fs::write(&file, "sk-hidden\nsk-second").unwrap();
        assert!(!config.secret_key().unwrap_err().contains("hidden"));
        assert!(!format!("{config:?}").contains("hidden"));
        assert_eq!(OpenAiConfig::default().secret_key(), Ok(None));
    }
}
