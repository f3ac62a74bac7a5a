//! `tintype doctor`: what is wrong and what to do about it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::builder::styling::Style;

use super::output::{BAD, DOUBTFUL, GOOD, is_coloured, painted, written};
use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::config::Config;
use crate::doctor::{Finding, Grade};
use crate::health::Examiner;
use crate::{doctor, telemetry};

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&crate::config::Log { level: "error".to_owned(), ..config.log.clone() });
    let findings = examined(&config)?;
    let coloured = is_coloured(&std::io::stdout());
    for finding in &findings {
        let text = finding.to_string();
        let (mark, rest) = text.split_once(' ').unwrap_or((&text, ""));
        written(writeln!(std::io::stdout(), "{} {rest}", painted(mark, style(finding.grade), coloured)))?;
    }
    Ok(if doctor::has_fault(&findings) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn examined(config: &Config) -> Result<Vec<Finding>, Failure> {
    let scratch = std::env::temp_dir().join(format!("tintype-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|error| {
        Failure::Other(format!("{} cannot be made: {error}; set TMPDIR to a folder that can", scratch.display()))
    })?;
    let runtime = runtime()?;
    let findings = runtime.block_on(doctor::examine(config, &scratch));
    // Whatever the app that was built for it left running ends here.
    runtime.shutdown_timeout(Duration::from_secs(5));
    // What is left behind is a few kilobytes in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(findings)
}

/// The doctor of a running server, in a runtime of its own: what an examination starts ends with it.
pub(super) fn examiner(config: Config) -> Examiner {
    Box::new(move || {
        examined(&config).unwrap_or_else(|failure| {
            vec![Finding::fault(format!("doctor: {failure}"), "run `tintype doctor` beside the server")]
        })
    })
}

fn style(grade: Grade) -> Style {
    match grade {
        Grade::Ok => GOOD,
        Grade::Warning => DOUBTFUL,
        Grade::Fault => BAD,
    }
}
