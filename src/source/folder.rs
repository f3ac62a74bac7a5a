//! A bucket that is a local folder.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, ReadDir};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rustix::fs::OFlags;
use tokio::sync::mpsc;

use super::error::{SetupError, SourceError};
use super::validators::Validators;
use super::{Opened, Original};
use crate::object::{MAX_KEY_BYTES, ObjectKey};

/// How soon a replaced file is noticed: asking costs one `stat`.
const INWARD: Duration = Duration::from_secs(5);
/// Time for one open and read. A dead network mount must not hold its readers for ever.
const READ_TIMEOUT: Duration = Duration::from_secs(7);
/// How long a file that changed under the first read is left to settle.
const SETTLING: Duration = Duration::from_millis(50);
/// Keys that wait between the walk and its reader.
const LISTED_AHEAD: usize = 256;

/// Regular files below one folder; links that lead out of it and names with a leading dot do not exist.
#[derive(Clone, Debug)]
pub struct FolderSource {
    root: Arc<Dir>,
    inward: Duration,
}

impl FolderSource {
    /// Opens the folder. It stays the same folder if it is renamed or replaced afterwards.
    pub fn new(path: &Path) -> Result<Self, SetupError> {
        let root = Dir::open_ambient_dir(path, ambient_authority()).and_then(|root| root.entries().map(|_| root));
        let path = path.to_owned();
        match root {
            Ok(root) => Ok(Self { root: Arc::new(root), inward: INWARD }),
            Err(error) => Err(match error.kind() {
                ErrorKind::NotFound => SetupError::NoSuchFolder { path },
                ErrorKind::NotADirectory => SetupError::NotAFolder { path },
                ErrorKind::PermissionDenied => SetupError::FolderDenied { path },
                _ => SetupError::Folder { path, source: error },
            }),
        }
    }

    /// Answers from what is known for so long before a file is looked at again. Default 5 s.
    pub fn with_inward(self, inward: Duration) -> Self {
        Self { inward, ..self }
    }

    pub(super) async fn open(
        &self,
        key: &ObjectKey,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        let (root, key, known) = (Arc::clone(&self.root), key.clone(), known.cloned());
        let opened = off_thread(move || open(&root, &key, known.as_ref(), limit)).await?;
        Ok(opened.with_inward(self.inward))
    }

    pub(super) fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectKey, SourceError>> {
        let (sender, mut receiver) = mpsc::channel(LISTED_AHEAD);
        let (root, prefix) = (Arc::clone(&self.root), prefix.to_owned());
        tokio::task::spawn_blocking(move || walk(&root, &prefix, &sender));
        stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }

    pub(super) async fn check(&self) -> Result<(), SourceError> {
        let root = Arc::clone(&self.root);
        off_thread(move || root.entries().map(drop).map_err(|error| SourceError::Unreachable(error.to_string()))).await
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::time::timeout(READ_TIMEOUT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(failed)) => Err(SourceError::Internal(failed.to_string())),
        Err(_) => Err(SourceError::Slow),
    }
}

fn open(root: &Dir, key: &ObjectKey, known: Option<&Validators>, limit: u64) -> Result<Opened, SourceError> {
    if is_hidden(key.as_str()) {
        return Err(SourceError::Missing);
    }
    if let Some(known) = known {
        let metadata = root.metadata(key.as_str()).map_err(|error| absent(&error))?;
        if metadata.is_file() && validators(&metadata).etag == known.etag {
            return Ok(Opened::Unchanged { inward: INWARD, cache_control: None, keep: true });
        }
    }
    // A file that is being written is given one more chance, then it is an error: never half a picture.
    match read(root, key, limit) {
        Err(SourceError::Incomplete(_)) => {
            std::thread::sleep(SETTLING);
            read(root, key, limit)
        }
        result => result,
    }
}

fn read(root: &Dir, key: &ObjectKey, limit: u64) -> Result<Opened, SourceError> {
    let mut options = OpenOptions::new();
    // Opening a FIFO would otherwise wait for its writer, and a terminal could become ours.
    options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
    let mut file = root.open_with(key.as_str(), &options).map_err(|error| absent(&error))?;
    let before = file.metadata().map_err(|error| absent(&error))?;
    if !before.is_file() {
        return Err(SourceError::Missing);
    }
    if before.len() > limit {
        return Err(SourceError::TooManyBytes { limit });
    }
    read_as(&mut file, &before)
}

/// Reads a file that has to be what `before` says, from its first byte to its last.
fn read_as(file: &mut File, before: &Metadata) -> Result<Opened, SourceError> {
    let mut bytes = Vec::with_capacity(before.len() as usize);
    file.take(before.len() + 1).read_to_end(&mut bytes).map_err(|error| absent(&error))?;
    let validators = validators(before);
    let unchanged = file.metadata().is_ok_and(|after| self::validators(&after) == validators);
    if !unchanged || bytes.len() as u64 != before.len() {
        return Err(SourceError::Incomplete("the file changed while it was read".into()));
    }
    bytes.shrink_to_fit();
    Ok(Opened::Changed(Original {
        bytes: bytes.into(),
        validators,
        content_type: None,
        cache_control: None,
        inward: INWARD,
        keep: true,
    }))
}

/// The inode tells a file that was moved into place, the change time one that was overwritten with its date set back.
fn validators(metadata: &Metadata) -> Validators {
    let etag = format!(
        "{:x}.{:x}-{:x}.{:x}-{:x}-{:x}",
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.len(),
        metadata.ino()
    );
    let last_modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
    Validators { etag: Some(etag), last_modified, size: Some(metadata.len()) }
}

/// What a failed open means. Only a refusal by the system itself is the folder's fault; a path that cannot name an object
/// (a link that leads out, a file used as a folder, a name that is too long) names nothing.
fn absent(error: &io::Error) -> SourceError {
    use rustix::io::Errno;
    let unreadable = [Errno::ACCESS, Errno::PERM, Errno::IO, Errno::STALE, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    match error.raw_os_error() {
        Some(code) if unreadable.iter().any(|errno| errno.raw_os_error() == code) => {
            SourceError::Unreachable(error.to_string())
        }
        _ => SourceError::Missing,
    }
}

fn is_hidden(key: &str) -> bool {
    key.split('/').any(|segment| segment.starts_with('.'))
}

/// Sends every key below `prefix`; ends early when the reader is gone.
fn walk(root: &Dir, prefix: &str, keys: &mpsc::Sender<Result<ObjectKey, SourceError>>) {
    if let Err(error) = visit(root, prefix, |key| keys.blocking_send(Ok(key)).is_ok()) {
        // Nobody is left to hear it where this fails.
        let _ = keys.blocking_send(Err(error));
    }
}

/// Folders that are links are not entered: they may form a loop.
fn visit(root: &Dir, prefix: &str, mut take: impl FnMut(ObjectKey) -> bool) -> Result<(), SourceError> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in entries(root, &folder)?.into_iter().flatten().flatten() {
            match found(root, &folder, &entry) {
                Found::Folder(path) if leads_to(&path, prefix) => folders.push(path),
                Found::Object(key) if key.as_str().starts_with(prefix) && !take(key.clone()) => return Ok(()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// `None` for a folder that was removed since it was seen.
fn entries(root: &Dir, folder: &str) -> Result<Option<ReadDir>, SourceError> {
    let entries = if folder.is_empty() { root.entries() } else { root.read_dir(folder) };
    match entries {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::Unreachable(error.to_string())),
    }
}

enum Found {
    Folder(String),
    Object(ObjectKey),
    Nothing,
}

fn found(root: &Dir, folder: &str, entry: &DirEntry) -> Found {
    let name = entry.file_name();
    let Some(name) = OsStr::to_str(&name).filter(|name| !name.starts_with('.')) else { return Found::Nothing };
    let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let Ok(kind) = entry.file_type() else { return Found::Nothing };
    if kind.is_dir() {
        // Below a longer path there is no key.
        return if path.len() < MAX_KEY_BYTES { Found::Folder(path) } else { Found::Nothing };
    }
    let regular = kind.is_file() || (kind.is_symlink() && root.metadata(&path).is_ok_and(|target| target.is_file()));
    match ObjectKey::parse(&path) {
        Ok(key) if regular => Found::Object(key),
        _ => Found::Nothing,
    }
}

/// Whether keys below `folder` can begin with `prefix`.
fn leads_to(folder: &str, prefix: &str) -> bool {
    folder.starts_with(prefix) || prefix.starts_with(&format!("{folder}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_under_the_read_is_never_half_a_picture() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.png");
        for length_meanwhile in [0, 9, 11, 5000] {
            std::fs::write(&path, b"ten bytes.").unwrap();
            let mut file = File::from_std(std::fs::File::open(&path).unwrap());
            let before = file.metadata().unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(length_meanwhile).unwrap();
            let error = read_as(&mut file, &before).unwrap_err();
            assert!(matches!(error, SourceError::Incomplete(_)), "{length_meanwhile}: {error}");
        }
    }
}
