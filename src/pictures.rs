//! Originals that are open: their bytes, and their pixels once someone needs them, shared by all fills of a burst.

mod room;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub use room::{Place, Room};

use crate::imaging::{self, ImagingError, Limits, Pixels, Probe, Shrink};
use crate::object::{ObjectId, VersionId};
use crate::render::{Cost, Gate, GateError, Held, Priority, Timings, timed};

/// Bytes of originals and pixels that nobody uses, kept for the next fill of the same picture.
const CAPACITY: u64 = 32_000_000;
/// How long after its last use a picture stays open.
const IDLE: Duration = Duration::from_secs(3);

/// Why a picture could not be decoded or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error(transparent)]
    Imaging(#[from] ImagingError),
    #[error(transparent)]
    Gate(#[from] GateError),
}

/// Which pixels are wanted, and how their decoding waits.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub shrink: Shrink,
    pub limits: Limits,
    pub priority: Priority,
    /// Cost of what will be done with the pixels.
    pub next: Cost,
    /// Bytes of memory that it will take.
    pub next_bytes: u64,
}

/// An original in memory, and its pixels when they were asked for.
#[derive(Debug)]
pub struct OpenPicture {
    pub bytes: Bytes,
    /// `None`: the bytes are no picture (and can only be served as they are).
    pub probe: Option<Probe>,
    /// Time it took to fetch the bytes.
    pub fetched_in: Duration,
    /// By how much smaller than stored they are.
    decoded: [OnceCell<Arc<Pixels>>; 3],
    /// What the bytes take of the room for originals.
    _place: Option<Place>,
}

impl OpenPicture {
    pub fn new(bytes: Bytes, probe: Option<Probe>, fetched_in: Duration, place: Option<Place>) -> Self {
        Self { bytes, probe, fetched_in, decoded: Default::default(), _place: place }
    }

    /// The pixels, of an animation the first frame's, decoded once for each size, upright and in sRGB. Adds the time to `timings` for who did the work, who
    /// also gets the memory that it was let in with, to be held until all is done.
    pub async fn decoded(
        &self,
        wanted: Wanted,
        gate: &Gate,
        timings: &mut Timings,
    ) -> Result<(Arc<Pixels>, Option<Held>), RenderError> {
        let Wanted { shrink, limits, priority, next, next_bytes } = wanted;
        let probe = self.probe.ok_or(ImagingError::NotAPicture)?;
        let (bytes, mut held) = (self.bytes.clone(), None);
        let memory = &mut held;
        let decoding = || async move {
            let pixels = frame_pixels(&probe);
            let work = move || decode(&bytes, &probe, shrink, &limits);
            let needed = next_bytes.saturating_add(shrink.bytes(probe.natural.format, pixels));
            let cost = Cost::of_decoding(pixels).and(next);
            let (decoded, held) = gate.run_holding(needed, cost, priority, work).await?;
            let (picture, spent) = decoded?;
            timings.decode += spent;
            *memory = Some(held);
            Ok::<_, RenderError>(Arc::new(picture))
        };
        let picture = self.decoded[shrink as usize].get_or_try_init(decoding).await.cloned()?;
        Ok((picture, held))
    }

    /// The pixels for work that nobody waits for, where it runs: those that are there, or decoded for it alone.
    pub fn decoded_apart(&self, shrink: Shrink, limits: &Limits) -> Result<Arc<Pixels>, ImagingError> {
        let probe = self.probe.ok_or(ImagingError::NotAPicture)?;
        match self.decoded[shrink as usize].get() {
            Some(picture) => Ok(Arc::clone(picture)),
            None => decode(&self.bytes, &probe, shrink, limits).map(|(picture, _)| Arc::new(picture)),
        }
    }

    /// Bytes this picture holds, or will hold once decoded.
    fn weight(&self) -> u64 {
        let pixels = self.probe.map_or(0, |probe| frame_pixels(&probe).saturating_mul(4));
        pixels.saturating_add(self.bytes.len() as u64)
    }
}

/// Pixels of the picture, or of one frame.
fn frame_pixels(probe: &Probe) -> u64 {
    probe.pixels() / u64::from(probe.natural.frames.max(1))
}

fn decode(bytes: &[u8], probe: &Probe, shrink: Shrink, limits: &Limits) -> Result<(Pixels, Duration), ImagingError> {
    let mut spent = Duration::ZERO;
    let picture = timed(&mut spent, || imaging::open(bytes, probe, shrink, limits))?;
    Ok((picture, spent))
}

type Name = (ObjectId, VersionId);

/// Open pictures: those that somebody uses, however large, and those that somebody used, for a few seconds and within a
/// bound of bytes.
///
/// What is let go is freed at once, which a concurrent cache puts off.
#[derive(Debug, Default)]
pub struct Pictures(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    open: HashMap<Name, Weak<OpenPicture>>,
    /// The least recently used first.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: Name,
    picture: Arc<OpenPicture>,
    used: Instant,
}

impl Pictures {
    pub fn get(&self, object: &ObjectId, version: VersionId) -> Option<Arc<OpenPicture>> {
        let name = (object.clone(), version);
        let mut table = self.0.lock();
        let picture = table.open.get(&name)?.upgrade()?;
        if let Some(kept) = table.take(&name) {
            table.kept.push_back(Kept { used: Instant::now(), ..kept });
        }
        Some(picture)
    }

    pub fn insert(&self, object: &ObjectId, version: VersionId, picture: Arc<OpenPicture>) {
        let name = (object.clone(), version);
        let mut table = self.0.lock();
        table.open.retain(|_, picture| picture.strong_count() > 0);
        table.open.insert(name.clone(), Arc::downgrade(&picture));
        let replaced = table.take(&name);
        table.kept.push_back(Kept { name, picture, used: Instant::now() });
        let closed = table.close_beyond(CAPACITY);
        drop(table);
        // Megabytes are freed where nobody waits for the table.
        drop((replaced, closed));
    }

    /// Closes every picture whose object the predicate names. Who uses one keeps it, and nobody joins.
    pub fn remove_where(&self, matches: impl Fn(&ObjectId) -> bool) {
        let mut table = self.0.lock();
        table.open.retain(|(object, _), _| !matches(object));
        let (removed, kept) = table.kept.drain(..).partition(|kept: &Kept| matches(&kept.name.0));
        table.kept = kept;
        drop(table);
        drop::<VecDeque<_>>(removed);
    }

    /// Closes what nobody used for a while; to be called every second or so.
    pub fn close_idle(&self) {
        let mut table = self.0.lock();
        let used = table.kept.iter().position(|kept| kept.used.elapsed() < IDLE).unwrap_or(table.kept.len());
        let idle: Vec<_> = table.kept.drain(..used).collect();
        drop(table);
        drop(idle);
    }
}

impl Table {
    fn take(&mut self, name: &Name) -> Option<Kept> {
        let place = self.kept.iter().position(|kept| kept.name == *name)?;
        self.kept.remove(place)
    }

    fn close_beyond(&mut self, capacity: u64) -> Vec<Kept> {
        let mut bytes: u64 = self.kept.iter().map(|kept| kept.picture.weight()).sum();
        let mut closed = Vec::new();
        while bytes > capacity
            && let Some(kept) = self.kept.pop_front()
        {
            bytes -= kept.picture.weight();
            closed.push(kept);
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectKey};

    fn object(key: &str) -> ObjectId {
        ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse(key).unwrap())
    }

    fn picture(bytes: u64) -> Arc<OpenPicture> {
        Arc::new(OpenPicture::new(vec![0; bytes as usize].into(), None, Duration::ZERO, None))
    }

    #[test]
    fn a_picture_too_large_to_be_kept_is_shared_while_it_is_used() {
        let (pictures, version) = (Pictures::default(), VersionId::of(&[b"1"]));
        let large = picture(CAPACITY + 1);
        pictures.insert(&object("large"), version, Arc::clone(&large));
        assert!(Arc::ptr_eq(&pictures.get(&object("large"), version).unwrap(), &large));
        drop(large);
        assert!(pictures.get(&object("large"), version).is_none());
    }

    #[test]
    fn the_least_recently_used_are_closed_first_and_all_of_them_in_the_end() {
        let (pictures, version) = (Pictures::default(), VersionId::of(&[b"1"]));
        for key in ["a", "b", "c"] {
            pictures.insert(&object(key), version, picture(CAPACITY / 3));
        }
        assert!(pictures.get(&object("a"), version).is_some());
        pictures.insert(&object("d"), version, picture(CAPACITY / 3));
        let is_open = |key| pictures.get(&object(key), version).is_some();
        assert_eq!(["a", "b", "c", "d"].map(is_open), [true, false, true, true]);
        assert!(pictures.get(&object("a"), VersionId::of(&[b"2"])).is_none());
        pictures.remove_where(|held| *held == object("a"));
        assert!(!is_open("a") && is_open("c"));
        pictures.close_idle();
        assert!(is_open("c"), "it was used just now");
        for kept in &mut pictures.0.lock().kept {
            kept.used -= IDLE;
        }
        pictures.close_idle();
        assert!(!is_open("c") && !is_open("d"));
    }
}
