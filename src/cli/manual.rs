//! `tintype completions` and `tintype man`: what shells and `man` know of the commands, made from the commands.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::output::written;
use super::{Cli, Done, Failure};

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell: `tintype completions bash > /etc/bash_completion.d/tintype`
    shell: Shell,
}

#[derive(Args, Debug)]
pub(super) struct Manual {
    /// The command that is described; without it, tintype as a whole.
    command: Option<String>,
    /// Write a page for every command into this folder: tintype.1, tintype-upload.1, …
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// The command line with everything that it inherits.
fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

pub(super) fn completions(options: &Completions) -> Done {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "tintype", &mut text);
    written(std::io::stdout().write_all(&text))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn manual(options: &Manual) -> Done {
    let command = built();
    if let Some(folder) = &options.dir {
        write_all(&command, folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let described = match &options.command {
        None => &command,
        Some(name) => command.find_subcommand(name).ok_or_else(|| {
            Failure::Usage(format!("there is no command {name}; `tintype help` lists those that are"))
        })?,
    };
    written(std::io::stdout().write_all(&page(described)?))?;
    Ok(ExitCode::SUCCESS)
}

fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::Other(format!("{}: {error}", folder.display())))?;
    for described in std::iter::once(command).chain(command.get_subcommands().filter(|one| one.get_name() != "help")) {
        let path = folder.join(format!("{}.1", name(described)));
        std::fs::write(&path, page(described)?)
            .map_err(|error| Failure::Other(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

/// `tintype`, `tintype-upload`.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let title = name(command).to_ascii_uppercase();
    let page = Man::new(command.clone()).title(title).manual("tintype").date("");
    page.render(&mut text).map_err(|error| Failure::Other(error.to_string()))?;
    Ok(text)
}
