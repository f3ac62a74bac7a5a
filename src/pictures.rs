//! Originals that are open: their bytes, and their pixels once someone needs them, shared by all fills of a burst.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::OnceCell;

use crate::imaging::{self, ImagingError, Limits, Picture, Probe, Shrink};
use crate::object::{ObjectId, VersionId};
use crate::render::{Cost, Gate, GateError, Priority, Timings, timed};
use crate::transform::Frames;

/// Bytes of originals and pixels kept for the next fill of the same picture.
const CAPACITY: u64 = 96_000_000;
/// How long after its last use a picture stays open.
const IDLE: Duration = Duration::from_secs(10);

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
    pub frames: Frames,
    pub shrink: Shrink,
    pub limits: Limits,
    pub priority: Priority,
    /// Cost of what will be done with the pixels.
    pub next: Cost,
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
    stills: [OnceCell<Arc<Picture>>; 3],
    moving: OnceCell<Arc<Picture>>,
}

impl OpenPicture {
    pub fn new(bytes: Bytes, probe: Option<Probe>, fetched_in: Duration) -> Self {
        Self { bytes, probe, fetched_in, stills: Default::default(), moving: OnceCell::new() }
    }

    /// The pixels, decoded once for each size, upright and in sRGB; adds the time to `timings` for who did the work.
    pub async fn decoded(
        &self,
        wanted: Wanted,
        gate: &Gate,
        timings: &mut Timings,
    ) -> Result<Arc<Picture>, RenderError> {
        let Wanted { frames, shrink, limits, priority, next } = wanted;
        let probe = self.probe.ok_or(ImagingError::NotAPicture)?;
        let still = frames == Frames::First || probe.natural.frames <= 1;
        let (cell, frames) =
            if still { (&self.stills[shrink as usize], Frames::First) } else { (&self.moving, Frames::All) };
        let bytes = self.bytes.clone();
        let decoding = || async move {
            let pixels = if still { probe.pixels() / u64::from(probe.natural.frames.max(1)) } else { probe.pixels() };
            let work = move || decode(&bytes, &probe, frames, shrink, &limits);
            let (picture, spent) = gate.run(Cost::of_decoding(pixels).and(next), priority, work).await??;
            timings.decode += spent;
            Ok(Arc::new(picture))
        };
        cell.get_or_try_init(decoding).await.cloned()
    }

    /// The pixels for work that nobody waits for, where it runs: those that are there, or decoded for it alone.
    pub fn decoded_apart(&self, frames: Frames, shrink: Shrink, limits: &Limits) -> Result<Arc<Picture>, ImagingError> {
        let probe = self.probe.ok_or(ImagingError::NotAPicture)?;
        let still = frames == Frames::First || probe.natural.frames <= 1;
        let (cell, frames) =
            if still { (&self.stills[shrink as usize], Frames::First) } else { (&self.moving, Frames::All) };
        match cell.get() {
            Some(picture) => Ok(Arc::clone(picture)),
            None => decode(&self.bytes, &probe, frames, shrink, limits).map(|(picture, _)| Arc::new(picture)),
        }
    }

    /// Bytes this picture holds, or will hold once decoded.
    fn weight(&self) -> u32 {
        let pixels = self.probe.map_or(0, |probe| probe.pixels().saturating_mul(4));
        u32::try_from(self.bytes.len() as u64 + pixels).unwrap_or(u32::MAX)
    }
}

fn decode(
    bytes: &[u8],
    probe: &Probe,
    frames: Frames,
    shrink: Shrink,
    limits: &Limits,
) -> Result<(Picture, Duration), ImagingError> {
    let mut spent = Duration::ZERO;
    let picture = timed(&mut spent, || {
        let decoded = imaging::decode(bytes, probe, frames, shrink, limits)?;
        imaging::orient(imaging::colour(decoded)?)
    })?;
    Ok((picture, spent))
}

/// Open pictures, for a few seconds and within a bound of bytes.
#[derive(Debug)]
pub struct Pictures {
    open: Cache<(ObjectId, VersionId), Arc<OpenPicture>>,
}

impl Default for Pictures {
    fn default() -> Self {
        let open = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, picture: &Arc<OpenPicture>| picture.weight())
            .time_to_idle(IDLE)
            .support_invalidation_closures()
            .build();
        Self { open }
    }
}

impl Pictures {
    pub fn get(&self, object: &ObjectId, version: VersionId) -> Option<Arc<OpenPicture>> {
        self.open.get(&(object.clone(), version))
    }

    pub fn insert(&self, object: &ObjectId, version: VersionId, picture: Arc<OpenPicture>) {
        self.open.insert((object.clone(), version), picture);
    }

    /// Closes every picture whose object the predicate names.
    pub fn remove_where(&self, matches: impl Fn(&ObjectId) -> bool + Send + Sync + 'static) {
        // It fails only for a cache built without invalidation closures, which this one was not.
        let _ = self.open.invalidate_entries_if(move |(object, _), _| matches(object));
    }
}
