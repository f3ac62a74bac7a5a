//! Walk A's order of things: version record, memory, variant store, fill. Knows no HTTP.

mod ask;
mod confirm;
mod error;
mod fill;
mod inspect;
mod lasting;
mod listed;
mod origins;
mod purge;
mod refined;
mod rendering;
mod shown;

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use ask::{Ask, Delivered, Purpose};
pub use error::DeliverError;
pub use inspect::{Cached, CachedVariant, Usage};
pub use listed::WarmLists;
pub use origins::{Origin, OriginKind, Origins};
pub use shown::Shown;

use crate::cache::{CacheStatus, Memory};
use crate::changes::Changes;
use crate::clients::{Clients, Turn};
use crate::fills::{Aborted, Fills, Part};
use crate::imaging;
use crate::object::ObjectId;
use crate::pictures::{OpenPicture, Pictures, Room};
use crate::popularity::Popularity;
use crate::purge::PurgeLog;
use crate::refine::{Jobs, Refining};
use crate::render::{Gate, Timings};
use crate::transform::{Rendering, Resolved, Want, policy};
use crate::variants::{Made, Variant, VariantKey, VariantStore};
use crate::versions::{Record, Standing, Versions, judge};

use confirm::{Confirmed, Question};
use fill::Filled;

/// Bounds of what is made.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub imaging: imaging::Limits,
    /// Longest side of a variant in pixels.
    pub output_side: u32,
    /// Bytes of originals in memory at the same time, those that wait for a thread among them.
    pub open_bytes: u64,
}

/// A shared result or error of confirming a version.
type Confirming = Fills<(ObjectId, Question), Result<Confirmed, DeliverError>>;
/// A shared result or error of making a variant.
type Filling = Fills<VariantKey, Result<Filled, DeliverError>>;

/// Everything a walk needs, shared by all of them.
#[derive(Debug)]
pub struct Deliver {
    pub(crate) origins: Origins,
    pub(crate) bounds: Bounds,
    pub(crate) versions: Versions,
    pub(crate) memory: Memory,
    pub(crate) variants: Arc<VariantStore>,
    pub(crate) pictures: Pictures,
    pub(crate) gate: Arc<Gate>,
    pub(crate) clients: Clients,
    /// What pages will ask of every object, by bucket.
    pub(crate) listed: WarmLists,
    pub(crate) popularity: Popularity,
    pub(crate) refining: Refining,
    /// Whoever replaces what is served of an object counts it here, after.
    pub(crate) changes: Changes,
    purges: PurgeLog,
    /// Room for the bytes of originals in memory.
    originals: Arc<Room>,
    /// Turns of writes that nobody waits for.
    writes: Arc<Semaphore>,
    confirming: Confirming,
    filling: Filling,
    /// Variants off the ladder that were asked for once.
    asked_once: moka::sync::Cache<VariantKey, ()>,
    tasks: TaskTracker,
    /// Where owned tasks run, whatever thread asks.
    runtime: tokio::runtime::Handle,
}

/// Variants off the ladder of which the first request is remembered.
const ASKED_ONCE: u64 = 100_000;
/// Writes that run at once without anybody waiting for them.
const WRITES: usize = 64;
/// Attempts to serve one version while its source changes.
const ATTEMPTS: usize = 3;

/// The parts that [`Deliver`] is built from.
#[derive(Debug)]
pub struct Parts {
    pub origins: Origins,
    pub bounds: Bounds,
    pub versions: Versions,
    pub memory: Memory,
    pub variants: Arc<VariantStore>,
    pub gate: Arc<Gate>,
    pub clients: Clients,
    /// What pages will ask of every object, by bucket.
    pub listed: WarmLists,
    /// And the other end of its queue, if it is on.
    pub refining: (Refining, Option<Jobs>),
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
}

impl Deliver {
    /// Must run inside the tokio runtime on which the owned tasks are to run.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { origins, bounds, versions, memory, variants, gate, clients, listed, refining, tasks } = parts;
        let (refining, jobs) = refining;
        let asked_once =
            moka::sync::Cache::builder().max_capacity(ASKED_ONCE).time_to_live(Duration::from_secs(86_400)).build();
        let deliver = Arc::new(Self {
            confirming: Fills::new(tasks.clone()),
            filling: Fills::new(tasks.clone()),
            purges: PurgeLog::default(),
            pictures: Pictures::default(),
            originals: Room::of(bounds.open_bytes),
            writes: Arc::new(Semaphore::new(WRITES)),
            origins,
            bounds,
            versions,
            memory,
            variants,
            gate,
            clients,
            listed,
            popularity: Popularity::default(),
            refining,
            changes: Changes::default(),
            asked_once,
            tasks,
            runtime: tokio::runtime::Handle::current(),
        });
        tokio::spawn(close_idle_pictures(Arc::downgrade(&deliver)));
        if let Some(jobs) = jobs {
            // Not a task that shutdown waits for: what it leaves is offered again.
            tokio::spawn(Self::refine_all(Arc::downgrade(&deliver), jobs));
        }
        deliver
    }

    /// Serves what is asked: from memory, from the store, or made now, once for all who ask.
    ///
    /// Whatever takes longer than a look into memory runs in an owned task: a caller that goes away cancels nothing.
    pub async fn deliver(self: &Arc<Self>, ask: &Ask) -> Result<Delivered, DeliverError> {
        if let Some(hit) = self.hit(ask)? {
            self.count(ask, &hit);
            return Ok(hit);
        }
        let (deliver, ask) = (Arc::clone(self), ask.clone());
        let walk = async move {
            let delivered = deliver.walk(&ask).await?;
            deliver.count(&ask, &delivered);
            Ok(delivered)
        };
        self.tasks.spawn_on(walk, &self.runtime).await.map_err(|_| Aborted)?
    }

    fn count(&self, ask: &Ask, delivered: &Delivered) {
        if ask.purpose == Purpose::Request {
            self.popularity.count(&ask.object, delivered.made, delivered.status);
        }
        self.offer_refining(ask, delivered);
    }

    /// The variant, if its version is fresh and it is in memory.
    fn hit(self: &Arc<Self>, ask: &Ask) -> Result<Option<Delivered>, DeliverError> {
        let origin = self.origins.get(&ask.object.bucket).ok_or(DeliverError::Missing)?;
        let fresh = |record: &Arc<Record>| judge(record, origin.clocks, SystemTime::now()) == Standing::Fresh;
        let Some(record) = self.versions.get(&ask.object).filter(fresh) else { return Ok(None) };
        let key = self.key(ask, origin, &record)?;
        let better = self.better(ask, &key, &record);
        let Some((made, variant)) = self.in_memory(&key, better.as_ref()) else { return Ok(None) };
        self.keep_on_second_request(&VariantKey { made, ..key }, &variant);
        Ok(Some(delivered(origin, record, made, variant, CacheStatus::Hit, None)))
    }

    async fn walk(self: &Arc<Self>, ask: &Ask) -> Result<Delivered, DeliverError> {
        let origin = self.origins.get(&ask.object.bucket).ok_or(DeliverError::Missing)?;
        let mut turn = None;
        let (confirmed, stale) = self.current_version(ask, origin, &mut turn).await?;
        self.make_from(ask, origin, confirmed, stale, turn).await
    }

    /// What is asked, of this version: from memory, from the store, or made now.
    async fn make_from(
        self: &Arc<Self>,
        ask: &Ask,
        origin: &Origin,
        mut confirmed: Confirmed,
        stale: Option<Duration>,
        mut turn: Option<Turn>,
    ) -> Result<Delivered, DeliverError> {
        for _ in 0..ATTEMPTS {
            let key = self.key(ask, origin, &confirmed.record)?;
            let better = self.better(ask, &key, &confirmed.record);
            if let Some((made, variant)) = self.at_hand(&key, better.as_ref(), confirmed.began).await {
                self.keep_on_second_request(&VariantKey { made, ..key }, &variant);
                return Ok(delivered(origin, confirmed.record, made, variant, met(CacheStatus::Hit, stale), None));
            }
            if turn.is_none() && !self.variants.knows(&key) {
                turn = Some(self.clients.enter(ask.client)?);
            }
            let (part, landing) = self.fill(&key, &confirmed, ask.purpose, ask.client);
            let (variant, status, timings) = match landing.await.map_err(DeliverError::from)?? {
                Filled::Found(variant) => (variant, CacheStatus::Hit, None),
                Filled::Made { variant, timings, kept } => match part {
                    Part::Follower => (variant, CacheStatus::Collapsed, None),
                    Part::Leader if kept => (variant, CacheStatus::Stored, Some(timings)),
                    Part::Leader => (variant, CacheStatus::Unstored, Some(timings)),
                },
                Filled::Replaced(newer) => {
                    confirmed = newer;
                    continue;
                }
            };
            return Ok(delivered(origin, confirmed.record, key.made, variant, met(status, stale), timings));
        }
        Err(DeliverError::Internal("the original changes faster than it can be read"))
    }

    /// The version to serve, and by how much it is past its time. Asks the source where the record says so.
    async fn current_version(
        self: &Arc<Self>,
        ask: &Ask,
        origin: &Origin,
        turn: &mut Option<Turn>,
    ) -> Result<(Confirmed, Option<Duration>), DeliverError> {
        let object = &ask.object;
        let began = self.purges.now();
        let unread = |record| Confirmed { record, picture: None, began };
        let (known, is_hearsay) = match self.versions.get(object) {
            Some(record) => (Some(record), false),
            None if self.versions.is_missing(object) => return Err(DeliverError::Missing),
            // Written before this process began: a write that it has not seen may have come since.
            None if origin.kind.is_own() => (self.versions.read(object).await, true),
            None => (self.load(object, began).await, false),
        };
        let standing = known.as_ref().map(|record| {
            if is_hearsay {
                Standing::Expired { over: Duration::ZERO, or_serve: false }
            } else {
                judge(record, origin.clocks, SystemTime::now())
            }
        });
        match (known, standing) {
            (Some(record), Some(Standing::Fresh)) => Ok((unread(record), None)),
            (Some(record), Some(Standing::Stale { over, ask })) => {
                if ask {
                    // Nobody waits for it: the task is owned, and a failure is noted in the record.
                    drop(self.confirm(object, Some(Arc::clone(&record))));
                }
                Ok((unread(record), Some(over)))
            }
            (Some(record), Some(Standing::Expired { over, or_serve })) => {
                match self.confirm(object, Some(Arc::clone(&record))).await.map_err(DeliverError::from)? {
                    Ok(confirmed) => Ok((confirmed, None)),
                    Err(error) if or_serve && error.is_outage() => Ok((unread(record), Some(over))),
                    Err(error) => Err(error),
                }
            }
            _ => {
                *turn = Some(self.clients.enter(ask.client)?);
                let confirmed = self.confirm(object, None).await.map_err(DeliverError::from)??;
                Ok((confirmed, None))
            }
        }
    }

    /// Names the variant of this version that answers the request.
    fn key(&self, ask: &Ask, origin: &Origin, record: &Record) -> Result<VariantKey, DeliverError> {
        let natural = record.seen.ok_or_else(|| DeliverError::not_a_picture(record));
        let made = match ask.want {
            Want::Original if origin.kind == OriginKind::Folder => natural.map(|_| Made::Original)?,
            Want::Original => Made::Original,
            Want::Placeholder(placeholder) => natural.map(|_| Made::Placeholder(placeholder))?,
            Want::Variant { transform, format } => match transform.resolve(&natural?, format, ask.dialect) {
                Resolved::Passthrough => Made::Stripped,
                Resolved::Render(rendering) => Made::Rendered(rendering.bounded(self.bounds.output_side)),
            },
        };
        Ok(VariantKey { object: ask.object.clone(), version: record.version, made })
    }

    /// A variant off the ladder reaches the store at its second request, so that a stranger's one-off costs no disk.
    fn keep_on_second_request(self: &Arc<Self>, key: &VariantKey, variant: &Arc<Variant>) {
        if variant.claim_persisting() {
            let (deliver, key, variant) = (Arc::clone(self), key.clone(), Arc::clone(variant));
            let began = self.purges.now();
            let storing = async move { deliver.store(&key, &variant, began).await };
            self.tasks.spawn_on(storing, &self.runtime);
        }
    }
}

/// Gives the memory of pictures back that nobody asks for any more, also when nobody asks for any other.
async fn close_idle_pictures(deliver: Weak<Deliver>) {
    while let Some(deliver) = deliver.upgrade() {
        deliver.pictures.close_idle();
        drop(deliver);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Whether a variant is one of those that pages ask for again and again.
fn is_usual(made: Made, purpose: Purpose) -> bool {
    match made {
        Made::Original | Made::Stripped | Made::Placeholder(_) => true,
        Made::Rendered(rendering) => purpose != Purpose::Request || is_on_ladder(&rendering),
    }
}

fn is_on_ladder(rendering: &Rendering) -> bool {
    let step = |side: u32| policy::LADDER.contains(&side);
    step(rendering.output.width) && (rendering.crop.is_none() || step(rendering.output.height))
}

fn met(status: CacheStatus, stale: Option<Duration>) -> CacheStatus {
    match (status, stale) {
        (CacheStatus::Hit, Some(over)) => CacheStatus::Stale(over.as_secs()),
        (status, _) => status,
    }
}

fn delivered(
    origin: &Origin,
    record: Arc<Record>,
    made: Made,
    variant: Arc<Variant>,
    status: CacheStatus,
    timings: Option<Timings>,
) -> Delivered {
    let age = match origin.kind {
        OriginKind::Foreign => record.confirmed_at.elapsed().unwrap_or_default(),
        OriginKind::Folder | OriginKind::OwnDisk | OriginKind::OwnStore => Duration::ZERO,
    };
    Delivered { variant, record, made, status, age, timings }
}

/// An open picture that a fill may use without asking the source again.
type Handed = Option<Arc<OpenPicture>>;
