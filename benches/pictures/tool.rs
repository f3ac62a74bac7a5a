//! What `benches/compare` needs of pictures: the set that every server is asked for, and how near an answer is to its source.
//!
//! `pictures make FOLDER` writes the set, the same bytes every time; `pictures score SOURCES ANSWERS` compares folders.

mod make;
mod reference;
mod score;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tintype::imaging::{self, Limits, Raster, Shrink};

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", folder] => make::all(Path::new(folder)),
        ["score", sources, answers] => score::folder(Path::new(sources), Path::new(answers)),
        _ => Err("usage: pictures make FOLDER | pictures score SOURCES ANSWERS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pictures: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Decoded as a whole, in sRGB and upright.
fn read(path: &Path) -> Done<Raster> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let probe = imaging::probe(&bytes)?;
    let decoded = imaging::decode(&bytes, &probe, Shrink::Whole, &Limits::default())?;
    Ok(imaging::orient(imaging::colour(decoded)?)?)
}

/// The files of a folder by name.
fn files(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Done<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
