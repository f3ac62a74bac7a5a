//! Who paints avatars, built from the configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{AppError, fetcher, hops, wrong};
use crate::config::{Config, Painter};
use crate::render::Gate;
use crate::sidecar::prompt::PromptBook;
use crate::sidecar::provider::{self, ModelTable, OpenAi, OpenAiSettings, PictureFetcher, Provider};
use crate::sidecar::studio::Studio;

pub(super) fn studio(config: &Config, gate: Arc<Gate>) -> Result<Arc<Studio>, AppError> {
    let avatars = &config.avatars;
    let prompts = file("avatars.prompts", avatars.prompts.as_deref())?;
    let prompts = PromptBook::read(prompts.as_deref(), avatars.preset.as_deref())
        .map_err(|error| wrong("avatars.prompts", error.to_string()))?;
    let provider: Arc<dyn Provider> = match avatars.provider {
        Painter::Painter => Arc::new(provider::Painter::new(gate)),
        Painter::OpenAi => Arc::new(openai(config)?),
    };
    Ok(Arc::new(Studio { prompts, provider, pictures: pictures(config)? }))
}

/// Asks the Images API as the configuration says.
pub fn openai(config: &Config) -> Result<OpenAi, AppError> {
    let (avatars, openai) = (&config.avatars, &config.avatars.openai);
    let models = file("avatars.models", avatars.models.as_deref())?;
    let table = ModelTable::read(models.as_deref()).map_err(|error| wrong("avatars.models", error.to_string()))?;
    let settings = OpenAiSettings {
        key: openai.secret_key().map_err(|error| wrong("avatars.openai.key", error))?,
        base_url: openai.base_url.clone(),
        organization: openai.organization.clone(),
        project: openai.project.clone(),
        timeout: Duration::from_secs(openai.timeout_seconds),
        models: avatars.model.0.clone(),
        picture_bytes: avatars.picture_bytes.0,
    };
    Ok(OpenAi::new(settings, table, fetcher(config)?, hops(config))?)
}

fn pictures(config: &Config) -> Result<PictureFetcher, AppError> {
    let hosts = config.fetch_hosts().map_err(|mistakes| wrong("storage.fetch_hosts", format!("{mistakes:?}")))?;
    let (provider, limit) = (&config.avatars.openai.base_url, config.avatars.picture_bytes.0);
    Ok(PictureFetcher::new(fetcher(config)?, hosts, provider, hops(config), limit)?)
}

fn file(key: &str, path: Option<&Path>) -> Result<Option<String>, AppError> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| wrong(key, format!("{}: {error}", path.display())));
    path.map(read).transpose()
}
