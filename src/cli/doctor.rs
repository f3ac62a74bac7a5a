//! `tintype doctor`: what is wrong and what to do about it.

use std::process::ExitCode;

use clap::Args;

use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::{doctor, telemetry};

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&crate::config::Log { level: "error".to_owned(), ..config.log.clone() });
    let scratch = std::env::temp_dir().join(format!("tintype-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|error| {
        Failure::Other(format!("{} cannot be made: {error}; set TMPDIR to a folder that can", scratch.display()))
    })?;
    let findings = runtime()?.block_on(doctor::examine(&config, &scratch));
    // What is left behind is a few kilobytes in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&scratch);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if doctor::has_fault(&findings) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
