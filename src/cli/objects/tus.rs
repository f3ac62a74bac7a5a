//! A large file in parts by TUS 1.0.0. A lost connection is gone on from where the server stands; so is, by another run of
//! the command, an upload that was broken off, as long as the file is the same and the server keeps what it has.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, Method, StatusCode};
use reqwest::{RequestBuilder, Response};

use super::upload::{Item, PART, Progress, Unsent};
use crate::cli::remote::{Refused, Server};

const BEGINNING: &str = "/storage/v1/upload/resumable";
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How often in a row a part is sent without the server getting further.
const TRIES: u32 = 6;
/// Wait before the first further try; each is twice the one before.
const WAIT: Duration = Duration::from_millis(500);

pub(super) async fn send(server: &Server, item: &Item, progress: &Progress) -> Result<(), Unsent> {
    let note = Note::of(server, item);
    let (id, mut offset) = match resumed(server, item, &note).await? {
        Some(found) => found,
        None => (begun(server, item, &note).await?, 0),
    };
    progress.add(offset, false);
    let mut file = File::open(&item.path).map_err(unread)?;
    let (mut tries, mut wait) = (0, WAIT);
    while offset < item.size {
        let part = part(&mut file, offset, item.size)?;
        let request = tus(server, Method::PATCH, &id)?.header(CONTENT_TYPE, "application/offset+octet-stream");
        let reached = match server.send(request.header(OFFSET, offset).body(part)).await {
            Ok(answer) => offset_of(&answer).unwrap_or(offset),
            Err(refused) if tries + 1 < TRIES && is_passing(&refused) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
                standing(server, &id).await.ok().flatten().unwrap_or(offset)
            }
            Err(refused) => return Err(given_up(refused, &note)),
        };
        if reached > offset {
            progress.add(reached - offset, true);
            (offset, tries, wait) = (reached, 0, WAIT);
        } else {
            tries += 1;
            if tries >= TRIES {
                return Err(Unsent::Here("the server takes no more of it; run the same command again".to_owned()));
            }
        }
    }
    note.remove();
    Ok(())
}

/// Whether another try may end otherwise: lost connections, and a server whose other request holds the upload.
fn is_passing(refused: &Refused) -> bool {
    match refused.status() {
        None => true,
        Some(status) => {
            status.is_server_error()
                || [StatusCode::CONFLICT, StatusCode::LOCKED, StatusCode::REQUEST_TIMEOUT].contains(&status)
        }
    }
}

/// What cannot be gone on with is begun anew by the next run.
fn given_up(refused: Refused, note: &Note) -> Unsent {
    match refused {
        Refused::Unreached { reason, .. } => {
            Unsent::Here(format!("{reason}; run the same command again to go on where it broke off"))
        }
        answered @ Refused::Answered { .. } => {
            note.remove();
            answered.into()
        }
    }
}

fn tus(server: &Server, method: Method, id: &str) -> Result<RequestBuilder, Unsent> {
    Ok(server.request(method, &format!("{BEGINNING}/{id}"))?.header(RESUMABLE, "1.0.0"))
}

async fn begun(server: &Server, item: &Item, note: &Note) -> Result<String, Unsent> {
    let cache_control = item.cache_control.map(|seconds| seconds.to_string());
    let pairs = [
        ("bucketName", Some(item.to.bucket.as_str())),
        ("objectName", Some(item.to.key.as_str())),
        ("contentType", Some(item.kind.as_str())),
        ("cacheControl", cache_control.as_deref()),
    ];
    let encoded = pairs.iter().filter_map(|(name, value)| Some(format!("{name} {}", STANDARD.encode((*value)?))));
    let mut request = server.request(Method::POST, BEGINNING)?.header(RESUMABLE, "1.0.0");
    request =
        request.header("upload-length", item.size).header("upload-metadata", encoded.collect::<Vec<_>>().join(","));
    if item.overwrite {
        request = request.header("x-upsert", "true");
    }
    let answer = server.send(request).await?;
    let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
    // The place may be at another of the server's names, and our key is for the one that we were told.
    let id = place.rsplit('/').next().filter(|id| !id.is_empty()).map(str::to_owned);
    let id = id.ok_or_else(|| Unsent::Here("the server did not say where the upload is".to_owned()))?;
    note.write(&id);
    Ok(id)
}

/// An upload that an earlier run began, with where it stands.
async fn resumed(server: &Server, item: &Item, note: &Note) -> Result<Option<(String, u64)>, Unsent> {
    let Some(id) = note.read() else { return Ok(None) };
    match standing(server, &id).await {
        // All of it too: the last answer alone may have been lost.
        Ok(Some(offset)) if offset <= item.size => return Ok(Some((id, offset))),
        // The server may still have it, once it is there.
        Err(Unsent::Refused(refused @ Refused::Unreached { .. })) => return Err(refused.into()),
        // It is gone.
        Ok(_) | Err(_) => note.remove(),
    }
    Ok(None)
}

/// How far the server has it.
async fn standing(server: &Server, id: &str) -> Result<Option<u64>, Unsent> {
    Ok(offset_of(&server.send(tus(server, Method::HEAD, id)?).await?))
}

fn offset_of(answer: &Response) -> Option<u64> {
    answer.headers().get(OFFSET)?.to_str().ok()?.parse().ok()
}

/// The next part.
fn part(file: &mut File, offset: u64, size: u64) -> Result<Vec<u8>, Unsent> {
    let length = PART.min(size - offset) as usize;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset)).map_err(unread)?;
    file.read_exact(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unread(error: std::io::Error) -> Unsent {
    Unsent::Here(format!("cannot be read: {error}"))
}

/// Where the id of an upload is kept until it is done: a file in the user's state folder, named by what it is of. Without
/// such a folder nothing is kept, and another run begins anew.
struct Note(Option<PathBuf>);

impl Note {
    fn of(server: &Server, item: &Item) -> Self {
        let named = || {
            let folder = state_folder()?;
            let path = fs::canonicalize(&item.path).ok()?;
            let changed = fs::metadata(&path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let parts = [
                server.url().to_string(),
                item.to.to_string(),
                path.to_string_lossy().into_owned(),
                format!(
                    "{} {} {} {} {:?}",
                    item.size,
                    changed.as_nanos(),
                    item.kind,
                    item.overwrite,
                    item.cache_control
                ),
            ];
            Some(folder.join(blake3::hash(parts.join("\0").as_bytes()).to_hex().as_str()))
        };
        Self(named())
    }

    fn read(&self) -> Option<String> {
        let text = fs::read_to_string(self.0.as_ref()?).ok()?;
        let id = text.trim();
        // It becomes part of a URL.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (!id.is_empty() && id.bytes().all(is_plain)).then(|| id.to_owned())
    }

    /// Going on after another run is a comfort: what stands in its way is no failure.
    fn write(&self, id: &str) {
        let Some(path) = &self.0 else { return };
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(id.as_bytes())
        });
        if let Err(error) = written {
            tracing::debug!(%error, "an upload cannot be gone on with by another run");
        }
    }

    fn remove(&self) {
        if let Some(path) = &self.0 {
            fs::remove_file(path).ok();
        }
    }
}

fn state_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(base.join("tintype/uploads"))
}
