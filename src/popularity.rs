//! How often each object is asked for: bounded, in memory, since the process began.
//!
//! Every answered request counts, hits included, so counting must cost next to nothing: one short lock of one of many
//! shards. A shard that is full forgets the half of its objects that are asked for least. What is asked for often is
//! therefore counted exactly; what is seldom asked for may be forgotten and begin again.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::cache::CacheStatus;
use crate::object::{BucketName, ObjectId};
use crate::variants::Made;

/// Parts with a lock of their own.
const SHARDS: usize = 64;
/// Objects that a part remembers; some 10 MB for all of them, and some 40 MB more if each has many variants.
const REMEMBERED: usize = 1024;

/// Variants of one object whose hits are counted each.
const VARIANTS: usize = 8;

/// Answers with the pictures and bytes of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From memory or the variant store.
    pub hits: u64,
    /// Made for the request, or waited for.
    pub misses: u64,
}

impl Asked {
    pub const fn total(self) -> u64 {
        self.hits + self.misses
    }
}

/// Where further hits of one variant are counted, held by whoever answers from what it remembers.
#[derive(Clone, Debug)]
pub struct Counter {
    object: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
}

impl Counter {
    pub fn hit(&self) {
        self.object.fetch_add(1, Relaxed);
        self.made.fetch_add(1, Relaxed);
    }
}

/// The counts of the objects that are asked for most.
#[derive(Debug)]
pub struct Popularity {
    hasher: RandomState,
    shards: Box<[Shard]>,
}

/// What is remembered of one object.
#[derive(Debug, Default)]
struct Counts {
    hits: Arc<AtomicU64>,
    misses: u64,
    /// Hits by what was made, of any version.
    made: Vec<(Made, Arc<AtomicU64>)>,
}

/// On cache lines of its own: cores that count different objects do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<HashMap<ObjectId, Counts>>);

impl Default for Popularity {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect() }
    }
}

impl Popularity {
    /// Counts one answer.
    pub fn count(&self, object: &ObjectId, made: Made, status: CacheStatus) {
        let mut shard = self.shard(object).0.lock();
        if let Some(counts) = shard.get_mut(object) {
            return counts.add(made, status);
        }
        if shard.len() >= REMEMBERED {
            forget_half(&mut shard);
        }
        shard.entry(object.clone()).or_default().add(made, status);
    }

    /// The counts of one object, if it is remembered.
    pub fn of(&self, object: &ObjectId) -> Option<Asked> {
        self.shard(object).0.lock().get(object).map(Counts::read)
    }

    /// Hits of an object by what was made of it, whichever version: those of the variants that are asked for most.
    pub fn hits(&self, object: &ObjectId) -> Vec<(Made, u64)> {
        let shard = self.shard(object).0.lock();
        let made = shard.get(object).map(|counts| counts.made.iter());
        made.into_iter().flatten().map(|(made, hits)| (*made, hits.load(Relaxed))).collect()
    }

    /// Hits of one variant, of any version, as long as they are remembered.
    pub fn hits_of(&self, object: &ObjectId, made: Made) -> u64 {
        self.counter(object, made).map_or(0, |counter| counter.made.load(Relaxed))
    }

    /// What to count a variant's further hits with, once it has been hit. Should it be forgotten, they are too.
    pub fn counter(&self, object: &ObjectId, made: Made) -> Option<Counter> {
        let shard = self.shard(object).0.lock();
        let counts = shard.get(object)?;
        let (_, hits) = counts.made.iter().find(|(known, _)| *known == made)?;
        Some(Counter { object: Arc::clone(&counts.hits), made: Arc::clone(hits) })
    }

    /// The objects of a bucket that are asked for most, first the most; those alike by name.
    pub fn most(&self, bucket: &BucketName, limit: usize) -> Vec<(ObjectId, Asked)> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.0.lock();
            found.extend(
                shard
                    .iter()
                    .filter(|(object, _)| object.bucket == *bucket)
                    .map(|(object, counts)| (object.clone(), counts.read())),
            );
        }
        found.sort_by(|(one, more), (other, less)| less.total().cmp(&more.total()).then_with(|| one.cmp(other)));
        found.truncate(limit);
        found
    }

    fn shard(&self, object: &ObjectId) -> &Shard {
        &self.shards[self.hasher.hash_one(object) as usize % SHARDS]
    }
}

impl Counts {
    fn add(&mut self, made: Made, status: CacheStatus) {
        if !matches!(status, CacheStatus::Hit | CacheStatus::Stale(_)) {
            self.misses += 1;
            return;
        }
        self.hits.fetch_add(1, Relaxed);
        if let Some((_, hits)) = self.made.iter().find(|(known, _)| *known == made) {
            hits.fetch_add(1, Relaxed);
            return;
        }
        // The one that is asked for least gives way.
        if self.made.len() >= VARIANTS
            && let Some(least) = (0..self.made.len()).min_by_key(|at| self.made[*at].1.load(Relaxed))
        {
            self.made.swap_remove(least);
        }
        self.made.push((made, Arc::new(AtomicU64::new(1))));
    }

    fn read(&self) -> Asked {
        Asked { hits: self.hits.load(Relaxed), misses: self.misses }
    }
}

/// Keeps the half that is asked for most. Once in hundreds of new objects, so it may take its microseconds.
fn forget_half(shard: &mut HashMap<ObjectId, Counts>) {
    let mut totals: Vec<u64> = shard.values().map(|counts| counts.read().total()).collect();
    let (_, &mut middle, above) = totals.select_nth_unstable(REMEMBERED / 2);
    // Of those that are alike as many as have room.
    let mut room = (REMEMBERED / 2).saturating_sub(above.iter().filter(|total| **total > middle).count());
    shard.retain(|_, counts| match counts.read().total().cmp(&middle) {
        Ordering::Greater => true,
        Ordering::Equal if room > 0 => {
            room -= 1;
            true
        }
        Ordering::Equal | Ordering::Less => false,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKey;

    fn object(bucket: &str, key: &str) -> ObjectId {
        ObjectId::new(BucketName::parse(bucket).unwrap(), ObjectKey::parse(key).unwrap())
    }

    #[test]
    fn the_most_asked_for_come_first_and_only_those_of_the_bucket() {
        let popularity = Popularity::default();
        for (bucket, key, times) in [("b", "one", 1), ("b", "three", 3), ("b", "two", 2), ("c", "many", 9)] {
            for time in 0..times {
                popularity.count(
                    &object(bucket, key),
                    Made::Original,
                    if time == 0 { CacheStatus::Stored } else { CacheStatus::Hit },
                );
            }
        }
        let most = popularity.most(&BucketName::parse("b").unwrap(), 2);
        let names: Vec<_> =
            most.iter().map(|(object, asked)| (object.key.as_str(), asked.hits, asked.misses)).collect();
        assert_eq!(names, [("three", 2, 1), ("two", 1, 1)]);
        assert_eq!(popularity.of(&object("c", "many")).map(Asked::total), Some(9));
        assert_eq!(popularity.of(&object("c", "none")), None);
        assert_eq!(popularity.hits(&object("b", "three")), [(Made::Original, 2)]);
        assert!(popularity.hits(&object("b", "one")).is_empty());
    }

    #[test]
    fn many_strangers_take_no_memory_without_bound_and_displace_no_favourite() {
        let popularity = Popularity::default();
        for number in 0..300_000_u32 {
            popularity.count(&object("b", &number.to_string()), Made::Original, CacheStatus::Unstored);
            if number % 100 == 0 {
                popularity.count(&object("b", "favourite"), Made::Original, CacheStatus::Hit);
            }
        }
        assert_eq!(popularity.of(&object("b", "favourite")).map(Asked::total), Some(3000));
        let remembered: usize = popularity.shards.iter().map(|shard| shard.0.lock().len()).sum();
        assert!((SHARDS * REMEMBERED / 2..=SHARDS * REMEMBERED).contains(&remembered), "{remembered}");
    }
}
