//! `tintype migrate`: buckets, policies and functions in a Supabase's own Postgres.

use std::process::ExitCode;

use clap::Args;

use super::serve::runtime;
use super::{Common, Done, Failure, quiet};
use crate::catalog::Catalog;
use crate::config::{Config, Secret};
use crate::migrate::{Database, Edits, MIGRATIONS, MigrateError, Migration};
use crate::telemetry;

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// The Supabase's database. Others on this machine see what a command line says: better the variable, or
    /// `storage.database`, which counts without both.
    #[arg(long, env = "SUPABASE_DB_URL", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// Take the last N back. What holds anything that is not ours stays.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["dry_run", "status", "own"])]
    down: Option<usize>,
    /// Try everything that is pending in one transaction, and take it back.
    #[arg(long, conflicts_with_all = ["status", "own"])]
    dry_run: bool,
    /// Only show what was applied when.
    #[arg(long, conflicts_with = "own")]
    status: bool,
    /// Apply everything once more: makes anew what somebody removed, and what another version applied.
    #[arg(long, conflicts_with_all = ["down", "dry_run", "status"])]
    again: bool,
    /// With --down or --again: functions too that somebody has edited since. Keep their text first.
    #[arg(long, conflicts_with_all = ["dry_run", "status"])]
    force: bool,
    /// Make our own tables too (jobs, outbox, …), in the schema `storage.schema`. A server does that itself when it starts.
    #[arg(long)]
    own: bool,
}

impl Options {
    fn edits(&self) -> Edits {
        if self.force { Edits::Overwrite } else { Edits::Keep }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        Self::Other(error.to_string())
    }
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    // What the scripts leave in place they say as warnings.
    telemetry::start_logs(&quiet(&config.log));
    let url = options.database.as_deref().filter(|url| !url.is_empty()).map(Secret::new);
    let url = url.or_else(|| config.storage.database.clone()).ok_or_else(|| {
        let remedy =
            "set SUPABASE_DB_URL or storage.database (on Supabase: Connect → Session pooler), or pass --database";
        Failure::Other(format!("no database is named; {remedy}"))
    })?;
    runtime()?.block_on(async {
        let mut database = Database::connect(&url).await?;
        println!("{}", database.place());
        match options.down {
            Some(count) => database.down(count, options.edits(), |one| println!("{one}: taken back")).await?,
            None if options.status => status(&mut database).await?,
            None if options.dry_run => try_up(&mut database).await?,
            None => up(&mut database, &config, options).await?,
        }
        if options.own {
            Catalog::set_up_postgres(&url, &config.storage.schema)
                .await
                .map_err(|error| Failure::Other(error.to_string()))?;
            println!("schema {}: up to date", config.storage.schema);
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn up(database: &mut Database, config: &Config, options: &Options) -> Result<(), MigrateError> {
    let mut applied = 0;
    let tell = |one: &Migration| {
        applied += 1;
        println!("{one}: applied");
    };
    if options.again {
        database.again(options.edits(), tell).await?;
    } else {
        database.up(tell).await?;
    }
    if applied == 0 {
        println!("nothing to do: all {} were applied", MIGRATIONS.len());
    }
    let origins = config.avatar_origins();
    database.add_origins(&origins).await?;
    for origin in origins {
        println!("avatars are shown from {origin}");
    }
    Ok(())
}

async fn try_up(database: &mut Database) -> Result<(), MigrateError> {
    let mut pending = 0;
    let tell = |one: &Migration| {
        pending += 1;
        println!("{one}: would be applied");
    };
    database.try_up(tell).await?;
    println!("{pending} pending; nothing was changed");
    Ok(())
}

async fn status(database: &mut Database) -> Result<(), MigrateError> {
    for step in database.status().await? {
        match step.applied_at {
            Some(time) => println!("{}: applied at {}", step.migration, time.replace_nanosecond(0).unwrap_or(time)),
            None => println!("{}: pending", step.migration),
        }
    }
    Ok(())
}
