//! `tintype upload`: files and folders into a bucket, several at once; large ones in parts that survive a lost connection.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt;
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use indicatif::DecimalBytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::kinds::kind_of;
use super::tus;
use super::{Address, Failed, Reach, asked, explained, objects};
use crate::cli::meter::{Meter, Reading};
use crate::cli::output::{Output, shown};
use crate::cli::remote::{Refused, Server};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// Files, with --recursive folders too, whose files keep their names below them.
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Where they go: a bucket or a folder ending in a slash, or for a single file its name: album/, album/cats/, album/tabby.jpg
    #[arg(value_name = "BUCKET/FOLDER/")]
    to: Address,
    /// Upload what is in folders.
    #[arg(long, short)]
    recursive: bool,
    /// Replace what is there.
    #[arg(long)]
    overwrite: bool,
    /// Pass over what is there.
    #[arg(long, conflicts_with = "overwrite")]
    skip_existing: bool,
    /// Type of the files [default: by the ends of their names]
    #[arg(long, value_name = "TYPE/SUBTYPE")]
    content_type: Option<String>,
    /// Seconds for which browsers may keep the objects.
    #[arg(long, value_name = "SECONDS")]
    cache_control: Option<u32>,
    /// Files sent at once.
    #[arg(long, default_value_t = 4, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: u16,
    #[command(flatten)]
    reach: Reach,
}

/// A file and what it becomes.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub path: PathBuf,
    pub to: Address,
    pub size: u64,
    pub kind: String,
    /// Seconds.
    pub cache_control: Option<u32>,
    pub overwrite: bool,
}

/// Why a file was not sent.
#[derive(Debug)]
pub(super) enum Unsent {
    Refused(Refused),
    /// The file itself, or our own doing.
    Here(String),
}

impl From<Refused> for Unsent {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Failure> for Unsent {
    fn from(failure: Failure) -> Self {
        Self::Here(failure.to_string())
    }
}

/// Files larger than this are sent in parts of this size; so much of each is in memory. A Supabase behind the server takes no
/// other size.
pub(super) const PART: u64 = 6 << 20;

/// Bytes sent of all files together.
pub(super) struct Progress {
    meter: Mutex<Meter>,
    state: Mutex<Reading>,
}

impl Progress {
    fn start(total: u64) -> Self {
        let state = Reading { done: 0, total, failed: 0, before: 0 };
        Self { meter: Mutex::new(Meter::of_bytes("uploaded")), state: Mutex::new(state) }
    }

    /// Counts bytes that need not be sent any more; `is_new`: they were sent now.
    pub fn add(&self, bytes: u64, is_new: bool) {
        let mut state = self.state.lock();
        state.done += bytes;
        if !is_new {
            state.before += bytes;
        }
        self.meter.lock().show(*state);
    }

    /// Counts a file that failed, with the bytes of it that were not sent.
    fn fail(&self, work: impl FnOnce()) {
        let mut state = self.state.lock();
        state.failed += 1;
        let meter = self.meter.lock();
        meter.aside(work);
    }
}

pub(in crate::cli) fn run(options: &Options) -> Done {
    let items = items(options)?;
    asked(&options.reach, async |server| {
        let progress = Progress::start(items.iter().map(|item| item.size).sum());
        let sent = send_all(server, options, items, &progress).await;
        progress.meter.into_inner().finish();
        let (counts, failed) = sent?;
        counts.tell(options.reach.output(), failed.count())?;
        Ok(failed.code())
    })
}

#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    bytes: u64,
    skipped: u64,
}

impl Counts {
    fn tell(&self, output: Output, failed: u64) -> Result<(), Failure> {
        let skipped = if self.skipped == 0 { String::new() } else { format!(", passed over {}", self.skipped) };
        let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        let bytes = DecimalBytes(self.bytes);
        output.line_for_people(format_args!("uploaded {}, {bytes}{skipped}{failed}", objects(self.sent)))
    }
}

async fn send_all(
    server: &Server,
    options: &Options,
    items: Vec<Item>,
    progress: &Progress,
) -> Result<(Counts, Failed), Failure> {
    let (output, failed) = (options.reach.output(), Failed::default());
    let works = items.into_iter().map(async |item| {
        let sent = send(server, &item, progress).await;
        (item, sent)
    });
    let mut works = std::pin::pin!(futures_util::stream::iter(works).buffer_unordered(usize::from(options.jobs)));
    let mut counts = Counts::default();
    while let Some((item, sent)) = works.next().await {
        let told = json!({"file": item.path.to_string_lossy(), "object": item.to.to_string(), "size": item.size});
        let status = match sent {
            Ok(()) => {
                (counts.sent, counts.bytes) = (counts.sent + 1, counts.bytes + item.size);
                "uploaded"
            }
            Err(Unsent::Refused(refused)) if options.skip_existing && is_there(&refused) => {
                counts.skipped += 1;
                "there"
            }
            Err(Unsent::Refused(refused)) if refused.is_no_bucket() => {
                return Err(explained(server, item.to.bucket.as_str(), refused).await);
            }
            Err(Unsent::Refused(refused)) if refused.is_final() => return Err(server.failure(&refused)),
            Err(unsent) => {
                let reason = reason(server, &unsent);
                progress.fail(|| failed.say(&item.path.to_string_lossy(), &reason));
                "failed"
            }
        };
        let mut told = told;
        told["status"] = json!(status);
        output.document_for_programs(&told)?;
    }
    Ok((counts, failed))
}

fn reason(server: &Server, unsent: &Unsent) -> String {
    match unsent {
        Unsent::Refused(refused) if is_there(refused) => {
            "is there already; --overwrite replaces it, --skip-existing passes over it".to_owned()
        }
        Unsent::Refused(refused) => format!("{refused}{}", server.remedy(refused)),
        Unsent::Here(reason) => reason.clone(),
    }
}

/// TUS has a 409 of another meaning too.
fn is_there(refused: &Refused) -> bool {
    matches!(refused, Refused::Answered { status, message, .. } if *status == 409 && message.contains("already exists"))
}

async fn send(server: &Server, item: &Item, progress: &Progress) -> Result<(), Unsent> {
    if item.size > PART {
        return tus::send(server, item, progress).await;
    }
    let bytes = whole(item)?;
    let path = item.to.path("/storage/v1/object");
    let mut request = server.request(Method::POST, &path)?.header(CONTENT_TYPE, &item.kind);
    if item.overwrite {
        request = request.header("x-upsert", "true");
    }
    if let Some(seconds) = item.cache_control {
        request = request.header(CACHE_CONTROL, format!("max-age={seconds}"));
    }
    server.ask::<Value>(request.body(bytes)).await?;
    progress.add(item.size, true);
    Ok(())
}

/// The bytes of a small file, which may have grown since it was looked at.
fn whole(item: &Item) -> Result<Vec<u8>, Unsent> {
    let unread = |error: std::io::Error| Unsent::Here(format!("cannot be read: {error}"));
    let mut bytes = Vec::with_capacity(item.size as usize);
    let file = std::fs::File::open(&item.path).map_err(unread)?;
    file.take(PART + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > PART {
        return Err(Unsent::Here("has grown while it was read; try again".to_owned()));
    }
    Ok(bytes)
}

/// What goes where.
fn items(options: &Options) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let is_single = options.files.len() == 1;
    for path in &options.files {
        let usage = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let meta = std::fs::metadata(path).map_err(|error| usage(error.to_string()))?;
        if meta.is_dir() {
            if !options.recursive {
                return Err(usage("is a folder; pass --recursive to upload what is in it".to_owned()));
            }
            let folder = options.to.of(options.to.folder());
            for (file, size) in files_below(path).map_err(|error| usage(error.to_string()))? {
                let below = file.strip_prefix(path).unwrap_or(&file).to_str().map(str::to_owned);
                let below = below.ok_or_else(|| usage(format!("{} has a name that is no UTF-8", file.display())))?;
                items.push(item(options, file, &folder, &below, size)?);
            }
        } else if options.to.is_folder() {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| usage("has a name that is no UTF-8".to_owned()))?;
            items.push(item(options, path.clone(), &options.to, name, meta.len())?);
        } else if is_single {
            items.push(item(options, path.clone(), &options.to, "", meta.len())?);
        } else {
            return Err(Failure::Usage(format!("several files go into a folder: {}/", options.to)));
        }
    }
    Ok(items)
}

fn item(options: &Options, path: PathBuf, folder: &Address, name: &str, size: u64) -> Result<Item, Failure> {
    let to = folder.of(format!("{}{name}", folder.key));
    if let Err(error) = crate::object::ObjectKey::parse(&to.key) {
        return Err(Failure::Usage(format!("{} cannot become {}: {error}", path.display(), shown(&to.to_string()))));
    }
    let named = path.to_string_lossy();
    let kind = options.content_type.clone().unwrap_or_else(|| kind_of(&named).to_owned());
    let (cache_control, overwrite) = (options.cache_control, options.overwrite);
    Ok(Item { path, to, size, kind, cache_control, overwrite })
}

/// Regular files below a folder with their sizes, by name. Links are not followed: they may lead out of it, or round in it.
fn files_below(folder: &Path) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push((entry.path(), entry.metadata()?.len()));
            }
        }
    }
    files.sort();
    Ok(files)
}
