//! `tintype init`: three questions, or their answers as flags, into a configuration that `tintype doctor` finds nothing wrong
//! with. Secrets are left out of it: they are made in the data folder, or come by variables that are named at the end.

mod answers;
mod questions;

use std::fs;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use url::Url;

use super::output::Output;
use super::{Done, Failure};
use crate::auth;
use crate::config::{Config, Overrides, load};
use answers::{Answers, Pictures};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Where the pictures are: ./photos, s3://bucket/prefix, https://your-project.supabase.co, or a bucket's public URL.
    #[arg(long, value_name = "FOLDER_OR_URL")]
    pictures: Option<Pictures>,
    /// Address to listen on [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Our URL as clients see it.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Apps upload, and users sign in: keys are made for them.
    #[arg(long)]
    users: bool,
    /// Pictures are only shown.
    #[arg(long, conflicts_with = "users")]
    no_users: bool,
    /// The file that is written.
    #[arg(long, value_name = "FILE", default_value = "tintype.toml")]
    file: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(options: &Options) -> Done {
    let is_there = options.file.symlink_metadata().is_ok();
    if is_there && !options.force {
        let file = options.file.display();
        return Err(Failure::Usage(format!("{file} is there already; --force replaces it, --file names another")));
    }
    let answers = answers(options)?;
    let config = written(&options.file, &answers.file(), options.force)?;
    let output = Output::new(false);
    output.line(format_args!("wrote {}", options.file.display()))?;
    if answers.users && !answers.pictures.is_upstream() && config.jwt_secret.is_none() {
        let failed = |error: String| Failure::Other(format!("no secret was made: {error}"));
        fs::create_dir_all(&config.data).map_err(|error| failed(error.to_string()))?;
        auth::secret(None, &config.data).map_err(|error| failed(error.to_string()))?;
        output.line(format_args!("made a secret in {}, readable by you alone", config.data.display()))?;
    }
    for step in answers.next_steps(&options.file) {
        output.line(step)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The flags, and for what they leave out the answers of whoever sits at the terminal.
fn answers(options: &Options) -> Result<Answers, Failure> {
    let Options { pictures, listen, public_url, users, no_users, .. } = options;
    let users = (*users || *no_users).then_some(*users);
    let pictures = pictures.clone().map(Pictures::checked).transpose().map_err(Failure::Usage)?;
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let (input, screen) = (&mut std::io::stdin().lock(), &mut std::io::stderr());
        return questions::ask(input, screen, pictures, (*listen, public_url.clone()), users);
    }
    let Some(pictures) = pictures else {
        return Err(Failure::Usage("there is no terminal to ask; pass --pictures FOLDER_OR_URL".to_owned()));
    };
    Ok(Answers { pictures, listen: *listen, public_url: public_url.clone(), users: users.unwrap_or_default() })
}

/// Writes the file, once it is known to be one without mistakes.
fn written(file: &Path, text: &str, force: bool) -> Result<Config, Failure> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let failed = |error: std::io::Error| Failure::Other(format!("{} cannot be written: {error}", file.display()));
    new_file(&draft, text).map_err(failed)?;
    let loaded = load(Some(&draft), std::env::vars(), &Overrides::default());
    let kept = match &loaded {
        Ok(_) if force => fs::rename(&draft, file),
        // What came there meanwhile is not ours to replace.
        Ok(_) => new_file(file, text),
        Err(_) => Ok(()),
    };
    fs::remove_file(&draft).ok();
    kept.map_err(failed)?;
    Ok(loaded?)
}

fn new_file(path: &Path, text: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
