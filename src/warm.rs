//! Warming: variants that are made before anyone asks, by the walk that a request takes.
//!
//! [`WarmList`] says what, [`Warmer::run`] makes it: sitemaps and pages are read first ([`Gatherer`]), then every URL is
//! parsed as a request's ([`Admission`]) and delivered in the background, small and kept at once ([`Purpose::Warm`]).

mod gather;
mod html;
mod list;
mod log;
mod sitemap;
mod tally;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http::Uri;
use url::Url;

pub use gather::{Gathered, Gatherer};
pub use list::{ListError, MOST_COMBINATIONS, MOST_ENTRIES, WarmList, native_url};
pub use log::requested;
pub use sitemap::{Entry, SitemapError};
pub use tally::{Outcome, Reason, Step, Summary};

use crate::admission::{Admission, Refusal, Route, object_of};
use crate::cache::CacheStatus;
use crate::deliver::{Ask, Deliver, DeliverError, Delivered, Purpose};
use crate::error::Code;
use crate::object::{BucketName, ObjectKey};
use crate::transform::OwnOrigins;
use crate::transform::policy::{Policy, PolicyRefusal};
use crate::variants::{Made, VariantKey};

/// What lists are warmed for: a browser of today.
const ACCEPT: &str = "image/avif,image/webp,*/*";
/// Most objects of one prefix.
const MOST_OBJECTS: usize = 1_000_000;
/// Most pictures worked on at once.
const MOST_JOBS: usize = 256;

/// Makes variants from lists.
#[derive(Debug)]
pub struct Warmer {
    deliver: Arc<Deliver>,
    admission: Arc<Admission>,
    /// The public URLs below which a URL is ours.
    own: OwnOrigins,
    gatherer: Gatherer,
}

/// Who named a URL, which decides what its faults mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The operator: whatever is wrong with it is a failure.
    Operator,
    /// A page or sitemap: what is not ours is passed over.
    Page,
    /// A listing of the bucket: what is no picture is passed over, and rules for strangers are not asked.
    Bucket,
}

/// Why a picture was not warmed.
#[derive(Clone, Debug, thiserror::Error)]
enum Fault {
    #[error("not a URL below a public URL of ours, and not a path")]
    NotOurs,
    #[error("not a picture's URL: it begins with /image/, /_next/image or /storage/v1/")]
    NotAPicture,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{}", told(.0))]
    Undelivered(#[from] DeliverError),
    #[error("made, but not kept: its origin forbids that, or it was purged meanwhile")]
    NotKept,
    #[error("made, but it could not be written to the variant store")]
    NotWritten,
}

impl Fault {
    fn outcome(&self, by: By) -> Outcome {
        match (by, self) {
            (By::Page, Self::NotOurs | Self::NotAPicture) => Outcome::Skipped,
            (By::Bucket, Self::Undelivered(error)) if matches!(error.code(), Code::NotAPicture | Code::KindRefused) => {
                Outcome::Skipped
            }
            _ => Outcome::Failed,
        }
    }
}

/// Reasons are grouped by their text: no addresses and system errors, but the origin's status.
fn told(error: &DeliverError) -> String {
    match error.origin_status() {
        Some(status) => format!("{} (status {status})", error.public_text()),
        None => error.public_text(),
    }
}

/// Everything a list names, with what could not be found out.
#[derive(Default)]
struct Plan {
    failures: Vec<(String, String)>,
    urls: Vec<(By, String)>,
    listed: Option<(BucketName, Vec<ObjectKey>, Vec<String>)>,
}

impl Warmer {
    /// `public_urls`: what makes an absolute URL ours. `gatherer` reads the sitemaps and pages of lists.
    pub fn new(deliver: Arc<Deliver>, admission: Arc<Admission>, public_urls: &[Url], gatherer: Gatherer) -> Self {
        Self { deliver, admission, own: OwnOrigins::new(public_urls, &[]), gatherer }
    }

    /// Warms everything the list names, a bounded number at once, and says how each ended. Dropping the stream stops
    /// the work after what is running.
    pub fn run(self: &Arc<Self>, list: WarmList) -> BoxStream<'static, Step> {
        let jobs = list.jobs.unwrap_or_else(default_jobs).clamp(1, MOST_JOBS);
        let (planner, warmer) = (Arc::clone(self), Arc::clone(self));
        let planned = async move { planner.plan(list).await };
        let steps = planned.into_stream().flat_map(move |mut plan| {
            let (warmer, total) = (Arc::clone(&warmer), plan.total());
            let failures =
                std::mem::take(&mut plan.failures).into_iter().map(|(url, reason)| Step::failed(url, reason));
            let warmed = stream::iter(plan.into_urls()).map(move |(by, url)| Arc::clone(&warmer).warm(by, url));
            let steps = stream::iter(failures).chain(warmed.buffer_unordered(jobs)).enumerate();
            steps.map(move |(before, step)| Step { done: before as u64 + 1, total, ..step })
        });
        steps.boxed()
    }

    async fn plan(&self, list: WarmList) -> Plan {
        let gathered = self.gatherer.gather(&list.sitemaps, &list.pages).await;
        let mut plan = Plan { failures: gathered.failures, ..Plan::default() };
        if let Some(bucket) = &list.bucket {
            match self.listed(bucket, &list.prefix, &mut plan).await {
                Ok(keys) => plan.listed = Some((bucket.clone(), keys, list.queries())),
                Err(reason) => plan.failures.push((format!("{bucket}/{}", list.prefix), reason)),
            }
        }
        let mut seen = HashSet::new();
        let named = list.urls.into_iter().map(|url| (By::Operator, url));
        let found = list.found.into_iter().chain(gathered.urls).map(|url| (By::Page, url));
        plan.urls = named.chain(found).filter(|(_, url)| seen.insert(url.clone())).collect();
        plan
    }

    /// The keys below a prefix of a public bucket, in their order.
    async fn listed(&self, bucket: &BucketName, prefix: &str, plan: &mut Plan) -> Result<Vec<ObjectKey>, String> {
        let rules = self.admission.public(bucket).map_err(|refusal| refusal.to_string())?;
        if rules.policy.policy == Policy::Off {
            return Err(PolicyRefusal::Off.to_string());
        }
        let origin = self.deliver.origins.get(bucket).ok_or_else(|| Refusal::Bucket.to_string())?;
        let mut listing = origin.source.list(bucket, prefix);
        let mut keys = Vec::new();
        while let Some(key) = listing.next().await {
            match key {
                Ok(_) if keys.len() == MOST_OBJECTS => {
                    let reason = format!("more than {MOST_OBJECTS} objects: the others were left out");
                    plan.failures.push((format!("{bucket}/{prefix}"), reason));
                    break;
                }
                Ok(key) => keys.push(key),
                Err(error) => plan.failures.push((format!("{bucket}/{prefix}"), error.to_string())),
            }
        }
        keys.sort();
        Ok(keys)
    }

    async fn warm(self: Arc<Self>, by: By, url: String) -> Step {
        match self.delivered(by, &url).await {
            Ok((delivered, outcome)) => Step {
                url,
                outcome,
                bytes_before: Some(delivered.record.size),
                bytes: Some(delivered.variant.body.len() as u64),
                reason: None,
                done: 0,
                total: 0,
            },
            Err(fault) => Step::without_picture(url, fault.outcome(by), fault.to_string()),
        }
    }

    async fn delivered(&self, by: By, url: &str) -> Result<(Delivered, Outcome), Fault> {
        let ask = self.ask(by, url)?;
        let delivered = self.deliver.deliver(&ask).await?;
        match delivered.status {
            CacheStatus::Hit | CacheStatus::Stale(_) => Ok((delivered, Outcome::Present)),
            CacheStatus::Unstored => Err(Fault::NotKept),
            // Somebody's request makes it, and has it written while nobody waits.
            CacheStatus::Collapsed => Ok((delivered, Outcome::Made)),
            CacheStatus::Stored if self.is_kept(&ask, &delivered) => Ok((delivered, Outcome::Made)),
            CacheStatus::Stored => Err(Fault::NotWritten),
        }
    }

    /// Whether the variant reached the store. A folder's originals never do: their bytes are on this disk already.
    fn is_kept(&self, ask: &Ask, delivered: &Delivered) -> bool {
        let Delivered { record, made, .. } = delivered;
        let key = VariantKey { object: ask.object.clone(), version: record.version, made: *made };
        *made == Made::Original || self.deliver.variants.knows(&key)
    }

    fn ask(&self, by: By, url: &str) -> Result<Ask, Fault> {
        let uri = self.as_requested(url).ok_or(Fault::NotOurs)?;
        let route = Route::of(uri.path()).ok_or(Fault::NotAPicture)?;
        let request = match by {
            By::Operator | By::Page => self.admission.admit(route, &uri, Some(ACCEPT))?,
            By::Bucket => self.admission.admit_operator(route, &uri, Some(ACCEPT))?,
        };
        Ok(Ask {
            object: object_of(&request.target),
            want: request.want,
            dialect: request.dialect,
            client: None,
            purpose: Purpose::Warm,
        })
    }

    /// The path and query with which a browser would request this URL of us.
    fn as_requested(&self, url: &str) -> Option<Uri> {
        let text = if url.starts_with('/') && !url.starts_with("//") {
            // Only the path is used: any base will do to encode it as browsers do.
            let base = Url::parse("http://localhost/").ok()?;
            gather::path_and_query(&base.join(url).ok()?)
        } else {
            self.own.below_public(&Url::parse(url).ok()?)?
        };
        text.parse().ok()
    }
}

impl Plan {
    fn total(&self) -> u64 {
        let listed = self.listed.as_ref().map_or(0, |(_, keys, queries)| keys.len() as u64 * queries.len() as u64);
        self.failures.len() as u64 + self.urls.len() as u64 + listed
    }

    /// Every URL. All variants of one object follow one another, so that its pixels are decoded once.
    fn into_urls(self) -> impl Iterator<Item = (By, String)> + Send {
        let listed = self.listed.into_iter().flat_map(|(bucket, keys, queries)| {
            let queries: Arc<[String]> = queries.into();
            keys.into_iter().flat_map(move |key| {
                let (bucket, queries) = (bucket.clone(), Arc::clone(&queries));
                (0..queries.len()).map(move |index| (By::Bucket, native_url(&bucket, &key, &queries[index])))
            })
        });
        self.urls.into_iter().chain(listed)
    }
}

/// Twice the number of cores: half of them wait for a disk or an origin.
fn default_jobs() -> usize {
    2 * std::thread::available_parallelism().map_or(1, Into::into)
}
