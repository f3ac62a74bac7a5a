//! Fetches sitemaps and pages, and gathers the picture URLs that they name. Everything here is a stranger's word:
//! every fetch goes through the guard, unless it goes to an origin that the operator named.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use url::{Origin, Url};

use super::html;
use super::sitemap::{self, Entry};
use crate::admission::Route;
use crate::source::{ANY_TYPE, FetchRequest, Fetched, Fetcher, HopLimits, SetupError, Trust};

/// Largest page in bytes.
const PAGE_BYTES: u64 = 10_000_000;
/// Largest sitemap in bytes: what sitemaps.org allows.
const SITEMAP_BYTES: u64 = 52_428_800;
/// An index of indexes of sitemaps is the deepest that is followed.
const DEPTH: usize = 3;
const MOST_SITEMAPS: usize = 1000;
const MOST_PAGES: usize = 10_000;
const MOST_URLS: usize = 100_000;
/// Fetches at once.
const AT_ONCE: usize = 8;

/// What sitemaps and pages named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Picture URLs, each once: absolute, or paths where a page names a picture route of its own origin (a page behind
    /// the same reverse proxy as we are).
    pub urls: Vec<String>,
    /// What could not be read, with the reason.
    pub failures: Vec<(String, String)>,
}

/// Reads sitemaps and pages.
#[derive(Clone, Debug)]
pub struct Gatherer {
    fetcher: Fetcher,
    hops: HopLimits,
    named: Vec<(Origin, Trust)>,
}

impl Gatherer {
    pub fn new(fetcher: Fetcher, hops: HopLimits) -> Self {
        Self { fetcher, hops, named: Vec::new() }
    }

    /// Trusts the origins of these URLs, whatever their addresses: the operator wrote them on a command line.
    pub fn naming<'a>(mut self, urls: impl IntoIterator<Item = &'a Url>) -> Result<Self, SetupError> {
        for url in urls {
            self.named.push((url.origin(), Trust::new(url, [])?));
        }
        Ok(self)
    }

    /// Reads sitemaps, the sitemaps and pages that they name, and pages.
    pub async fn gather(&self, sitemaps: &[Url], pages: &[Url]) -> Gathered {
        let mut harvest = Harvest::default();
        for page in pages {
            harvest.add_page(page.clone());
        }
        self.read_sitemaps(sitemaps, &mut harvest).await;
        let pages = std::mem::take(&mut harvest.pages);
        let mut read = stream::iter(pages).map(|page| self.read_page(page)).buffered(AT_ONCE);
        while let Some((page, images)) = read.next().await {
            match images {
                Ok(images) => images.into_iter().for_each(|image| harvest.add_image(image)),
                Err(reason) => harvest.gathered.failures.push((page.into(), reason)),
            }
        }
        drop(read);
        harvest.finish()
    }

    async fn read_sitemaps(&self, sitemaps: &[Url], harvest: &mut Harvest) {
        let mut level = sitemaps.to_vec();
        harvest.seen.extend(level.iter().map(|url| (Kind::Sitemap, url.to_string())));
        for _ in 0..DEPTH {
            let mut nested = Vec::new();
            let mut read = stream::iter(level).map(|url| self.read_sitemap(url)).buffered(AT_ONCE);
            while let Some((url, entries)) = read.next().await {
                match entries {
                    Ok(entries) => entries.into_iter().for_each(|entry| harvest.add_entry(&entry, &url, &mut nested)),
                    Err(reason) => harvest.gathered.failures.push((url.into(), reason)),
                }
            }
            level = nested;
        }
        let too_deep = level.into_iter().map(|url| (url.into(), "sitemap indexes are nested too deeply".to_owned()));
        harvest.gathered.failures.extend(too_deep);
    }

    async fn read_sitemap(&self, url: Url) -> (Url, Result<Vec<Entry>, String>) {
        let entries = match self.fetch(&url, SITEMAP_BYTES).await {
            Ok((_, xml)) => {
                off_thread(move || sitemap::entries(&xml, MOST_URLS).map_err(|error| error.to_string())).await
            }
            Err(reason) => Err(reason),
        };
        (url, entries)
    }

    async fn read_page(&self, page: Url) -> (Url, Result<Vec<String>, String>) {
        let images = match self.fetch(&page, PAGE_BYTES).await {
            Ok((arrived, html)) => off_thread(move || Ok(images(&html, &arrived))).await,
            Err(reason) => Err(reason),
        };
        (page, images)
    }

    async fn fetch(&self, url: &Url, limit: u64) -> Result<(Url, Bytes), String> {
        let trust = self.named.iter().find(|(origin, _)| *origin == url.origin()).map(|(_, trust)| trust);
        let request = FetchRequest { url: url.clone(), trust, known: None, accept: ANY_TYPE, limit, hops: self.hops };
        match self.fetcher.get(request).await {
            Ok(Fetched::Body { url, bytes, .. }) => Ok((url, bytes)),
            Ok(Fetched::NotModified { .. }) => Err("the origin answered 304 to an unconditional request".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Megabytes of hostile text take a while to parse.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| Err(failed.to_string()))
}

fn images(html: &[u8], page: &Url) -> Vec<String> {
    html::images(html, page, MOST_URLS).into_iter().map(|url| spelled(url, page)).collect()
}

/// A picture's URL as it is handed on; `beside` is the document that names it.
fn spelled(url: Url, beside: &Url) -> String {
    let same_origin = url.origin() == beside.origin();
    if same_origin && Route::of(url.path()).is_some() { path_and_query(&url) } else { url.into() }
}

/// What a request for this URL names: its path and query.
pub(super) fn path_and_query(url: &Url) -> String {
    url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Sitemap,
    Page,
    Image,
}

/// What was named so far, each once and within the limits.
#[derive(Default)]
struct Harvest {
    gathered: Gathered,
    pages: Vec<Url>,
    seen: HashSet<(Kind, String)>,
    /// Sitemaps that were named by others.
    sitemaps: usize,
    /// Sitemaps, pages and pictures beyond the limits.
    left_out: [u64; 3],
}

impl Harvest {
    fn add_entry(&mut self, entry: &Entry, sitemap: &Url, nested: &mut Vec<Url>) {
        let (Entry::Sitemap(text) | Entry::Page(text) | Entry::Image(text)) = entry;
        let Ok(url) = sitemap.join(text) else { return };
        match entry {
            Entry::Image(_) => self.add_image(spelled(url, sitemap)),
            Entry::Page(_) => self.add_page(url),
            Entry::Sitemap(_) if self.sitemaps >= MOST_SITEMAPS => self.left_out[0] += 1,
            Entry::Sitemap(_) if self.seen.insert((Kind::Sitemap, url.to_string())) => {
                self.sitemaps += 1;
                nested.push(url);
            }
            Entry::Sitemap(_) => {}
        }
    }

    fn add_page(&mut self, page: Url) {
        if self.pages.len() >= MOST_PAGES {
            self.left_out[1] += 1;
        } else if self.seen.insert((Kind::Page, page.to_string())) {
            self.pages.push(page);
        }
    }

    fn add_image(&mut self, image: String) {
        if self.gathered.urls.len() >= MOST_URLS {
            self.left_out[2] += 1;
        } else if self.seen.insert((Kind::Image, image.clone())) {
            self.gathered.urls.push(image);
        }
    }

    /// What the limits cut off is a failure: nobody shall think that it was warmed.
    fn finish(mut self) -> Gathered {
        let limits = [("sitemaps", MOST_SITEMAPS), ("pages", MOST_PAGES), ("picture URLs", MOST_URLS)];
        for ((what, most), left_out) in limits.into_iter().zip(self.left_out) {
            if left_out > 0 {
                let reason = format!("more than {most} {what}: {left_out} were left out");
                self.gathered.failures.push((what.to_owned(), reason));
            }
        }
        self.gathered
    }
}
