//! `tintype demo`: the embedded pictures in a folder of their own, and the gallery.

use std::path::{Path, PathBuf};

use clap::Args;
use rust_embed::RustEmbed;

use super::serve::serve;
use super::{Common, Done, Failure};
use crate::app::Front;

/// The gallery's pictures; `fixtures/README.md` names source and licence of each.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/fixtures/photos"]
struct Photos;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
}

/// Name of the bucket with the embedded pictures.
const BUCKET: &str = "photos";

pub(super) fn run(options: Options) -> Done {
    let mut common = options.common;
    let config = common.load_alone()?;
    if config.buckets.is_empty() {
        let folder = photos_folder(&config.data);
        unpack(&folder).map_err(|error| {
            Failure::Other(format!("the pictures cannot be written to {}: {error}", folder.display()))
        })?;
        common.buckets.push(format!("{BUCKET}={}", folder.display()));
    }
    serve(common.load_alone()?, Front::Gallery)
}

/// A sibling of the data folder: a bucket must not lie inside it.
fn photos_folder(data: &Path) -> PathBuf {
    let name = data.file_name().map_or_else(|| "tintype-data".into(), std::ffi::OsStr::to_string_lossy);
    data.with_file_name(format!("{name}-demo-photos"))
}

/// Writes the embedded pictures that are missing or differ.
fn unpack(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in Photos::iter() {
        let Some(file) = Photos::get(&name) else { continue };
        let path = folder.join(&*name);
        if std::fs::metadata(&path).is_ok_and(|meta| meta.len() == file.data.len() as u64) {
            continue;
        }
        std::fs::write(path, &file.data)?;
    }
    Ok(())
}
