//! The OpenAI Images API, and servers that speak it.

mod roll_call;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

pub use self::roll_call::{Presence, RollCall};
use super::answer::{self, Answer};
use super::error::{self, Nonsense, ProviderError, Said};
use super::{Cost, GenerationConfig, Model, ModelTable, PaintRequest, Painted, Plan, Provider, Quality, Size};
use crate::secret::Secret;
use crate::source::{Answered, Fetcher, HopLimits, PostRequest, SetupError, SourceError, Trust};

/// How long a model that the provider does not have is skipped.
const SKIPPED: Duration = Duration::from_hours(24);
/// The host for which the table's dates hold; other servers keep models as long as they like.
const OWN_HOST: &str = "api.openai.com";
/// What an answer holds beside its picture, in bytes.
const AROUND: u64 = 64 << 10;

/// How the API is asked.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    pub key: Option<Secret>,
    /// The URL below which `images/generations` is: trusted for exactly its scheme, host and port.
    pub base_url: Url,
    pub organization: Option<String>,
    pub project: Option<String>,
    /// For one picture, from asking to its last byte.
    pub timeout: Duration,
    /// In the order of preference.
    pub models: Vec<String>,
    /// Largest picture, in bytes.
    pub picture_bytes: u64,
}

/// Asks the Images API.
#[derive(Debug)]
pub struct OpenAi {
    settings: OpenAiSettings,
    /// With the key in its headers, which are never shown.
    trust: Trust,
    table: ModelTable,
    fetcher: Fetcher,
    hops: HopLimits,
    /// Models that the provider did not have, and since when.
    gone: Mutex<HashMap<String, Instant>>,
}

/// The body of a request: what the official clients send, and nothing more.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    model: &'a str,
    prompt: &'a str,
    n: u8,
    size: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
}

impl OpenAi {
    pub fn new(
        settings: OpenAiSettings,
        table: ModelTable,
        fetcher: Fetcher,
        hops: HopLimits,
    ) -> Result<Self, SetupError> {
        let bearer = settings.key.as_ref().map(|key| format!("Bearer {}", key.reveal()));
        let headers = [
            ("authorization", bearer.as_deref()),
            ("openai-organization", settings.organization.as_deref()),
            ("openai-project", settings.project.as_deref()),
        ];
        let present = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let trust = Trust::new(&settings.base_url, present)?;
        Ok(Self { settings, trust, table, fetcher, hops, gone: Mutex::default() })
    }

    /// The models that may be asked now, in the order of preference.
    fn candidates(&self) -> impl Iterator<Item = Model> {
        let models: Vec<_> = self.settings.models.iter().map(|name| self.table.get(name)).collect();
        models.into_iter().filter(|model| !self.is_retired(model) && !self.is_gone(&model.name))
    }

    /// Models of whose price nothing is known, and what a picture of each is counted with instead, at most.
    pub fn unpriced(&self) -> Vec<(String, Cost)> {
        let models = self.settings.models.iter().map(|name| self.table.get(name));
        let dearest = |model: &Model| model.plan(Size::Wide, Quality::Hd).cost.unwrap_or_default();
        models.filter(|model| model.is_price_assumed).map(|model| (model.name.clone(), dearest(&model))).collect()
    }

    fn is_retired(&self, model: &Model) -> bool {
        self.keeps_dates() && model.is_retired(OffsetDateTime::now_utc().date())
    }

    fn keeps_dates(&self) -> bool {
        self.settings.base_url.host_str() == Some(OWN_HOST)
    }

    fn is_gone(&self, model: &str) -> bool {
        self.gone.lock().get(model).is_some_and(|since| since.elapsed() < SKIPPED)
    }

    fn no_model(&self) -> ProviderError {
        ProviderError::ModelGone { model: self.settings.models.last().cloned().unwrap_or_default() }
    }

    /// A path below the base URL.
    fn url(&self, path: &str) -> Url {
        let mut url = self.settings.base_url.clone();
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    async fn ask(&self, model: &Model, request: &PaintRequest) -> Result<Painted, ProviderError> {
        let plan = model.plan(request.size, request.quality);
        let body = Asked {
            model: &plan.config.model,
            prompt: request.prompt.as_str(),
            n: 1,
            size: &plan.config.size,
            quality: plan.config.quality.as_deref(),
            response_format: model.response_format.then_some("url"),
        };
        let post = PostRequest {
            url: self.url("images/generations"),
            trust: &self.trust,
            body: serde_json::to_vec(&body).map_err(|error| ProviderError::Internal(error.to_string()))?,
            limit: self.settings.picture_bytes / 3 * 4 + AROUND,
            timeout: self.settings.timeout,
        };
        let answered = self.fetcher.post(post).await.map_err(unanswered)?;
        note(&answered, &model.name);
        if answered.status != 200 {
            let said = Said::read(&answered.bytes);
            let pause = answer::retry_after(&answered.headers, SystemTime::now());
            return Err(error::failed(answered.status, &said, pause, &model.name));
        }
        Ok(painted(model, plan, answer::read(&answered.bytes, self.settings.picture_bytes)?))
    }
}

#[async_trait::async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn plan(&self, size: Size, quality: Quality) -> Result<Plan, ProviderError> {
        let model = self.candidates().next().ok_or_else(|| self.no_model())?;
        Ok(model.plan(size, quality))
    }

    fn ready(&self) -> Result<(), ProviderError> {
        if self.settings.key.is_none() { Err(ProviderError::NoKey) } else { Ok(()) }
    }

    async fn paint(&self, request: &PaintRequest) -> Result<Painted, ProviderError> {
        self.ready()?;
        for model in self.candidates() {
            match self.ask(&model, request).await {
                Err(ProviderError::ModelGone { model }) => {
                    tracing::warn!(%model, "the provider does not have this model; the next one is asked for a day");
                    self.gone.lock().insert(model, Instant::now());
                }
                answer => return answer,
            }
        }
        Err(self.no_model())
    }
}

fn painted(model: &Model, plan: Plan, answer: Answer) -> Painted {
    let counted = answer.tokens.and_then(|(text, picture)| model.cost_of_tokens(text, picture));
    let GenerationConfig { model, size, quality } = plan.config;
    let config = GenerationConfig { model, size: answer.size.unwrap_or(size), quality: answer.quality.or(quality) };
    Painted { picture: answer.picture, config, cost: counted.or(plan.cost) }
}

/// The provider's own id of a request is what its support asks for.
fn note(answered: &Answered, model: &str) {
    let id = answered.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let id = id.chars().take(100).collect::<String>();
    tracing::debug!(provider.request_id = id, model, status = answered.status, "images/generations answered");
}

/// No answer at all, or one that could not be read to its end.
fn unanswered(error: SourceError) -> ProviderError {
    match error {
        SourceError::Slow => ProviderError::Timeout,
        SourceError::TooManyBytes { .. } => Nonsense::TooLarge.into(),
        SourceError::Incomplete(_) => Nonsense::Incomplete.into(),
        SourceError::Coding(_) => Nonsense::NotJson.into(),
        SourceError::Unconnected(reason) => ProviderError::Unconnected(reason),
        SourceError::Refused(reason) => ProviderError::Unconnected(reason.to_string()),
        SourceError::Unreachable(reason) => ProviderError::Unreachable(reason),
        other => ProviderError::Unreachable(other.to_string()),
    }
}
