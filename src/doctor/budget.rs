//! What may still be painted today, and what became of what was.

use super::Finding;
use crate::catalog::{Catalog, CatalogError, JobQuery, JobState};
use crate::config::Config;

/// From this share of the budget on it is a warning, in hundredths.
const NEARLY: u64 = 80;
/// As many jobs in a row that fail are no accident.
const ROW: u32 = 3;

/// `paints`: nothing is wrong with the provider, as far as can be seen without spending.
pub(super) async fn examine(config: &Config, catalog: &Catalog, paints: bool) -> Vec<Finding> {
    if !config.avatars.enabled {
        return vec![Finding::warning("avatars: switched off, none are painted", "set avatars.enabled = true")];
    }
    let failed = |error: CatalogError| {
        vec![Finding::fault(format!("catalogue: {error}"), "check storage.database and the disk")]
    };
    let mut findings = match used_today(config, catalog).await {
        Ok(finding) => vec![finding],
        Err(error) => return failed(error),
    };
    // Where the provider is known to refuse, that is what is to be mended.
    if paints {
        match failing(catalog).await {
            Ok(finding) => findings.extend(finding),
            Err(error) => return failed(error),
        }
    }
    findings
}

async fn used_today(config: &Config, catalog: &Catalog) -> Result<Finding, CatalogError> {
    let avatars = &config.avatars;
    let spent = catalog.spent_today().await?;
    let dollars = spent.money as f64 / 1e6;
    let text = format!(
        "avatars: {} of {} pictures and ${dollars:.2} of ${:.2} used today",
        spent.pictures, avatars.per_day, avatars.dollars_per_day
    );
    let hundredths = |used: f64, limit: f64| if limit > 0.0 { (used / limit * 100.0) as u64 } else { 100 };
    let pictures = hundredths(spent.pictures as f64, f64::from(avatars.per_day));
    // Without prices nothing is spent, whatever may be.
    let money = if spent.money == 0 { 0 } else { hundredths(dollars, avatars.dollars_per_day) };
    let remedy = "raise avatars.per_day or avatars.dollars_per_day, or wait until midnight UTC";
    Ok(match pictures.max(money) {
        100.. => Finding::warning(format!("{text}: nothing more is painted today"), remedy),
        NEARLY.. => Finding::warning(text, remedy),
        _ => Finding::ok(text),
    })
}

/// Whether the newest jobs all ended in errors, and why the last of them did.
async fn failing(catalog: &Catalog) -> Result<Option<Finding>, CatalogError> {
    let newest = catalog.jobs(&JobQuery { limit: ROW, ..JobQuery::default() }).await?;
    let all_failed = newest.len() == ROW as usize && newest.iter().all(|job| job.state == JobState::Error);
    let Some(failure) = newest.first().and_then(|job| job.failure.as_ref()).filter(|_| all_failed) else {
        return Ok(None);
    };
    let text = format!("avatars: the last {ROW} jobs failed, the newest with `{}`: {}", failure.code, failure.text);
    Ok(Some(Finding::warning(text, remedy(&failure.code))))
}

fn remedy(code: &str) -> &'static str {
    match code {
        "unauthorized" | "no_key" => "check OPENAI_API_KEY, or avatars.openai.key",
        "budget" => "raise avatars.per_day or avatars.dollars_per_day",
        "deadline" | "timeout" => "raise avatars.deadline_seconds, or avatars.workers if jobs wait for long",
        "refused" => "the provider's moderation refuses the prompts; look at avatars.prompts",
        _ => "GET /api/avatars/jobs tells of each; run with TINTYPE_LOG__LEVEL=debug for the reasons",
    }
}
