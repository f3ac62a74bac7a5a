//! `tintype config`: the effective configuration, the commented default file, or the documentation's tables.

use std::process::ExitCode;

use clap::Args;

use super::{Common, Done, Failure};
use crate::config::{commented_default, markdown_table};

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Print a file with every key at its default, commented out.
    #[arg(long, conflicts_with = "table")]
    default: bool,
    /// Print every key as a Markdown table.
    #[arg(long)]
    table: bool,
}

pub(super) fn run(options: &Options) -> Done {
    if options.default {
        print!("{}", commented_default());
    } else if options.table {
        print!("{}", markdown_table());
    } else {
        let config = options.common.load()?;
        let text = toml::to_string(&config).map_err(|error| Failure::Other(error.to_string()))?;
        print!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}
