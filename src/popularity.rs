//! How often each object is asked for: bounded, in memory, since the process began.
//!
//! Every answered request counts, hits included, so counting must cost next to nothing: one short lock of one of many
//! shards. A shard that is full forgets the half of its objects that are asked for least. What is asked for often is
//! therefore counted exactly; what is seldom asked for may be forgotten and begin again.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

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

/// The counts of the objects that are asked for most.
#[derive(Debug)]
pub struct Popularity {
    hasher: RandomState,
    shards: Box<[Shard]>,
}

/// What is remembered of one object.
#[derive(Debug, Default)]
struct Counted {
    asked: Asked,
    /// Hits by what was made, of any version.
    hits: Vec<(Made, u32)>,
}

/// On cache lines of its own: cores that count different objects do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<HashMap<ObjectId, Counted>>);

impl Default for Popularity {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect() }
    }
}

impl Popularity {
    /// Counts one answer.
    pub fn count(&self, object: &ObjectId, made: Made, status: CacheStatus) {
        let mut shard = self.shard(object).0.lock();
        if let Some(counted) = shard.get_mut(object) {
            counted.add(made, status);
            return;
        }
        if shard.len() >= REMEMBERED {
            forget_half(&mut shard);
        }
        shard.entry(object.clone()).or_default().add(made, status);
    }

    /// The counts of one object, if it is remembered.
    pub fn of(&self, object: &ObjectId) -> Option<Asked> {
        self.shard(object).0.lock().get(object).map(|counted| counted.asked)
    }

    /// Hits of an object by what was made of it, whichever version: those of the variants that are asked for most.
    pub fn hits(&self, object: &ObjectId) -> Vec<(Made, u64)> {
        let shard = self.shard(object).0.lock();
        let hits = shard.get(object).map(|counted| counted.hits.iter());
        hits.into_iter().flatten().map(|(made, hits)| (*made, u64::from(*hits))).collect()
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
                    .map(|(o, counted)| (o.clone(), counted.asked)),
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

impl Asked {
    fn add(&mut self, status: CacheStatus) {
        match status {
            CacheStatus::Hit | CacheStatus::Stale(_) => self.hits += 1,
            CacheStatus::Stored | CacheStatus::Unstored | CacheStatus::Collapsed => self.misses += 1,
        }
    }
}

impl Counted {
    fn add(&mut self, made: Made, status: CacheStatus) {
        self.asked.add(status);
        if !matches!(status, CacheStatus::Hit | CacheStatus::Stale(_)) {
            return;
        }
        if let Some((_, hits)) = self.hits.iter_mut().find(|(known, _)| *known == made) {
            *hits = hits.saturating_add(1);
            return;
        }
        // The one that is asked for least gives way.
        if self.hits.len() >= VARIANTS
            && let Some(least) = (0..self.hits.len()).min_by_key(|at| self.hits[*at].1)
        {
            self.hits.swap_remove(least);
        }
        self.hits.push((made, 1));
    }
}

/// Keeps the half that is asked for most. Once in hundreds of new objects, so it may take its microseconds.
fn forget_half(shard: &mut HashMap<ObjectId, Counted>) {
    let mut totals: Vec<u64> = shard.values().map(|counted| counted.asked.total()).collect();
    let (_, &mut middle, above) = totals.select_nth_unstable(REMEMBERED / 2);
    // Of those that are alike as many as have room.
    let mut room = (REMEMBERED / 2).saturating_sub(above.iter().filter(|total| **total > middle).count());
    shard.retain(|_, counted| match counted.asked.total().cmp(&middle) {
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
