//! `tintype demo`: the embedded pictures in a folder of their own, the gallery, and the page for avatars.

use std::path::{Path, PathBuf};

use clap::Args;
use rust_embed::RustEmbed;

use super::serve::serve;
use super::{Common, Done, Failure};
use crate::app::Front;
use crate::config::{Avatars, Config, Painter};

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
    serve(modest(common.load_alone()?), Front::Gallery)
}

/// What whoever opens the demo may have painted in a day: US dollars, and pictures.
const DOLLARS: f64 = 5.0;
const PICTURES: u32 = 300;

/// Paints with what is there, and spends little: every visitor is a new user, so the limits for all are what holds.
/// What is configured stays.
fn modest(mut config: Config) -> Config {
    let usual = Avatars::default();
    let avatars = &mut config.avatars;
    let has_key = avatars.openai.key.is_some() || avatars.openai.key_file.is_some();
    if !has_key && avatars.provider == usual.provider && avatars.openai.base_url == usual.openai.base_url {
        avatars.provider = Painter::Painter;
    }
    if avatars.dollars_per_day.to_bits() == usual.dollars_per_day.to_bits() {
        avatars.dollars_per_day = DOLLARS;
    }
    if avatars.per_day == usual.per_day {
        avatars.per_day = PICTURES;
    }
    config
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn the_demo_paints_with_what_is_there_and_spends_little() {
        let bare = modest(Config::default()).avatars;
        assert_eq!((bare.provider, bare.per_day), (Painter::Painter, PICTURES));
        let mut keyed = Config::default();
        keyed.avatars.openai.key = Some(Secret::new("sk-test"));
        let keyed = modest(keyed).avatars;
        assert_eq!(keyed.provider, Painter::OpenAi);
        assert!(keyed.dollars_per_day <= DOLLARS);
        let mut other = Config::default();
        other.avatars.openai.base_url = "http://127.0.0.1:1/v1".parse().unwrap();
        other.avatars.per_day = 7;
        let other = modest(other).avatars;
        assert_eq!((other.provider, other.per_day), (Painter::OpenAi, 7));
    }
}
