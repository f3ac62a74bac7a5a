//! What the options of `warm` name, read from files and logs.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use super::{Failure, Options};
use crate::object::BucketName;
use crate::warm::{ListError, WarmList, requested};

/// Most bytes of a file of URLs.
const FILE_BYTES: u64 = 1_000_000_000;

/// The list without what sitemaps and pages will add.
pub(super) fn list(options: &Options) -> Result<WarmList, Failure> {
    let mut list = WarmList { jobs: options.jobs, ..WarmList::default() };
    for path in &options.files {
        let urls = if path == Path::new("-") { urls(stdin().lock()) } else { open(path).and_then(urls) };
        list.urls.extend(urls.map_err(|error| unreadable(path, &error))?);
    }
    for path in &options.from_log {
        let urls = open(path).and_then(requested).map_err(|error| unreadable(path, &error))?;
        list.urls.extend(urls);
    }
    if let Some(place) = &options.bucket_prefix {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let bucket = BucketName::parse(bucket).map_err(|error| Failure::Other(format!("--bucket-prefix: {error}")))?;
        list.bucket = Some(bucket);
        prefix.clone_into(&mut list.prefix);
        list.widths.clone_from(&options.widths);
        list.formats.clone_from(&options.formats);
        list.qualities.clone_from(&options.quality);
    }
    let named_later = !(options.sitemap.is_empty() && options.page.is_empty());
    match list.check() {
        // An empty log is nothing to do; no input at all is a mistake.
        Err(ListError::Empty) if named_later || !options.files.is_empty() || !options.from_log.is_empty() => Ok(list),
        // Long lists are split.
        Ok(()) | Err(ListError::TooLong) => Ok(list),
        Err(ListError::Empty) => Err(Failure::Other(
            "nothing to warm: name a FILE of URLs (or - for standard input), --sitemap, --page, --bucket-prefix or --from-log"
                .to_owned(),
        )),
        Err(error) => Err(Failure::Other(error.to_string())),
    }
}

fn open(path: &Path) -> std::io::Result<BufReader<File>> {
    File::open(path).map(BufReader::new)
}

/// One URL a line; empty lines and comments do not count.
fn urls(text: impl BufRead) -> std::io::Result<Vec<String>> {
    let mut urls = Vec::new();
    for line in text.take(FILE_BYTES).lines() {
        let line = line?;
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            urls.push(line.to_owned());
        }
    }
    Ok(urls)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_urls() {
        let text = "# ours\n\n /image/p/a.jpg?w=64 \r\nhttps://a.example/_next/image?url=%2Fa#b\n";
        assert_eq!(urls(text.as_bytes()).unwrap(), ["/image/p/a.jpg?w=64", "https://a.example/_next/image?url=%2Fa#b"]);
    }
}
