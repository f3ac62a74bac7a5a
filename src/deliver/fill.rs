//! Making a missing variant: once, in an owned task.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::confirm::Confirmed;
use super::rendering::{Need, animate, is_animated, render};
use super::{Deliver, DeliverError, Purpose, is_usual};
use crate::clients::Client;
use crate::fills::Part;
use crate::imaging::{self, ImagingError, Pixels, Probe, Sample, Shrink};
use crate::pictures::{OpenPicture, RenderError, Wanted};
use crate::purge::Moment;
use crate::render::{Held, Priority, Timings, timed};
use crate::transform::{Format, Placeholder, Rendering, Size};
use crate::variants::{
    Made, Note, Variant, VariantKey, content_type_of, content_type_of_output, content_type_of_placeholder,
};
use crate::versions::Record;

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
        let (rendering, effort) = (*rendering, waiter.0.effort());
        let probe = picture.probe.ok_or(RenderError::from(ImagingError::NotAPicture))?;
        if is_animated(&probe, &rendering) {
            return self.animate(&rendering, &probe, picture, waiter, timings).await;
        }
        let shrink = Shrink::of(&probe, rendering.output);
        let next = Need::of_encoding(rendering.format, rendering.output.pixels());
        let (decoded, priority, _held) = self.pixels(picture, shrink, waiter, next, timings).await?;
        let mut spent = *timings;
        let work = move || render(&decoded, &rendering, effort, &mut spent).map(|bytes| (bytes, spent));
        let (bytes, spent) = self.gate.run(next.cost, priority, work).await??;
        *timings = spent;
        Ok(bytes.into())
    }

    /// One piece of work, whose pixels nobody shares: a frame is gone when the next one comes.
    async fn animate(
        &self,
        rendering: &Rendering,
        probe: &Probe,
        picture: &OpenPicture,
        (purpose, client): Waiter,
        timings: &mut Timings,
    ) -> Result<Bytes, DeliverError> {
        let (rendering, probe, bytes) = (*rendering, *probe, picture.bytes.clone());
        let (limits, mut spent) = (self.bounds.imaging, *timings);
        let work = move || {
            let made = animate(&bytes, &probe, &limits, &rendering, purpose.effort(), &mut spent)?;
            Ok::<_, ImagingError>((made, spent))
        };
        let need = Need::of_animating(&probe, &rendering);
        let done = self.gate.run_holding(need.bytes, need.cost, purpose.priority(client), work).await?;
        let (bytes, spent) = done.0?;
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
        let next = Need::of_encoding(Format::WebP, sampled.pixels());
        let shrink = Shrink::of(&probe, sampled);
        let (decoded, priority, _held) = self.pixels(picture, shrink, waiter, next, timings).await?;
        let mut spent = *timings;
        let work = move || {
            let sample = timed(&mut spent.resize, || Sample::of(&decoded, natural))?;
            let bytes = timed(&mut spent.encode, || sample.placeholder(placeholder))?;
            Ok::<_, ImagingError>((bytes, spent))
        };
        let (bytes, spent) = self.gate.run(next.cost, priority, work).await??;
        *timings = spent;
        Ok(bytes.into())
    }

    /// The pixels, and how what comes next waits: who decoded them was let in with the cost and the memory of both.
    async fn pixels(
        &self,
        picture: &OpenPicture,
        shrink: Shrink,
        (purpose, client): Waiter,
        next: Need,
        timings: &mut Timings,
    ) -> Result<(Arc<Pixels>, Priority, Option<Held>), DeliverError> {
        let (limits, priority) = (self.bounds.imaging, purpose.priority(client));
        let wanted = Wanted { shrink, limits, priority, next: next.cost, next_bytes: next.bytes };
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

/// The type of an original: what its bytes are, else what its source says.
fn original_type(record: &Record) -> HeaderValue {
    let said = record.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    let seen = record.seen.map(|natural| content_type_of(natural.format));
    seen.or(said).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
