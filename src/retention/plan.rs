//! What of a bucket would go: one pass over its names, one user's at a time in memory.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;
use uuid::Uuid;

use super::RetentionError;
use super::holdings::Holdings;
use super::report::{BucketReport, Goes, Outcome};
use crate::catalog::{Object, Seen};
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::transform::Pointed;

/// `{user}/kinksters/avatar_{unix_ms}[_{kinkster}].{ext}`, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureName<'a> {
    pub user: &'a str,
    pub kinkster: Option<Uuid>,
    pub milliseconds: u64,
}

impl<'a> PictureName<'a> {
    /// `None`: no rule is about this object.
    pub(super) fn parse(key: &'a ObjectKey) -> Option<Self> {
        let (user, rest) = key.as_str().split_once('/')?;
        let (stem, extension) = rest.strip_prefix("kinksters/avatar_")?.rsplit_once('.')?;
        let is_extension = (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        let (milliseconds, kinkster) = match stem.split_once('_') {
            Some((milliseconds, kinkster)) => (milliseconds, Some(Uuid::try_parse(kinkster).ok()?)),
            None => (stem, None),
        };
        let is_number = is_extension && milliseconds.bytes().all(|b| b.is_ascii_digit());
        Some(Self { user, kinkster, milliseconds: milliseconds.parse().ok().filter(|_| is_number)? })
    }
}

/// What of a bucket would go.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub bucket: BucketName,
    pub keep: u32,
    /// In the bucket.
    pub objects: u64,
    /// Oldest first, of one character after the other.
    pub goes: Vec<Goes>,
    /// What would go as well, but for the limit.
    pub left: u64,
    /// When it was read what points at them.
    pub seen: Seen,
    pointed_at: u64,
    young: u64,
    restored: u64,
}

impl Plan {
    /// `before`: what was written later stays; `restored`: versions that were brought back by hand.
    pub(super) async fn make(
        holdings: &Holdings,
        bucket: &BucketName,
        keep: u32,
        before: OffsetDateTime,
        restored: HashSet<Uuid>,
    ) -> Result<Self, RetentionError> {
        let plan = Self {
            bucket: bucket.clone(),
            keep,
            objects: 0,
            goes: Vec::new(),
            left: 0,
            seen: Seen::nothing(),
            pointed_at: 0,
            young: 0,
            restored: 0,
        };
        let mut sorting = Sorting { plan, before, restored, user: String::new(), pictures: HashMap::new() };
        let mut pages = holdings.pages(bucket);
        while let Some(page) = pages.next().await? {
            sorting.plan.objects += page.others;
            for object in page.objects {
                sorting.take(object);
            }
        }
        sorting.end_user();
        sorting.plan.without_pointed_at(holdings).await
    }

    async fn without_pointed_at(mut self, holdings: &Holdings) -> Result<Self, RetentionError> {
        if self.goes.is_empty() {
            return Ok(self);
        }
        let mut pointed = Pointed::among(&self.bucket, self.goes.iter().map(|goes| &goes.name));
        self.seen = holdings.read_references(&mut pointed).await?;
        let all = self.goes.len();
        self.goes.retain(|goes| !pointed.is_pointed_at(&ObjectId::new(self.bucket.clone(), goes.name.clone())));
        self.pointed_at = (all - self.goes.len()) as u64;
        Ok(self)
    }

    /// Leaves the newest for later runs where it is more than this part of the bucket.
    pub(super) fn limit(&mut self, percent: u32) {
        let most = (self.objects * u64::from(percent) / 100) as usize;
        if self.goes.len() > most {
            self.goes.sort_by_key(|goes| goes.updated_at);
            self.left = (self.goes.len() - most) as u64;
            self.goes.truncate(most);
        }
    }

    /// What is told of it.
    pub(super) fn report(self, outcome: Outcome) -> BucketReport {
        BucketReport {
            bucket: self.bucket,
            keep: self.keep,
            outcome,
            objects: self.objects,
            bytes: self.goes.iter().map(|goes| goes.size).sum(),
            goes: self.goes,
            left: self.left,
            pointed_at: self.pointed_at,
            young: self.young,
            restored: self.restored,
        }
    }

    /// What is told of it once these objects are removed.
    pub(super) fn removed(mut self, removed: &[Object]) -> BucketReport {
        let gone: HashSet<Uuid> = removed.iter().map(|object| object.version).collect();
        self.goes.retain(|goes| gone.contains(&goes.version));
        self.report(Outcome::Removed)
    }
}

/// A plan that is being made.
struct Sorting {
    plan: Plan,
    before: OffsetDateTime,
    /// Versions that were brought back by hand.
    restored: HashSet<Uuid>,
    /// Whose names are being read: those of one folder come one after the other.
    user: String,
    /// That user's pictures by character.
    pictures: HashMap<Option<Uuid>, Vec<(u64, Object)>>,
}

impl Sorting {
    fn take(&mut self, object: Object) {
        self.plan.objects += 1;
        let Some(PictureName { user, kinkster, milliseconds }) = PictureName::parse(&object.id.key) else { return };
        if user != self.user {
            self.end_user();
            user.clone_into(&mut self.user);
        }
        self.pictures.entry(kinkster).or_default().push((milliseconds, object));
    }

    fn end_user(&mut self) {
        for (_, mut pictures) in std::mem::take(&mut self.pictures) {
            let newest_first =
                |(time, object): &(u64, Object)| (std::cmp::Reverse(*time), std::cmp::Reverse(object.created_at));
            pictures.sort_by_key(newest_first);
            for (rank, (_, object)) in pictures.into_iter().enumerate().skip(self.plan.keep as usize).rev() {
                self.judge(rank + 1, object);
            }
        }
    }

    fn judge(&mut self, rank: usize, object: Object) {
        let keep = self.plan.keep;
        if object.created_at.max(object.updated_at) > self.before {
            self.plan.young += 1;
        } else if self.restored.contains(&object.version) {
            self.plan.restored += 1;
        } else {
            self.plan.goes.push(Goes {
                reason: format!("picture {rank} of its character, of which {keep} are kept"),
                name: object.id.key,
                version: object.version,
                size: object.size,
                updated_at: object.updated_at,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_form_are_pictures_of_characters() {
        let kinkster = Uuid::from_u128(7);
        let read = |text: &str| {
            PictureName::parse(&ObjectKey::parse(text).unwrap())
                .map(|name| (name.user.to_owned(), name.kinkster, name.milliseconds))
        };
        assert_eq!(read("ann/kinksters/avatar_12.png"), Some(("ann".to_owned(), None, 12)));
        let named = format!("ann/kinksters/avatar_1700000000000_{kinkster}.webp");
        assert_eq!(read(&named), Some(("ann".to_owned(), Some(kinkster), 1_700_000_000_000)));
        for other in [
            "ann/avatar_12.png",
            "ann/kinksters/12.png",
            "ann/kinksters/avatar_.png",
            "ann/kinksters/avatar_12",
            "ann/kinksters/avatar_-12.png",
            "ann/kinksters/avatar_12_x.png",
            "ann/kinksters/avatar_12.png.bak_x",
            "ann/kinksters/deep/avatar_12.png",
            "ann/b/kinksters/avatar_12.png",
            "kinksters/avatar_12.png",
            "ann/kinksters/avatar_99999999999999999999.png",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
