//! The command line: one enum, one match.

use std::process::ExitCode;

use clap::Parser;
use tintype::cli::{Cli, run};

/// Image buffers come and go in megabytes; mimalloc gives their pages back and does not fragment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
