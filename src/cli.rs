//! The commands, each a short file.

mod backfill;
mod cleanup;
mod config;
mod demo;
mod doctor;
mod init;
mod keys;
mod manual;
mod meter;
mod migrate;
mod objects;
mod output;
mod purge;
mod reference;
mod remote;
mod serve;
mod warm;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use reference::markdown;

use crate::config::{Config, Log, Mistakes, Overrides, is_neighbour, load};

/// Resized WebP and JPEG in front of an image bucket, through the URLs that apps already use.
#[derive(Debug, Parser)]
#[command(name = "tintype", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration after three questions, or by flags.
    Init(init::Options),
    /// Serve the configured buckets.
    Serve(Common),
    /// Serve a gallery of example pictures, or of your own with --bucket, and a page where avatars are painted.
    Demo(demo::Options),
    /// Make variants before anyone asks: from lists of URLs, sitemaps, pages, a bucket or a log.
    Warm(Box<warm::Options>),
    /// Store avatars whose rows show a provider's temporary URL, before it is gone; first as a dry run.
    Backfill(backfill::Options),
    /// Put files into a bucket of a running server.
    Upload(Box<objects::UploadOptions>),
    /// List the buckets of a running server, or what is in one.
    Ls(Box<objects::ListOptions>),
    /// Tell what is known of an object: its row, its version, its variants.
    Stat(Box<objects::StatOptions>),
    /// Copy objects within a running server.
    Cp(Box<objects::CopyOptions>),
    /// Give objects of a running server another name.
    Mv(Box<objects::CopyOptions>),
    /// Remove objects of a running server, after asking.
    Rm(Box<objects::RemoveOptions>),
    /// Make URLs that open private objects until they expire.
    Sign(Box<objects::SignOptions>),
    /// Remove what was made of pictures, in a running server or straight from the variant store.
    Purge(Box<purge::Options>),
    /// Look at configuration, disk, clock and buckets, and say what to do about each fault.
    Doctor(doctor::Options),
    /// Remove old pictures of characters by the rules of `retention`, and bytes that nobody needs; bring back what a run removed.
    Cleanup(cleanup::Options),
    /// Make buckets, policies and functions in a Supabase's own Postgres, or take them back.
    Migrate(migrate::Options),
    /// Print the effective configuration, or a commented default file.
    Config(config::Options),
    /// Print the anon key, the service key, and tokens for users.
    Keys(keys::Options),
    /// Print what a shell completes.
    Completions(manual::Completions),
    /// Print a manual page: tintype man upload | man -l -
    Man(manual::Manual),
}

/// Options that every command with a configuration has.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Configuration file. Without it ./tintype.toml is read if it is there.
    #[arg(long, env = "TINTYPE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Folder for variants, version records and the secret [default: ./tintype-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A bucket to read from: NAME=./folder, NAME=https://host/prefix/, NAME=s3://bucket/prefix. Repeatable.
    #[arg(long = "bucket", value_name = "NAME=FOLDER_OR_URL")]
    buckets: Vec<String>,
    /// Our URL as clients see it; the first is canonical. Repeatable [default: http://ADDR]
    #[arg(long, value_name = "URL")]
    public_url: Vec<String>,
}

impl Common {
    /// The configuration from file, variables and these options.
    fn load(&self) -> Result<Config, Mistakes> {
        self.load_with(std::env::vars())
    }

    /// As [`Self::load`], whatever the variables of other programs say: nothing is tried out on somebody's project.
    fn load_alone(&self) -> Result<Config, Mistakes> {
        self.load_with(std::env::vars().filter(|(name, _)| !is_neighbour(name)))
    }

    fn load_with(&self, variables: impl Iterator<Item = (String, String)>) -> Result<Config, Mistakes> {
        let beside = PathBuf::from("tintype.toml");
        let file = self.config.clone().or_else(|| beside.is_file().then_some(beside));
        let overrides = Overrides {
            listen: self.listen.clone(),
            data: self.data.clone(),
            public_url: self.public_url.clone(),
            buckets: self.buckets.clone(),
        };
        load(file.as_deref(), variables, &overrides)
    }
}

/// The logs of a command that speaks to its terminal itself: by default only warnings are shown.
fn quiet(log: &Log) -> Log {
    let level = if log.level == Log::default().level { "warn".to_owned() } else { log.level.clone() };
    Log { level, ..log.clone() }
}

/// The exit code for mistakes in the configuration or on the command line.
const USAGE: u8 = 2;

/// Runs one command.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Init(options) => init::run(&options),
        Command::Serve(common) => serve::run(&common),
        Command::Demo(options) => demo::run(options),
        Command::Warm(options) => warm::run(&options),
        Command::Backfill(options) => backfill::run(&options),
        Command::Upload(options) => objects::upload(&options),
        Command::Ls(options) => objects::list(&options),
        Command::Stat(options) => objects::stat(&options),
        Command::Cp(options) => objects::copy(&options),
        Command::Mv(options) => objects::rename(&options),
        Command::Rm(options) => objects::remove(&options),
        Command::Sign(options) => objects::sign(&options),
        Command::Purge(options) => purge::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Cleanup(options) => cleanup::run(&options),
        Command::Migrate(options) => migrate::run(&options),
        Command::Config(options) => config::run(&options),
        Command::Keys(options) => keys::run(&options),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::manual(&options),
    };
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Why a command ended early.
#[derive(Debug)]
enum Failure {
    Mistakes(Mistakes),
    /// The command was used wrongly: in one line with what to do.
    Usage(String),
    /// Whoever read our output has seen enough.
    Unread,
    /// Anything else, in one line with what to do.
    Other(String),
}

impl Failure {
    fn report(self) -> ExitCode {
        let name = output::painted("tintype:", output::BAD, output::is_coloured(&std::io::stderr()));
        match self {
            Self::Unread => ExitCode::SUCCESS,
            Self::Mistakes(_) | Self::Usage(_) => {
                eprintln!("{name} {self}");
                ExitCode::from(USAGE)
            }
            Self::Other(_) => {
                eprintln!("{name} {self}");
                ExitCode::FAILURE
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => mistakes.fmt(formatter),
            Self::Usage(message) | Self::Other(message) => formatter.write_str(message),
            Self::Unread => formatter.write_str("nobody reads the output"),
        }
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<crate::app::AppError> for Failure {
    fn from(error: crate::app::AppError) -> Self {
        Self::Other(error.to_string())
    }
}

type Done = Result<ExitCode, Failure>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
