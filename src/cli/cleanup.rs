//! `tintype cleanup`: old pictures of characters, and whatever else nobody needs any more of what we keep.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::app::{App, Opening, Store, retention_beside};
use crate::bucket::{FOREIGN, adopt};
use crate::catalog::CleanupRun;
use crate::config::Config;
use crate::object::{BucketName, ObjectKey};
use crate::purge::Scope;
use crate::retention::{BucketReport, Kept, Outcome, Report, RestoreReport, Retention, RetentionError};
use crate::telemetry;

/// Removed objects can be brought back for a while: `--runs` lists the runs, `--restore RUN` undoes one. The first run
/// of a new or changed rule only writes what would go into the audit log. In front of a Supabase (`upstream.url`,
/// `upstream.service_key`) its objects go by `retention.keep`, their bytes wait here, and what is brought back is owned
/// by nobody.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Only say what would be removed, and why. Such a run counts for nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove old pictures even where they are more than `retention.most_percent` of a bucket, and take files that no
    /// object names for left over even where they are more than that of all files.
    #[arg(long, conflicts_with = "dry_run")]
    force: bool,
    /// Bring back what this run removed.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["dry_run", "force"])]
    restore: Option<Uuid>,
    /// Say that the stored files are this catalogue's alone, after a new database or a copy put back. Until then none of
    /// them is taken for left over. Removes nothing.
    #[arg(long, conflicts_with_all = ["dry_run", "force", "restore", "runs"])]
    adopt: bool,
    /// List the runs, newest first.
    #[arg(long, conflicts_with_all = ["dry_run", "force", "restore"])]
    runs: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Leave files younger than this: beside a running server they may belong to an upload.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    older_than: u64,
}

/// Runs that are listed.
const LISTED: u32 = 50;
/// Objects that are listed of a bucket; `--json` lists all.
const SHOWN: usize = 20;

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&super::quiet(&config.log));
    if let Some(url) = config.upstream.url.as_ref().filter(|_| config.upstream.service_key.is_none()) {
        println!("no objects are kept here: the buckets are those of {url}, to which upstream.service_key is the key");
        return Ok(ExitCode::SUCCESS);
    }
    runtime()?.block_on(async {
        let store = Store::open(&config, Opening::Beside).await?;
        let retention = retention_beside(&config, &store, Duration::from_secs(options.older_than))?;
        if options.runs {
            let runs = store.catalog.cleanup_runs(LISTED).await.map_err(|error| stopped(&error.into()))?;
            return Ok(show_runs(&runs, options.json));
        }
        if options.adopt {
            adopt(&store.catalog, &store.blobs).await.map_err(|error| stopped(&error.into()))?;
            println!(
                "the stored files are this catalogue's from now on; `tintype cleanup --dry-run` says what is left over"
            );
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(run) = options.restore {
            let report = retention.restore(run).await.map_err(|error| stopped(&error))?;
            purge_here(&config, report.objects()).await;
            return Ok(show_restored(&report, options.json));
        }
        let report = clean(&retention, options).await.map_err(|error| stopped(&error))?;
        if report.run.is_some() {
            let removed = report.buckets.iter().filter(|bucket| bucket.outcome == Outcome::Removed);
            let names = |bucket: &BucketReport| -> Vec<_> {
                bucket.goes.iter().map(|goes| (bucket.bucket.clone(), goes.name.clone())).collect()
            };
            purge_here(&config, removed.flat_map(names).collect()).await;
        }
        Ok(show(&report, options))
    })
}

async fn clean(retention: &Retention, options: &Options) -> Result<Report, RetentionError> {
    if options.dry_run { retention.look().await } else { retention.run(options.force).await }
}

fn stopped(error: &RetentionError) -> Failure {
    Failure::Other(format!("cleanup stopped: {error}"))
}

/// Where no server uses the data folder, what it has made of the objects is removed now; a server does so itself.
async fn purge_here(config: &Config, objects: Vec<(BucketName, ObjectKey)>) {
    if objects.is_empty() {
        return;
    }
    let Ok(app) = App::build_beside(config).await else { return };
    for (bucket, key) in objects {
        if let Err(error) = app.deliver.purge(Scope::Object(bucket, key)).await {
            tracing::warn!(%error, "variants of a removed object are left to the next server");
        }
    }
}

fn show(report: &Report, options: &Options) -> ExitCode {
    if options.json {
        println!("{}", json!(report));
    } else {
        show_text(report, options.dry_run);
    }
    let is_refused = report.buckets.iter().any(|bucket| bucket.outcome == Outcome::Refused);
    let is_refused = is_refused || report.freed.kept.is_some() && !options.dry_run;
    if report.freed.failed == 0 && !is_refused { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show_text(report: &Report, dry_run: bool) {
    report.buckets.iter().for_each(show_bucket);
    if let Some(run) = report.run.filter(|_| report.buckets.iter().any(|bucket| bucket.outcome == Outcome::Removed)) {
        println!("to bring back what was removed: tintype cleanup --restore {run}");
    }
    let (freed, verb) = (report.freed, if dry_run { "would be removed" } else { "removed" });
    if !dry_run {
        println!("replaced and removed objects: bytes of {} versions removed", freed.versions);
    }
    println!("uploads that were not finished in time: {} {verb}", freed.uploads);
    match freed.kept {
        None => {
            let (files, bytes) = (freed.files, freed.bytes);
            println!("bytes that no object names: {files} files, {bytes} bytes {verb} after retention.restore_days");
        }
        Some(Kept::Foreign) => println!("bytes that no object names stay: {FOREIGN}"),
        Some(Kept::TooMany { files }) => {
            println!("bytes that no object names: {files} files would be too much at once; they need --force");
        }
    }
    if freed.failed > 0 {
        println!("{} files could not be removed; see the permissions of the data folder", freed.failed);
    }
}

fn show_bucket(bucket: &BucketReport) {
    let (count, left, bytes, of) = (bucket.goes.len(), bucket.left, bucket.bytes, bucket.objects);
    let what = match bucket.outcome {
        Outcome::Nothing => "nothing to remove".to_owned(),
        Outcome::Listed => {
            format!("{count} of {of}, {bytes} bytes, listed in the audit log; the next run removes them")
        }
        Outcome::Removed => format!("{count} of {of}, {bytes} bytes removed"),
        Outcome::Refused => format!("{left} of {of} would be too much at once; nothing removed, unless with --force"),
        Outcome::WouldList => format!("{count} of {of}, {bytes} bytes would be listed: the rule is new"),
        Outcome::WouldRemove => format!("{count} of {of}, {bytes} bytes would be removed"),
        Outcome::WouldRefuse => format!("{left} of {of} would be too much at once; they would need --force"),
    };
    println!("old pictures of {}: {what}", bucket.bucket);
    for goes in bucket.goes.iter().take(SHOWN) {
        println!("  {} ({} bytes): {}", goes.name, goes.size, goes.reason);
    }
    if count > SHOWN {
        println!("  … and {} more; --json lists all", count - SHOWN);
    }
    if left > 0 && count > 0 {
        println!("  {left} more go in later runs, or now with --force: together they would be too much at once");
    }
    let kept = [(bucket.pointed_at, "shown by a row"), (bucket.young, "too young"), (bucket.restored, "brought back")];
    for (count, why) in kept.into_iter().filter(|(count, _)| *count > 0) {
        println!("  {count} more stay: {why}");
    }
}

fn show_restored(report: &RestoreReport, json: bool) -> ExitCode {
    if json {
        println!("{}", json!(report));
    } else {
        println!("brought back: {} objects, {} bytes", report.restored.len(), report.bytes);
        for away in &report.refused {
            println!("  not {}/{}: {}", away.bucket, away.name, away.reason);
        }
    }
    if report.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show_runs(runs: &[CleanupRun], json: bool) -> ExitCode {
    let time = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    if json {
        let row = |run: &CleanupRun| {
            json!({
                "run": run.id, "actor": run.actor.as_str(), "state": run.state.as_str(),
                "started_at": time(run.started_at), "ended_at": run.ended_at.map(time),
                "listed": run.counts.listed, "removed": run.counts.removed, "bytes": run.counts.bytes,
                "refused": run.counts.refused, "restored": run.counts.restored,
            })
        };
        println!("{}", json!(runs.iter().map(row).collect::<Vec<_>>()));
        return ExitCode::SUCCESS;
    }
    for run in runs {
        let counts = run.counts;
        println!(
            "{} {} by {} {}: {} listed, {} removed ({} bytes), {} brought back, {} refused",
            run.id,
            time(run.started_at),
            run.actor.as_str(),
            run.state.as_str(),
            counts.listed,
            counts.removed,
            counts.bytes,
            counts.restored,
            counts.refused,
        );
    }
    ExitCode::SUCCESS
}
