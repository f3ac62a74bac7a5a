//! Refining variants in idle time, and serving what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::rendering::{Need, animate, is_animated, render};
use super::{Ask, Deliver, DeliverError, Delivered, Purpose};
use crate::cache::CacheStatus;
use crate::imaging::{Effort, ImagingError, Shrink};
use crate::pictures::OpenPicture;
use crate::purge::Moment;
use crate::refine::{Job, Jobs, MOST_AVIF_PIXELS, MOST_PIXELS, Outcome, WORTH_FETCHING};
use crate::render::{Cost, Priority, Timings};
use crate::transform::{Format, Rendering, Resolved, Want};
use crate::variants::{Made, Note, Sibling, Variant, VariantKey, content_type_of_output};
use crate::versions::Record;

/// An AVIF is sent only where it saves this part of the other file's bytes: it costs clients more to decode.
const WORTH_DECODING: f64 = 0.95;

/// What came out of the encoders.
struct Remade {
    small: Option<Vec<u8>>,
    avif: Option<Vec<u8>>,
    took: Duration,
}

impl Deliver {
    /// The AVIF that may be sent in place of this variant, to a client that takes it as gladly.
    pub(super) fn better(&self, ask: &Ask, key: &VariantKey, record: &Record) -> Option<VariantKey> {
        let Want::Variant { transform, format } = ask.want else { return None };
        let Made::Rendered(base) = key.made else { return None };
        let better = format.better().filter(|_| self.takes_avif(ask) && !base.animated)?;
        match transform.resolve(&record.seen?, better, ask.dialect) {
            Resolved::Render(avif) => {
                Some(VariantKey { made: Made::Rendered(avif.bounded(self.bounds.output_side)), ..key.clone() })
            }
            Resolved::Passthrough => None,
        }
    }

    /// Whether an AVIF may be sent that is not named.
    fn takes_avif(&self, ask: &Ask) -> bool {
        let Want::Variant { format, .. } = ask.want else { return false };
        format.better().is_some() && self.refining.sends_avif(ask.dialect)
    }

    /// What is in memory for who asks for `key` and would rather have `better`. `None` too where that is in the store.
    pub(super) fn in_memory(&self, key: &VariantKey, better: Option<&VariantKey>) -> Option<(Made, Arc<Variant>)> {
        let Some(better) = better else { return Some((key.made, self.memory.get(key)?)) };
        if let Some(variant) = self.memory.get(better) {
            return Some((better.made, variant));
        }
        let variant = self.memory.get(key)?;
        (variant.note.avif != Sibling::Ready).then_some((key.made, variant))
    }

    /// What can be sent without making it: from memory, or what is better from the store.
    pub(super) async fn at_hand(
        &self,
        key: &VariantKey,
        better: Option<&VariantKey>,
        began: Moment,
    ) -> Option<(Made, Arc<Variant>)> {
        if let Some(found) = self.in_memory(key, better) {
            return Some(found);
        }
        let better = better?;
        let stored = if self.variants.knows(better) { self.variants.get(better).await } else { None };
        if let Some(variant) = stored {
            self.remember_variant(better, &variant, began);
            return Some((better.made, variant));
        }
        // It was evicted, or is not known yet after a start: it may be made again.
        let variant = self.memory.get(key)?;
        let variant = Arc::new(variant.noted(Note { avif: Sibling::Untried, ..variant.note }));
        self.remember_variant(key, &variant, began);
        Some((key.made, variant))
    }

    /// Offers a variant to be refined: at its second request, and again at every doubling where it was refused; what was
    /// warmed at once, for its AVIF.
    pub(super) fn offer_refining(&self, ask: &Ask, delivered: &Delivered) {
        let (Delivered { variant, record, .. }, Made::Rendered(base)) = (delivered, delivered.made) else { return };
        let is_again = matches!(delivered.status, CacheStatus::Hit | CacheStatus::Stale(_));
        if !self.refining.is_on() || !record.keep || !(is_again || ask.purpose != Purpose::Request) {
            return;
        }
        let is_plain = base.format != Format::Avif && !base.animated;
        let wants_avif = variant.note.avif == Sibling::Untried && is_plain && self.takes_avif(ask);
        if variant.note.effort == Effort::Small && !wants_avif {
            return;
        }
        let frames = record.seen.map_or(1, |natural| natural.frames);
        if !variant.ask().is_power_of_two() || pixels(&base, frames) > MOST_PIXELS {
            return;
        }
        // What was given again without this walk counts too.
        let asked = self.popularity.hits_of(&ask.object, delivered.made);
        let key = VariantKey { object: ask.object.clone(), version: record.version, made: delivered.made };
        let avif = if wants_avif { self.better(ask, &key, record) } else { None };
        let avif = avif.and_then(|key| match key.made {
            Made::Rendered(avif) if pixels(&avif, frames) <= MOST_AVIF_PIXELS => Some(avif),
            _ => None,
        });
        if (variant.note.effort == Effort::Fast || avif.is_some()) && self.may_read(&key, asked) {
            self.refining.offer(Job { key, avif, asked });
        }
    }

    /// Whether the original can be read without asking much of anyone.
    fn may_read(&self, key: &VariantKey, asked: u64) -> bool {
        let is_ours = self.origins.get(&key.object.bucket).is_some_and(|origin| !origin.kind.is_foreign());
        is_ours || asked >= WORTH_FETCHING || self.pictures.get(&key.object, key.version).is_some()
    }

    /// Refines until nobody offers jobs any more, that is until every handle of `deliver` is gone.
    pub(super) async fn refine_all(deliver: std::sync::Weak<Self>, mut jobs: Jobs) {
        while let Some(job) = jobs.next().await {
            let Some(deliver) = deliver.upgrade() else { return };
            let (outcome, saved, took) = match deliver.refine(&job).await {
                Ok(refined) => refined,
                Err(error) => {
                    tracing::debug!(object = %job.key.object, made = %job.key.made, %error, "a variant was not refined");
                    (Outcome::Failed, 0, Duration::ZERO)
                }
            };
            drop(deliver);
            jobs.done(&job.key, outcome, saved);
            tokio::time::sleep(jobs.rest_after(took)).await;
        }
    }

    async fn refine(self: &Arc<Self>, job: &Job) -> Result<(Outcome, u64, Duration), DeliverError> {
        let (outdated, began) = ((Outcome::Outdated, 0, Duration::ZERO), self.purges.now());
        let Some(current) = self.to_refine(&job.key).await else { return Ok(outdated) };
        let Some(picture) = self.original(job).await? else { return Ok(outdated) };
        let remade = self.remake(job, &current, &picture).await?;
        if !self.is_current(&job.key) {
            return Ok((Outcome::Outdated, 0, remade.took));
        }
        let before = current.body.len();
        let (note, body) = judged(&current, &remade, job);
        let base = Arc::new(current.with_body(body, note));
        if let (Some(avif), Some(rendering), Sibling::Ready) = (remade.avif, job.avif, note.avif) {
            let key = VariantKey { made: Made::Rendered(rendering), ..job.key.clone() };
            let content_type = content_type_of_output(Format::Avif);
            let small = Note { effort: Effort::Small, avif: Sibling::Useless };
            let avif = Arc::new(Variant::new(avif.into(), content_type, base.is_persisted()).noted(small));
            self.swap(&key, &avif, began).await;
        }
        // Last: it tells that the other one is there.
        let is_kept = self.swap(&job.key, &base, began).await;
        let saved = (before - base.body.len()) as u64;
        let outcome = match (is_kept, saved > 0 || note.avif == Sibling::Ready) {
            (false, _) => Outcome::Outdated,
            (true, true) => Outcome::Smaller,
            (true, false) => Outcome::Kept,
        };
        Ok((outcome, saved, remade.took))
    }

    /// The variant as it is, wherever it is.
    async fn to_refine(&self, key: &VariantKey) -> Option<Arc<Variant>> {
        match self.memory.get(key) {
            Some(variant) => Some(variant),
            None if self.variants.knows(key) => self.variants.get(key).await,
            None => None,
        }
    }

    fn is_current(&self, key: &VariantKey) -> bool {
        self.versions.get(&key.object).is_some_and(|record| record.version == key.version)
    }

    /// The original of exactly this version.
    async fn original(self: &Arc<Self>, job: &Job) -> Result<Option<Arc<OpenPicture>>, DeliverError> {
        let key = &job.key;
        if !self.is_current(key) {
            return Ok(None);
        }
        if let Some(picture) = self.pictures.get(&key.object, key.version) {
            return Ok(Some(picture));
        }
        if !self.may_read(key, job.asked) {
            return Ok(None);
        }
        let opened = self.open(&key.object).await.map_err(DeliverError::from)??;
        Ok(opened.picture.filter(|_| opened.record.version == key.version))
    }

    /// Everything of a job that takes a processor, in one piece on the idle thread.
    ///
    /// It shares no decode with requests: one that waited for this thread would wait behind all others.
    async fn remake(&self, job: &Job, current: &Variant, picture: &Arc<OpenPicture>) -> Result<Remade, DeliverError> {
        let Made::Rendered(base) = job.key.made else { return Err(DeliverError::Internal("nothing to refine")) };
        let probe = picture.probe.ok_or(DeliverError::Internal("an original without a picture"))?;
        let (avif, picture, limits) = (job.avif, Arc::clone(picture), self.bounds.imaging);
        let is_fast = current.note.effort == Effort::Fast;
        let shrink = Shrink::of(&probe, base.output);
        let work = move || {
            let (clock, mut timings) = (Instant::now(), Timings::default());
            if is_animated(&probe, &base) {
                let small = animate(&picture.bytes, &probe, &limits, &base, Effort::Small, &mut timings)?;
                return Ok(Remade { small: Some(small), avif: None, took: clock.elapsed() });
            }
            let pixels = picture.decoded_apart(shrink, &limits)?;
            let mut made = |rendering: &Rendering| render(&pixels, rendering, Effort::Small, &mut timings);
            let small = is_fast.then(|| made(&base)).transpose()?;
            let avif = avif.map(|avif| made(&avif)).transpose()?;
            Ok::<_, ImagingError>(Remade { small, avif, took: clock.elapsed() })
        };
        let encoding = |made: Rendering| Need::of_encoding(made.format, made.output.pixels()).bytes;
        let bytes = if is_animated(&probe, &base) {
            Need::of_animating(&probe, &base).bytes
        } else {
            let encoding = encoding(base).max(job.avif.map_or(0, encoding));
            shrink.bytes(probe.natural.format, probe.pixels()).saturating_add(encoding)
        };
        let cost = Cost::of_decoding(probe.pixels());
        let (remade, _held) = self.gate.run_holding(bytes, cost, Priority::Idle, work).await?;
        Ok(remade?)
    }

    /// Puts a variant in the place of what is in memory and in the store. `false`: a purge named it since `began`.
    async fn swap(&self, key: &VariantKey, variant: &Arc<Variant>, began: Moment) -> bool {
        if !self.remember_variant(key, variant, began) {
            return false;
        }
        self.changes.bump(&key.object);
        if variant.is_persisted() {
            self.store(key, variant, began).await;
        }
        true
    }
}

/// What to keep: the smaller of each two, and what is said of it.
fn judged(current: &Variant, remade: &Remade, job: &Job) -> (Note, Bytes) {
    let small = remade.small.as_ref().filter(|small| small.len() < current.body.len());
    let body = small.map_or_else(|| current.body.clone(), |small| Bytes::from(small.clone()));
    let avif = match (&remade.avif, job.avif) {
        (Some(avif), _) if (avif.len() as f64) < body.len() as f64 * WORTH_DECODING => Sibling::Ready,
        (Some(_), _) => Sibling::Useless,
        (None, _) => current.note.avif,
    };
    (Note { effort: Effort::Small, avif }, body)
}

/// All that is encoded for one rendering of a picture of so many frames.
fn pixels(rendering: &Rendering, frames: u32) -> u64 {
    let frames = if rendering.animated { frames.max(1) } else { 1 };
    rendering.output.pixels() * u64::from(frames)
}
