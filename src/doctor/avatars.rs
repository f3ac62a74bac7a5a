//! Who paints avatars: whether the key is believed, and whether the models are there. Asks nothing that costs.

use super::Finding;
use crate::app;
use crate::config::{Config, Painter};
use crate::sidecar::provider::openai::{Presence, RollCall};
use crate::sidecar::provider::{Cost, ProviderError};

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    if config.avatars.provider == Painter::Painter {
        return vec![Finding::ok("avatars: the built-in painter, which asks nobody")];
    }
    let openai = match app::openai(config) {
        Ok(openai) => openai,
        Err(error) => {
            return vec![Finding::fault(error.to_string(), "mend what the message names, then run doctor again")];
        }
    };
    match openai.roll_call().await {
        Ok(models) => {
            let unpriced = openai.unpriced();
            found(&models).into_iter().chain(unpriced.iter().map(|(model, cost)| without_price(model, *cost))).collect()
        }
        Err(ProviderError::NoKey) => vec![Finding::ok(
            "avatars: no key for OpenAI, so none are painted; set OPENAI_API_KEY, or avatars.provider = \"painter\"",
        )],
        Err(error) => vec![failed(&error)],
    }
}

fn found(models: &[RollCall]) -> Vec<Finding> {
    let mut findings: Vec<_> = models.iter().map(of_model).collect();
    let is_there = |model: &RollCall| matches!(model.presence, Presence::Here | Presence::HereUntil(_));
    if !models.iter().any(is_there) {
        findings.push(Finding::fault("avatars: the provider has none of avatars.model", "name one that it has"));
    }
    findings
}

fn without_price(model: &str, cost: Cost) -> Finding {
    let dollars = cost.0 as f64 / 1e6;
    Finding::warning(
        format!("avatars: model {model}: its price is not known, and a picture is counted with up to ${dollars:.3}"),
        "give it a row with `prices` in a file of your own, and name that in avatars.models",
    )
}

fn of_model(model: &RollCall) -> Finding {
    let RollCall { model: name, presence, successor } = model;
    let remedy = match successor {
        Some(successor) => format!("put {successor} in its place in avatars.model"),
        None => "take it out of avatars.model, or put another in its place".to_owned(),
    };
    match presence {
        Presence::Here => Finding::ok(format!("avatars: model {name}: available")),
        Presence::HereUntil(day) => Finding::warning(format!("avatars: model {name}: available until {day}"), remedy),
        Presence::Retired(day) => {
            Finding::warning(format!("avatars: model {name}: retired on {day}, and skipped"), remedy)
        }
        Presence::Missing => {
            Finding::warning(format!("avatars: model {name}: not among the provider's models"), remedy)
        }
    }
}

fn failed(error: &ProviderError) -> Finding {
    let remedy = match error {
        ProviderError::Unauthorized { .. } => "check OPENAI_API_KEY, or avatars.openai.key, organization and project",
        ProviderError::Timeout | ProviderError::Unconnected(_) | ProviderError::Unreachable(_) => {
            "check avatars.openai.base_url and the network"
        }
        ProviderError::Rejected { .. } => "check avatars.openai.base_url: `models` is expected right below it",
        _ => "run doctor again later; if it stays, check avatars.openai.base_url",
    };
    Finding::fault(format!("avatars: {error}"), remedy)
}
