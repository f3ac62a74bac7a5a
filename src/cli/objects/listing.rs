//! `tintype ls`: buckets, or what is in one.

use std::process::ExitCode;

use clap::Args;
use http::Method;
use indicatif::DecimalBytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Address, Reach, asked, explained};
use crate::cli::output::{FOLDER, Output, shown};
use crate::cli::remote::{Refused, Server, with_json};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// A bucket, a folder of it, or how names begin: photos, photos/cats/, photos/cats/ta. Without it the buckets are listed.
    #[arg(value_name = "BUCKET/BEGINNING")]
    address: Option<Address>,
    /// List what is in folders too.
    #[arg(long, short)]
    recursive: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Objects of a page: the most that the API gives.
const PAGE: usize = 1000;

/// One page of a listing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub folders: Vec<Folder>,
    #[serde(default)]
    pub objects: Vec<Object>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Folder {
    pub name: String,
}

/// An object of a listing; `name` is its whole key.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    pub name: String,
    pub updated_at: Option<String>,
    pub metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub size: Option<u64>,
    pub mimetype: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Bucket {
    name: String,
    #[serde(default)]
    public: bool,
    file_size_limit: Option<u64>,
    allowed_mime_types: Option<Vec<String>>,
}

/// Where the next page begins.
enum Next {
    First,
    At(String),
    Ended,
}

/// A listing, page by page.
pub(super) struct Pages<'a> {
    server: &'a Server,
    from: &'a Address,
    prefix: String,
    recursive: bool,
    next: Next,
}

impl<'a> Pages<'a> {
    pub fn of(server: &'a Server, from: &'a Address, prefix: String, recursive: bool) -> Self {
        Self { server, from, prefix, recursive, next: Next::First }
    }

    /// The next page, while there is one.
    pub async fn next(&mut self) -> Result<Option<Page>, Failure> {
        let cursor = match std::mem::replace(&mut self.next, Next::Ended) {
            Next::First => None,
            Next::At(cursor) => Some(cursor),
            Next::Ended => return Ok(None),
        };
        let mut query = json!({"prefix": self.prefix, "with_delimiter": !self.recursive, "limit": PAGE});
        if let Some(cursor) = cursor {
            query["cursor"] = json!(cursor);
        }
        let path = self.from.of("").path("/storage/v1/object/list-v2");
        let request = with_json(self.server.request(Method::POST, &path)?, &query)?;
        match self.server.ask::<Page>(request).await {
            Ok(page) => {
                self.next = page.next_cursor.clone().map_or(Next::Ended, Next::At);
                Ok(Some(page))
            }
            Err(refused) => Err(explained(self.server, self.from.bucket.as_str(), refused).await),
        }
    }
}

/// The keys of every object below a folder.
pub(super) async fn keys_below(server: &Server, folder: &Address) -> Result<Vec<String>, Failure> {
    let (mut keys, mut pages) = (Vec::new(), Pages::of(server, folder, folder.folder(), true));
    while let Some(page) = pages.next().await? {
        keys.extend(page.objects.into_iter().map(|object| object.name));
    }
    if keys.is_empty() {
        must_be_there(server, folder).await?;
    }
    Ok(keys)
}

/// A bucket that is not there is listed as an empty one.
async fn must_be_there(server: &Server, address: &Address) -> Result<(), Failure> {
    let request = server.request(Method::GET, &address.of("").path("/storage/v1/bucket"))?;
    match server.send(request).await {
        Err(refused) if refused.is_no_bucket() => Err(explained(server, address.bucket.as_str(), refused).await),
        // Whoever may not see the bucket's row may see objects in it.
        _ => Ok(()),
    }
}

/// Names of the buckets that the key may see.
pub(super) async fn buckets(server: &Server) -> Result<Vec<String>, Failure> {
    let buckets = rows(server).await.map_err(|refused| server.failure(&refused))?;
    Ok(buckets.into_iter().map(|bucket| bucket.name).collect())
}

async fn rows(server: &Server) -> Result<Vec<Bucket>, Refused> {
    let request = server.request(Method::GET, "/storage/v1/bucket");
    let request = request.map_err(|_| Refused::Unreached { reason: "no URL".to_owned(), is_connect: false })?;
    server.ask(request).await
}

pub(in crate::cli) fn run(options: &Options) -> Done {
    let output = options.reach.output();
    asked(&options.reach, async |server| {
        match &options.address {
            None => list_buckets(server, output).await?,
            Some(address) => list(server, address, options.recursive, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn list_buckets(server: &Server, output: Output) -> Result<(), Failure> {
    for bucket in rows(server).await.map_err(|refused| server.failure(&refused))? {
        if output.json {
            output.document(&bucket)?;
        } else {
            let access = if bucket.public { "public " } else { "private" };
            output.line(format_args!("{access}  {}", output.painted(shown(&bucket.name), FOLDER)))?;
        }
    }
    Ok(())
}

async fn list(server: &Server, address: &Address, recursive: bool, output: Output) -> Result<(), Failure> {
    let (mut pages, mut is_empty) = (Pages::of(server, address, address.key.clone(), recursive), true);
    while let Some(page) = pages.next().await? {
        is_empty &= page.folders.is_empty() && page.objects.is_empty();
        for folder in page.folders {
            let name = format!("{}/", folder.name.trim_end_matches('/'));
            if output.json {
                output.document(&json!({"folder": name}))?;
            } else {
                output.line(format_args!("{:>10}  {:20}  {}", "", "", output.painted(shown(&name), FOLDER)))?;
            }
        }
        for object in page.objects {
            print(&object, output)?;
        }
    }
    if is_empty {
        must_be_there(server, address).await?;
    }
    if is_empty && !address.key.is_empty() {
        return Err(server.failed(&format!("nothing begins with {}", shown(&address.to_string()))));
    }
    Ok(())
}

fn print(object: &Object, output: Output) -> Result<(), Failure> {
    let metadata = object.metadata.as_ref();
    let (size, kind) = (metadata.and_then(|known| known.size), metadata.and_then(|known| known.mimetype.as_deref()));
    if output.json {
        return output.document(
            &json!({"name": object.name, "size": size, "content_type": kind, "updated_at": object.updated_at}),
        );
    }
    let size = size.map_or_else(String::new, |size| DecimalBytes(size).to_string());
    // Seconds are enough for people: 2026-01-31T12:00:00
    let updated: String = object.updated_at.as_deref().unwrap_or_default().chars().take(19).collect();
    output.line(format_args!("{size:>10}  {:20}  {}", shown(&updated).replace('T', " "), shown(&object.name)))
}
