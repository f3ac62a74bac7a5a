//! `tintype rm`: removes objects, after asking.

use std::collections::HashSet;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::listing::keys_below;
use super::{Address, Failed, Reach, asked, explained, objects};
use crate::cli::output::{Output, shown};
use crate::cli::remote::{Server, with_json};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// Objects; with --recursive folders and buckets too, of which all objects are removed.
    #[arg(value_name = "BUCKET/OBJECT", required = true)]
    addresses: Vec<Address>,
    /// Remove everything below the folders named.
    #[arg(long, short)]
    recursive: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// List what would be removed, and remove nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Objects of one request: the most that the API takes.
const BATCH: usize = 1000;
/// Names that are shown before it is asked.
const SHOWN: usize = 10;

#[derive(Deserialize)]
struct Removed {
    name: String,
}

pub(in crate::cli) fn run(options: &Options) -> Done {
    if !options.recursive {
        for address in &options.addresses {
            address.object().map_err(|error| Failure::Usage(format!("{error}, or pass --recursive")))?;
        }
    }
    let may_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !(options.yes || options.dry_run || may_ask) {
        return Err(Failure::Usage(
            "there is no terminal to ask; pass --yes, or --dry-run to see what goes".to_owned(),
        ));
    }
    let output = options.reach.output();
    asked(&options.reach, async |server| {
        let found = found(server, options).await?;
        if found.is_empty() {
            output.line_for_people("nothing is there to be removed")?;
            return Ok(ExitCode::SUCCESS);
        }
        if options.dry_run {
            for address in &found {
                output.either(&json!({"object": address.to_string(), "removed": false}), || {
                    shown(&address.to_string())
                })?;
            }
            output.line_for_people(format_args!("{} would be removed", objects(found.len() as u64)))?;
            return Ok(ExitCode::SUCCESS);
        }
        if !options.yes && !asked_for(&found)? {
            return Err(Failure::Other("nothing was removed".to_owned()));
        }
        remove_all(server, &found, output).await
    })
}

async fn remove_all(server: &Server, found: &[Address], output: Output) -> Done {
    let (failed, mut removed) = (Failed::default(), 0);
    for batch in batches(found) {
        let gone = remove(server, batch).await?;
        for address in batch {
            if gone.contains(&address.key) {
                removed += 1;
                output.document_for_programs(&json!({"object": address.to_string(), "removed": true}))?;
            } else {
                failed.say(&address.to_string(), "was not removed: it is not there, or this key may not remove it");
            }
        }
    }
    output.line_for_people(format_args!("removed {}", objects(removed)))?;
    Ok(failed.code())
}

async fn found(server: &Server, options: &Options) -> Result<Vec<Address>, Failure> {
    let mut found = Vec::new();
    for address in &options.addresses {
        let below = if options.recursive { keys_below(server, address).await? } else { Vec::new() };
        if below.is_empty() && !address.is_folder() {
            found.push(address.clone());
        }
        found.extend(below.into_iter().map(|key| address.of(key)));
    }
    Ok(found)
}

/// Runs of one bucket, none too long for one request.
fn batches(found: &[Address]) -> impl Iterator<Item = &[Address]> {
    found.chunk_by(|one, next| one.bucket == next.bucket).flat_map(|run| run.chunks(BATCH))
}

/// The keys that were removed.
async fn remove(server: &Server, batch: &[Address]) -> Result<HashSet<String>, Failure> {
    let Some(first) = batch.first() else { return Ok(HashSet::new()) };
    let keys: Vec<&str> = batch.iter().map(|address| address.key.as_str()).collect();
    let path = first.of("").path("/storage/v1/object");
    let request = with_json(server.request(Method::DELETE, &path)?, &json!({"prefixes": keys}))?;
    match server.ask::<Vec<Removed>>(request).await {
        Ok(removed) => Ok(removed.into_iter().map(|row| row.name).collect()),
        Err(refused) => Err(explained(server, first.bucket.as_str(), refused).await),
    }
}

fn asked_for(found: &[Address]) -> Result<bool, Failure> {
    let unread = |error: std::io::Error| Failure::Other(format!("the answer cannot be read: {error}"));
    agreed(found, &mut std::io::stdin().lock(), &mut std::io::stderr()).map_err(unread)
}

/// Asks; no is the answer of whoever just presses return.
fn agreed(found: &[Address], input: &mut impl BufRead, screen: &mut impl Write) -> std::io::Result<bool> {
    for address in found.iter().take(SHOWN) {
        writeln!(screen, "  {}", shown(&address.to_string()))?;
    }
    if found.len() > SHOWN {
        writeln!(screen, "  and {} more", found.len() - SHOWN)?;
    }
    write!(screen, "Remove {}? [y/N] ", objects(found.len() as u64))?;
    screen.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_objects_of_one_bucket_and_not_too_many() {
        let of = |bucket: &str, count: usize| {
            (0..count).map(|at| format!("{bucket}/{at}").parse().unwrap()).collect::<Vec<Address>>()
        };
        let found: Vec<Address> = [of("a", 1500), of("b", 2)].concat();
        let sizes: Vec<usize> = batches(&found).map(<[_]>::len).collect();
        assert_eq!(sizes, [1000, 500, 2]);
    }

    #[test]
    fn only_a_yes_is_one() {
        let found: Vec<Address> = (0..12).map(|at| format!("a/{at}").parse().unwrap()).collect();
        let mut screen = Vec::new();
        let mut answer = |text: &str| agreed(&found, &mut text.as_bytes(), &mut screen).unwrap();
        assert!(answer("y\n") && answer("Yes\n") && !answer("\n") && !answer("") && !answer("yep\n"));
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("a/9\n  and 2 more\nRemove 12 objects? [y/N]"), "{screen}");
    }
}
