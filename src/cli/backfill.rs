//! `tintype backfill`: rows that show a provider's temporary URL.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use futures_util::StreamExt;

use super::meter::{Meter, Reading};
use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::app::{BackfillApp, backfill};
use crate::config::Config;
use crate::sidecar::backfill::{BackfillError, Plan, Summary};
use crate::telemetry;

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Store what still lives and mark what is dead. Without it everything is fetched and looked at, and nothing written.
    #[arg(long, visible_alias = "yes")]
    apply: bool,
    /// Paint dead avatars again from their saved prompts, within the quotas; a running server does it.
    #[arg(long)]
    regenerate: bool,
    /// Ask again for what an earlier run found dead.
    #[arg(long)]
    recheck: bool,
    /// Rows worked on at once.
    #[arg(long, default_value_t = 4, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Print the report as JSON, with every row.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&super::quiet(&config.log));
    if config.upstream.url.is_some() && config.upstream.service_key.is_none() {
        let remedy = "set upstream.service_key, or SUPABASE_SERVICE_ROLE_KEY";
        return Err(Failure::Other(format!("the rows are the upstream's, to which there is no key: {remedy}")));
    }
    let plan = Plan {
        apply: options.apply,
        regenerate: options.regenerate,
        recheck: options.recheck,
        at_once: usize::from(options.jobs),
        picture_bytes: config.avatars.picture_bytes.0,
    };
    runtime()?.block_on(async {
        let app = Box::pin(backfill(&config, plan)).await?;
        let summary = filled(&app, plan).await.map_err(|error| Failure::Other(format!("backfill stopped: {error}")))?;
        finish(&app, &config).await;
        print(&summary, options.json)?;
        Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn filled(app: &BackfillApp, plan: Plan) -> Result<Summary, BackfillError> {
    let mut meter = Meter::start(if plan.apply { "worked on" } else { "looked at" });
    meter.say("reading rows");
    let found = app.backfill.find().await?;
    let total = found.temporary.len() as u64;
    let mut summary = Summary { dry_run: !plan.apply, rows: found.rows, temporary: total, ..Summary::default() };
    meter.begin();
    let mut steps = std::pin::pin!(app.backfill.run(found.temporary));
    while let Some(step) = steps.next().await {
        summary.add(&step);
        meter.show(Reading { done: summary.done(), total, failed: summary.failed, before: 0 });
    }
    meter.finish();
    Ok(summary)
}

/// What was made of old names is being removed.
async fn finish(app: &BackfillApp, config: &Config) {
    app.tasks.close();
    if tokio::time::timeout(Duration::from_secs(config.limits.drain_seconds), app.tasks.wait()).await.is_err() {
        tracing::warn!("some work behind the rows may not be finished");
    }
}

fn print(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        println!("{}", serde_json::to_string(summary).map_err(|error| Failure::Other(error.to_string()))?);
    } else {
        println!("{}", table(summary));
        if summary.dry_run {
            println!("nothing was written: pass --apply to do it");
        }
    }
    Ok(())
}

fn table(summary: &Summary) -> Table {
    let reasons = summary.reasons.iter().map(|(reason, count)| format!("{count} × {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join("\n");
    let rows = [
        ("rows with a picture", summary.rows, ""),
        ("temporary", summary.temporary, "their URLs are a provider's"),
        ("alive", summary.alive, "can be stored"),
        ("stored", summary.stored, ""),
        ("dead", summary.dead, if summary.dry_run { "would be marked" } else { "marked" }),
        ("known dead", summary.known_dead, "marked by an earlier run"),
        ("painted again", summary.regenerating, "jobs of a running server"),
        ("over quota", summary.over_quota, "run it again later"),
        ("changed", summary.changed, "by somebody else meanwhile: left alone"),
        ("failed", summary.failed, reasons.as_str()),
    ];
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    for (index, (name, count, note)) in rows.into_iter().enumerate() {
        if count > 0 || index < 2 {
            table.add_row([name.to_owned(), count.to_string(), note.to_owned()]);
        }
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_counts_and_reasons_and_leaves_out_what_is_none() {
        let summary = Summary { rows: 9, temporary: 3, stored: 2, failed: 1, ..Summary::default() };
        let summary = Summary { reasons: [("it broke off".to_owned(), 1)].into_iter().collect(), ..summary };
        let text = table(&summary).to_string();
        for part in ["rows with a picture", "9", "stored", "1 × it broke off"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("over quota"), "{text}");
    }
}
