//! A bounded table of answers, of one thread.

use std::hash::BuildHasher;
use std::time::SystemTime;

use super::{Answer, Plain};

/// Sets of the table; each has [`WAYS`] places.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// Up to 4,096 answers of some 2 kB. A place is taken by whoever asks when it is free or its answer is past its time: so
/// nothing is moved, and strangers who ask for ever new URLs push out nothing that is used. The seed is random; whoever
/// found names that share a set would have four answers of the ordinary kind.
#[derive(Debug)]
pub(super) struct Table {
    hasher: foldhash::fast::RandomState,
    sets: Box<[Set]>,
}

/// The places of a set share a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([Place; WAYS]);

/// Empty, or the hash of a request that was answered once, or its answer.
#[derive(Debug, Default)]
struct Place {
    hash: u64,
    kept: Option<Box<Kept>>,
}

#[derive(Debug)]
struct Kept {
    target: Box<str>,
    accept: Option<Box<str>>,
    answer: Answer,
}

impl Default for Table {
    fn default() -> Self {
        let sets = std::iter::repeat_with(Set::default).take(SETS).collect();
        Self { hasher: foldhash::fast::RandomState::default(), sets }
    }
}

impl Table {
    /// The answer to this request, within its time.
    pub fn get(&self, asked: &Plain<'_>, now: SystemTime) -> Option<&Answer> {
        let hash = self.hash(asked);
        let place = self.sets[set_of(hash)].0.iter().find(|place| place.hash == hash)?;
        let kept = place.kept.as_ref().filter(|kept| kept.is_of(asked))?;
        // A clock that was set back makes nothing younger.
        (kept.answer.made_at <= now && now < kept.answer.until).then_some(&kept.answer)
    }

    /// Notes that the request was answered; true if it was before, and its answer may be put.
    pub fn note(&mut self, asked: &Plain<'_>, now: SystemTime) -> bool {
        let hash = self.hash(asked);
        let set = &mut self.sets[set_of(hash)].0;
        if set.iter().any(|place| place.hash == hash) {
            return true;
        }
        let is_free = |place: &&mut Place| place.kept.as_ref().is_none_or(|kept| kept.answer.until <= now);
        // Not always the first: the next one would push it out before it comes again.
        let start = (hash >> 32) as usize % WAYS;
        let (before, after) = set.split_at_mut(start);
        if let Some(place) = after.iter_mut().chain(before).find(is_free) {
            *place = Place { hash, kept: None };
        }
        false
    }

    /// Keeps the answer in the place that was noted.
    pub fn put(&mut self, asked: &Plain<'_>, answer: Answer) {
        let hash = self.hash(asked);
        if let Some(place) = self.sets[set_of(hash)].0.iter_mut().find(|place| place.hash == hash) {
            place.kept =
                Some(Box::new(Kept { target: asked.target.into(), accept: asked.accept.map(Into::into), answer }));
        }
    }

    /// Never that of an empty place.
    fn hash(&self, asked: &Plain<'_>) -> u64 {
        self.hasher.hash_one((asked.target, asked.accept)) | 1 << 63
    }
}

/// The topmost bit is always set, the lowest are as good as any.
const fn set_of(hash: u64) -> usize {
    hash as usize % SETS
}

impl Kept {
    fn is_of(&self, asked: &Plain<'_>) -> bool {
        *self.target == *asked.target && self.accept.as_deref() == asked.accept
    }
}
