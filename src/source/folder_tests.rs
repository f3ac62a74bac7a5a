//! Folder buckets on a real file system.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt;
use tempfile::TempDir;

use super::*;

const LIMIT: u64 = 1000;

fn source(path: &Path) -> Source {
    Source::Folder(FolderSource::new(path).unwrap())
}

fn object(key: &str) -> ObjectId {
    ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse(key).unwrap())
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

async fn open(source: &Source, key: &str, known: Option<&Validators>) -> Result<Opened, SourceError> {
    source.open(&object(key), known, LIMIT).await
}

async fn read(source: &Source, key: &str) -> Result<Original, SourceError> {
    match open(source, key, None).await? {
        Opened::Changed(original) => Ok(original),
        Opened::Unchanged { .. } => panic!("unchanged"),
    }
}

#[tokio::test]
async fn a_file_is_an_object() {
    let root = TempDir::new().unwrap();
    write(root.path(), "a/b c%20.png", b"bytes");
    write(root.path(), "empty.png", b"");
    let source = source(root.path());
    let original = read(&source, "a/b c%20.png").await.unwrap();
    assert_eq!(&*original.bytes, b"bytes");
    assert_eq!(original.validators.size, Some(5));
    assert_eq!((original.inward, original.keep), (Duration::from_secs(5), true));
    assert!(read(&source, "empty.png").await.unwrap().bytes.is_empty());
    assert_eq!(source.check().await, Ok(()));
}

#[tokio::test]
async fn folders_dot_files_fifos_and_impossible_names_are_missing() {
    let root = TempDir::new().unwrap();
    write(root.path(), ".env", b"secret");
    write(root.path(), ".git/config", b"secret");
    write(root.path(), "a/.hidden/b.png", b"secret");
    write(root.path(), "file", b"x");
    rustix::fs::mknodat(rustix::fs::CWD, root.path().join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let source = source(root.path());
    let long = "x".repeat(300);
    for key in [".env", ".git/config", "a/.hidden/b.png", "a", "pipe", "file/below", "nothing", &long] {
        assert_eq!(read(&source, key).await.unwrap_err(), SourceError::Missing, "{key}");
        let known = Validators { etag: Some("x".into()), ..Validators::default() };
        assert_eq!(open(&source, key, Some(&known)).await.unwrap_err(), SourceError::Missing, "{key}");
    }
}

#[tokio::test]
async fn links_that_lead_out_are_missing_and_links_within_are_followed() {
    let (root, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(outside.path(), "secret.png", b"secret");
    write(root.path(), "inside/a.png", b"bytes");
    symlink(outside.path().join("secret.png"), root.path().join("absolute.png")).unwrap();
    symlink(outside.path(), root.path().join("folder")).unwrap();
    let climb = format!("../{}/secret.png", outside.path().file_name().unwrap().to_str().unwrap());
    symlink(climb, root.path().join("climbing.png")).unwrap();
    symlink("loop.png", root.path().join("loop.png")).unwrap();
    symlink("inside/a.png", root.path().join("within.png")).unwrap();
    let source = source(root.path());
    for key in ["absolute.png", "folder/secret.png", "climbing.png", "loop.png"] {
        assert_eq!(read(&source, key).await.unwrap_err(), SourceError::Missing, "{key}");
    }
    assert_eq!(&*read(&source, "within.png").await.unwrap().bytes, b"bytes");
}

#[tokio::test]
async fn one_stat_tells_unchanged_files() {
    let root = TempDir::new().unwrap();
    write(root.path(), "a.png", b"first");
    let source = source(root.path());
    let known = read(&source, "a.png").await.unwrap().validators;
    assert!(matches!(open(&source, "a.png", Some(&known)).await, Ok(Opened::Unchanged { .. })));
    write(root.path(), "new.png", b"other");
    let first = fs::metadata(root.path().join("a.png")).unwrap().modified().unwrap();
    fs::File::options().append(true).open(root.path().join("new.png")).unwrap().set_modified(first).unwrap();
    fs::rename(root.path().join("new.png"), root.path().join("a.png")).unwrap();
    match open(&source, "a.png", Some(&known)).await.unwrap() {
        Opened::Changed(original) => assert_eq!(&*original.bytes, b"other", "same size and date, another file"),
        Opened::Unchanged { .. } => panic!("a replaced file was taken for the old one"),
    }
    fs::remove_file(root.path().join("a.png")).unwrap();
    assert_eq!(open(&source, "a.png", Some(&known)).await.unwrap_err(), SourceError::Missing);
}

#[tokio::test]
async fn files_over_the_limit_are_refused_unread() {
    let root = TempDir::new().unwrap();
    write(root.path(), "fits.png", &[7; LIMIT as usize]);
    fs::File::create(root.path().join("sparse.png")).unwrap().set_len(1 << 40).unwrap();
    let source = source(root.path());
    assert_eq!(read(&source, "fits.png").await.unwrap().bytes.len() as u64, LIMIT);
    assert_eq!(read(&source, "sparse.png").await.unwrap_err(), SourceError::TooManyBytes { limit: LIMIT });
}

#[tokio::test]
async fn every_visible_regular_file_is_listed_by_prefix() {
    let (root, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for path in ["a.png", "a/b.png", "a/c/d.png", "ab/e.png", ".hidden", ".git/f", "a/.g"] {
        write(root.path(), path, b"x");
    }
    write(outside.path(), "secret.png", b"secret");
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink(outside.path().join("secret.png"), root.path().join("out.png")).unwrap();
    symlink(".", root.path().join("loop")).unwrap();
    let source = source(root.path());
    let table: [(&str, &[&str]); 5] = [
        ("", &["a.png", "a/b.png", "a/c/d.png", "ab/e.png"]),
        ("a/", &["a/b.png", "a/c/d.png"]),
        ("a/c", &["a/c/d.png"]),
        ("ab", &["ab/e.png"]),
        ("../", &[]),
    ];
    for (prefix, expected) in table {
        let mut keys: Vec<_> = source.list(&object("a").bucket, prefix).try_collect().await.unwrap();
        keys.sort();
        assert_eq!(keys.iter().map(ObjectKey::as_str).collect::<Vec<_>>(), expected, "{prefix:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_with_its_reason() {
    let root = TempDir::new().unwrap();
    write(root.path(), "file", b"x");
    assert!(matches!(FolderSource::new(&root.path().join("none")), Err(SetupError::NoSuchFolder { .. })));
    assert!(matches!(FolderSource::new(&root.path().join("file")), Err(SetupError::NotAFolder { .. })));
}

#[tokio::test]
async fn unreadable_folders_and_files_are_the_folders_fault() {
    // The superuser may read everything, so there is nothing to see for it.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let root = TempDir::new().unwrap();
    write(root.path(), "a.png", b"x");
    let source = source(root.path());
    fs::set_permissions(root.path().join("a.png"), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(read(&source, "a.png").await, Err(SourceError::Unreachable(_))));
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(FolderSource::new(root.path()), Err(SetupError::FolderDenied { .. })));
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).unwrap();
}
