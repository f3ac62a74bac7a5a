//! `tintype cp` and `tintype mv`: objects under other names, in the server and without their bytes passing here.

use std::process::ExitCode;

use clap::Args;
use futures_util::StreamExt;
use http::Method;
use serde_json::{Value, json};

use super::listing::keys_below;
use super::{Address, Failed, Reach, asked, explained, objects};
use crate::cli::output::Output;
use crate::cli::remote::{Refused, Server, with_json};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// The object, or with --recursive a folder or bucket: photos/cats/tabby.jpg
    #[arg(value_name = "FROM")]
    from: Address,
    /// Its other name; a folder or a bucket keeps the last part of the name: album/cats/
    #[arg(value_name = "TO")]
    to: Address,
    /// Everything below the folder FROM, below the folder TO.
    #[arg(long, short)]
    recursive: bool,
    /// Replace what is there under the other name (a copy alone can).
    #[arg(long)]
    overwrite: bool,
    /// Objects worked on at once.
    #[arg(long, default_value_t = 4, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: u16,
    #[command(flatten)]
    reach: Reach,
}

/// What becomes of the first name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Verb {
    Copy,
    Move,
}

impl Verb {
    fn path(self) -> &'static str {
        match self {
            Self::Copy => "/storage/v1/object/copy",
            Self::Move => "/storage/v1/object/move",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Copy => "copied",
            Self::Move => "moved",
        }
    }
}

pub(in crate::cli) fn run(options: &Options, verb: Verb) -> Done {
    if options.overwrite && verb == Verb::Move {
        return Err(Failure::Usage(
            "a move replaces nothing; remove what is there, or copy with --overwrite".to_owned(),
        ));
    }
    if !options.recursive {
        options.from.object().map_err(|error| Failure::Usage(format!("{error}, or pass --recursive")))?;
    }
    asked(&options.reach, async |server| {
        let pairs = pairs(server, options).await?;
        if pairs.is_empty() {
            return Err(server.failed(&format!("there is nothing below {}", options.from)));
        }
        all(server, options, verb, pairs).await
    })
}

/// Every object with its other name.
async fn pairs(server: &Server, options: &Options) -> Result<Vec<(Address, Address)>, Failure> {
    let Options { from, to, .. } = options;
    if !options.recursive {
        let name = from.key.rsplit('/').next().unwrap_or_default();
        let other = if to.is_folder() { to.of(format!("{}{name}", to.key)) } else { to.clone() };
        return Ok(vec![(from.clone(), other)]);
    }
    let (above, folder) = (from.folder(), to.folder());
    if from.bucket == to.bucket && folder.starts_with(&above) {
        return Err(Failure::Usage(format!("{to} lies in {from}; choose a folder beside it")));
    }
    let keys = keys_below(server, from).await?;
    let renamed = |key: &String| format!("{folder}{}", key.strip_prefix(&above).unwrap_or(key));
    Ok(keys.iter().map(|key| (from.of(key.as_str()), to.of(renamed(key)))).collect())
}

async fn all(server: &Server, options: &Options, verb: Verb, pairs: Vec<(Address, Address)>) -> Done {
    let (output, failed) = (options.reach.output(), Failed::default());
    let works = pairs.into_iter().map(async |(from, to)| {
        let done = one(server, verb, &from, &to, options.overwrite).await;
        (from, to, done)
    });
    let mut works = std::pin::pin!(futures_util::stream::iter(works).buffer_unordered(usize::from(options.jobs)));
    let mut count = 0;
    while let Some((from, to, done)) = works.next().await {
        match done? {
            Ok(()) => {
                count += 1;
                tell(output, verb, &from, &to)?;
            }
            Err(refused) if refused.is_no_bucket() => {
                return Err(explained(server, missing(&from, &to), refused).await);
            }
            Err(refused) => failed.note(server, &from.to_string(), &refused)?,
        }
    }
    output.line_for_people(format_args!("{} {}", verb.done(), objects(count)))?;
    Ok(failed.code())
}

/// Which of two buckets is likelier to be the one that is missing: the API does not say. The other was just listed, or was
/// written before the one that was not.
fn missing<'a>(from: &'a Address, to: &'a Address) -> &'a str {
    if from.bucket == to.bucket { from.bucket.as_str() } else { to.bucket.as_str() }
}

async fn one(
    server: &Server,
    verb: Verb,
    from: &Address,
    to: &Address,
    overwrite: bool,
) -> Result<Result<(), Refused>, Failure> {
    let body = json!({
        "bucketId": from.bucket.as_str(),
        "sourceKey": from.key,
        "destinationBucket": to.bucket.as_str(),
        "destinationKey": to.key,
    });
    let mut request = server.request(Method::POST, verb.path())?;
    if overwrite {
        request = request.header("x-upsert", "true");
    }
    Ok(server.ask::<Value>(with_json(request, &body)?).await.map(|_| ()))
}

fn tell(output: Output, verb: Verb, from: &Address, to: &Address) -> Result<(), Failure> {
    output.document_for_programs(&json!({"object": to.to_string(), "from": from.to_string(), "done": verb.done()}))
}

/// For the match of the command line.
pub(in crate::cli) fn copy(options: &Options) -> Result<ExitCode, Failure> {
    run(options, Verb::Copy)
}

pub(in crate::cli) fn rename(options: &Options) -> Result<ExitCode, Failure> {
    run(options, Verb::Move)
}
