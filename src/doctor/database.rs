//! Functions, policies and rows in the Postgres of the Supabase in front of which we stand.

use super::Finding;
use super::shelf::{Shelf, temporary};
use crate::config::{AVATARS, Config};
use crate::migrate::{Database, MIGRATIONS, Survey};

/// Nothing where there is no such database, or none is named.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let Some(url) = config.storage.database.as_ref() else {
        return config.upstream.url.iter().map(|_| unnamed()).collect();
    };
    let taken = async { Database::connect(url).await?.survey().await };
    let survey = match taken.await {
        Ok(survey) => survey,
        Err(error) => {
            return vec![Finding::fault(
                format!("database: {error}"),
                "mend what the message names, then run doctor again",
            )];
        }
    };
    let is_meant = config.upstream.url.is_some() || survey.pending.len() < MIGRATIONS.len();
    match (survey.is_supabase, is_meant) {
        (true, true) => of(&survey),
        (false, _) if config.upstream.url.is_some() => {
            vec![Finding::ok("database: not the Supabase's own, so its policies and functions were not looked at")]
        }
        _ => Vec::new(),
    }
}

fn unnamed() -> Finding {
    Finding::ok(
        "database: none is named, so the upstream's policies and functions were not looked at (storage.database)",
    )
}

fn of(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !survey.pending.is_empty() {
        let names: Vec<String> = survey.pending.iter().map(ToString::to_string).collect();
        findings.push(Finding::fault(
            format!(
                "database: not applied: {}; without them uploads are refused and private topics stay silent",
                names.join(", ")
            ),
            "run `tintype migrate`",
        ));
    }
    if !survey.missing.is_empty() {
        findings.push(Finding::fault(
            format!("database: somebody removed {}", survey.missing.join(", ")),
            "run `tintype migrate --again`, which makes them anew",
        ));
    }
    if !survey.replaced.is_empty() {
        findings.push(Finding::fault(
            format!("database: somebody replaced {}, so others may see or do more or less", survey.replaced.join(", ")),
            "run `tintype migrate --again`, which makes them anew; policies of your own go by names of their own",
        ));
    }
    for table in &survey.open {
        findings.push(Finding::fault(
            format!(
                "database: {table} has no row-level security: its policies say nothing, and everybody may do everything"
            ),
            format!("run `tintype migrate --again`, or ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
        ));
    }
    if survey.kinksters_are_open {
        findings.push(Finding::fault(
            "database: public.kinksters has no row-level security: everybody with the public key may change every row",
            "ALTER TABLE public.kinksters ENABLE ROW LEVEL SECURITY, with policies for its owners",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("database: functions and policies are there"));
    }
    findings.extend(bucket(survey));
    findings.extend(temporary(survey.temporary_avatars));
    findings
}

fn bucket(survey: &Survey) -> Vec<Finding> {
    let Some(row) = survey.buckets.iter().find(|row| row.id == AVATARS) else {
        // What is pending makes it.
        let missing = Finding::fault(
            format!("database: no bucket {AVATARS}, so avatars can be neither stored nor seen"),
            "run `tintype migrate --again`",
        );
        return if survey.pending.is_empty() { vec![missing] } else { Vec::new() };
    };
    let shelf = Shelf {
        public: row.public,
        file_size_limit: row.file_size_limit,
        allowed_mime_types: row.allowed_mime_types.as_deref(),
    };
    shelf.findings("in the dashboard, under Storage")
}
