//! Making a missing variant: once, in an owned task.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::confirm::Confirmed;
use super::{Deliver, DeliverError, Purpose, is_usual};
use crate::clients::Client;
use crate::fills::Part;
use crate::imaging::{self, Effort, ImagingError, Picture, Sample, Shrink};
use crate::pictures::{OpenPicture, Wanted};
use crate::purge::Moment;
use crate::render::{Cost, Held, Priority, Timings, timed};
use crate::transform::{Blur, Format, Frames, Placeholder, Rendering, Size};
use crate::variants::{
    Made, Note, Variant, VariantKey, content_type_of, content_type_of_output, content_type_of_placeholder,
};
use crate::versions::Record;

/// Bytes of memory that each pixel of a variant takes while it is made: the pixel, and what the encoder makes of it.
const ENCODED_BYTES: u64 = 12;
/// The same for AVIF, whose encoder keeps several planes of 16-bit samples.
const ENCODED_AVIF_BYTES: u64 = 64;

/// How a fill ended.
#[derive(Clone, Debug)]
pub(super) enum Filled {
    /// It was in the store.
    Found(Arc<Variant>),
    Made {
        variant: Arc<Variant>,
        timings: Timings,
        kept: bool,
    },
    /// The source has another version by now.
    Replaced(Confirmed),
}

type Landing = futures_util::future::Shared<
    futures_util::future::BoxFuture<'static, Result<Result<Filled, DeliverError>, crate::fills::Aborted>>,
>;

/// Why something is made, and for whom it waits at the gate.
type Waiter = (Purpose, Option<Client>);

impl Deliver {
    /// Joins or begins the fill of this key; who begins it is `client`, in the queue of the gate.
    pub(super) fn fill(
        self: &Arc<Self>,
        key: &VariantKey,
        confirmed: &Confirmed,
        purpose: Purpose,
        client: Option<Client>,
    ) -> (Part, Landing) {
        let (deliver, wanted, confirmed) = (Arc::clone(self), key.clone(), confirmed.clone());
        self.filling.join(key, || async move { deliver.find_or_make(wanted, confirmed, purpose, client).await })
    }

    async fn find_or_make(
        self: Arc<Self>,
        key: VariantKey,
        confirmed: Confirmed,
        purpose: Purpose,
        client: Option<Client>,
    ) -> Result<Filled, DeliverError> {
        if let Some(variant) = self.variants.get(&key).await {
            self.remember_variant(&key, &variant, confirmed.began);
            return Ok(Filled::Found(variant));
        }
        let open = confirmed.picture.clone().or_else(|| self.pictures.get(&key.object, key.version));
        let opened = match open {
            Some(picture) => Confirmed { picture: Some(picture), ..confirmed },
            None => self.open(&key.object).await.map_err(DeliverError::from)??,
        };
        if opened.record.version != key.version {
            return Ok(Filled::Replaced(opened));
        }
        let picture = opened.picture.ok_or(DeliverError::Internal("an opened original has no bytes"))?;
        let mut timings = Timings { fetch: picture.fetched_in, ..Timings::default() };
        let (body, content_type) =
            self.make(key.made, &picture, &opened.record, (purpose, client), &mut timings).await?;
        let (variant, kept) = self.keep(key, body, content_type, &opened.record, purpose, opened.began).await;
        Ok(Filled::Made { variant, timings, kept })
    }

    /// Keeps what was made: in memory, and in the store where it is one of the usual ones, for which nobody waits.
    async fn keep(
        self: &Arc<Self>,
        key: VariantKey,
        body: Bytes,
        content_type: HeaderValue,
        record: &Record,
        purpose: Purpose,
        began: Moment,
    ) -> (Arc<Variant>, bool) {
        let storable = record.keep && !(key.made == Made::Original && self.is_local(&key));
        let usual = is_usual(key.made, purpose) || self.listed.names(&key, record, self.bounds.output_side);
        let persist = storable && (usual || self.asked_once.contains_key(&key));
        let note = Note::made(purpose.effort());
        let variant = Arc::new(Variant::new(body, content_type, persist || !storable).noted(note));
        let kept = record.keep && self.remember_variant(&key, &variant, began);
        if kept && persist {
            let (deliver, written) = (Arc::clone(self), Arc::clone(&variant));
            let writing = async move { deliver.store(&key, &written, began).await };
            match purpose {
                Purpose::Request => self.behind(writing).await,
                // Who warms wants to hear that it is there.
                Purpose::Warm | Purpose::WarmFirst => writing.await,
            }
        } else if kept && storable {
            self.asked_once.insert(key, ());
        }
        (variant, kept)
    }

    /// Writes to the store, unless a purge named the object since `began`; a purge that came meanwhile wins.
    pub(super) async fn store(&self, key: &VariantKey, variant: &Variant, began: Moment) {
        if self.purges.purged_since(began, &key.object) {
            return;
        }
        self.variants.put(key, variant).await;
        if self.purges.purged_since(began, &key.object) {
            self.variants.remove(key).await;
        }
    }

    pub(super) fn remember_variant(&self, key: &VariantKey, variant: &Arc<Variant>, began: Moment) -> bool {
        let insert = || self.memory.insert(key.clone(), Arc::clone(variant));
        self.purges.unless_purged(began, &key.object, insert).is_some()
    }

    fn is_local(&self, key: &VariantKey) -> bool {
        self.origins.get(&key.object.bucket).is_some_and(|origin| origin.kind.is_local())
    }

    async fn make(
        &self,
        made: Made,
        picture: &OpenPicture,
        record: &Record,
        waiter: Waiter,
        timings: &mut Timings,
    ) -> Result<(Bytes, HeaderValue), DeliverError> {
        match made {
            Made::Original => Ok((picture.bytes.clone(), original_type(record))),
            Made::Stripped => {
                let probe = picture.probe.ok_or_else(|| DeliverError::not_a_picture(record))?;
                let stripped = imaging::passthrough(&picture.bytes, &probe);
                Ok((stripped.into(), content_type_of(probe.natural.format)))
            }
            Made::Rendered(rendering) => {
                let body = self.render(&rendering, picture, waiter, timings).await?;
                Ok((body, content_type_of_output(rendering.format)))
            }
            Made::Placeholder(placeholder) => {
                let body = self.placeholder(placeholder, picture, record, waiter, timings).await?;
                Ok((body, content_type_of_placeholder(placeholder)))
            }
        }
    }

    async fn render(
        &self,
        rendering: &Rendering,
        picture: &OpenPicture,
        waiter: Waiter,
        timings: &mut Timings,
    ) -> Result<Bytes, DeliverError> {
        let frames = if rendering.animated { Frames::All } else { Frames::First };
        let (shrink, shown) = picture.probe.map_or((Shrink::Whole, 1), |probe| {
            (Shrink::of(&probe, rendering.output), if rendering.animated { probe.natural.frames } else { 1 })
        });
        let output = u64::from(rendering.output.width) * u64::from(rendering.output.height);
        let output = output * u64::from(shown);
        let next = match rendering.format {
            Format::Avif => Cost::of_encoding_avif(output),
            Format::WebP | Format::Jpeg | Format::Png => Cost::of_encoding(output),
        };
        let after = (next, encoding_bytes(rendering.format, output));
        let (decoded, priority, _held) = self.pixels(picture, frames, shrink, waiter, after, timings).await?;
        let (rendering, effort, mut spent) = (*rendering, waiter.0.effort(), *timings);
        let work = move || render(&decoded, &rendering, effort, &mut spent).map(|bytes| (bytes, spent));
        let (bytes, spent) = self.gate.run(next, priority, work).await??;
        *timings = spent;
        Ok(bytes.into())
    }

    async fn placeholder(
        &self,
        placeholder: Placeholder,
        picture: &OpenPicture,
        record: &Record,
        waiter: Waiter,
        timings: &mut Timings,
    ) -> Result<Bytes, DeliverError> {
        let probe = picture.probe.ok_or_else(|| DeliverError::not_a_picture(record))?;
        let natural = Size { width: probe.natural.width, height: probe.natural.height };
        let sampled = Sample::size(natural);
        let output = u64::from(sampled.width) * u64::from(sampled.height);
        let next = Cost::of_encoding(output);
        let shrink = Shrink::of(&probe, sampled);
        let after = (next, output.saturating_mul(ENCODED_BYTES));
        let (decoded, priority, _held) = self.pixels(picture, Frames::First, shrink, waiter, after, timings).await?;
        let mut spent = *timings;
        let work = move || {
            let sample = timed(&mut spent.resize, || Sample::of(&decoded, natural))?;
            let bytes = timed(&mut spent.encode, || sample.placeholder(placeholder))?;
            Ok::<_, ImagingError>((bytes, spent))
        };
        let (bytes, spent) = self.gate.run(next, priority, work).await??;
        *timings = spent;
        Ok(bytes.into())
    }

    /// The pixels, and how what comes next waits: who decoded them was let in with the cost and the memory of both.
    async fn pixels(
        &self,
        picture: &OpenPicture,
        frames: Frames,
        shrink: Shrink,
        (purpose, client): Waiter,
        (next, next_bytes): (Cost, u64),
        timings: &mut Timings,
    ) -> Result<(Arc<Picture>, Priority, Option<Held>), DeliverError> {
        let (limits, priority) = (self.bounds.imaging, purpose.priority(client));
        let wanted = Wanted { frames, shrink, limits, priority, next, next_bytes };
        let (decoded, held) = picture.decoded(wanted, &self.gate, timings).await?;
        let was_let_in = held.is_some() && priority != Priority::Background;
        Ok((decoded, if was_let_in { Priority::Begun } else { priority }, held))
    }

    /// Runs a write that nobody waits for, unless so many run already that the memory of what waits would grow.
    pub(super) async fn behind(self: &Arc<Self>, write: impl Future<Output = ()> + Send + 'static) {
        match Arc::clone(&self.writes).try_acquire_owned() {
            Ok(turn) => {
                let writing = async move {
                    write.await;
                    drop(turn);
                };
                self.tasks.spawn_on(writing, &self.runtime);
            }
            Err(_) => write.await,
        }
    }
}

/// Bytes of memory that encoding so many pixels takes.
pub(super) const fn encoding_bytes(format: Format, pixels: u64) -> u64 {
    pixels.saturating_mul(match format {
        Format::Avif => ENCODED_AVIF_BYTES,
        Format::WebP | Format::Jpeg | Format::Png => ENCODED_BYTES,
    })
}

/// Decoded pixels to a variant's bytes.
pub(super) fn render(
    picture: &Picture,
    rendering: &Rendering,
    effort: Effort,
    timings: &mut Timings,
) -> Result<Vec<u8>, ImagingError> {
    let resized = timed(&mut timings.resize, || {
        let resized = imaging::resize(picture, rendering.output, rendering.crop)?;
        let blurred = match rendering.blur {
            Blur(0) => resized,
            blur => Cow::Owned(imaging::blur(resized.into_owned(), blur)?),
        };
        match rendering.background {
            Some(background) => imaging::flatten(blurred.into_owned(), background).map(Cow::Owned),
            None => Ok(blurred),
        }
    })?;
    timed(&mut timings.encode, || imaging::encode(&resized, rendering, effort))
}

/// The type of an original: what its bytes are, else what its source says.
fn original_type(record: &Record) -> HeaderValue {
    let said = record.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    let seen = record.seen.map(|natural| content_type_of(natural.format));
    seen.or(said).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
