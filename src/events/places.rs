//! Which objects of ours a sender's names mean: senders name what lies behind our buckets.

use std::sync::Arc;

use super::hint::Hint;
use crate::admission::BucketBook;
use crate::config::Upstream;
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Whose names a hint is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    Ours,
    Supabase,
    S3,
}

/// Our buckets, and what lies behind them.
#[derive(Debug)]
pub struct Places {
    book: Arc<BucketBook>,
    behind: Vec<(BucketName, Upstream)>,
}

impl Places {
    pub fn new(book: Arc<BucketBook>, behind: impl IntoIterator<Item = (BucketName, Upstream)>) -> Self {
        Self { book, behind: behind.into_iter().collect() }
    }

    /// The objects that the hint may mean; none where nothing of ours is behind its names.
    pub(super) fn objects(&self, hint: &Hint, naming: Naming) -> Vec<ObjectId> {
        let behind = self.behind.iter().filter_map(|(bucket, upstream)| {
            let key = below(upstream, hint, naming)?;
            Some(ObjectId::new(bucket.clone(), key))
        });
        let mut objects: Vec<ObjectId> = behind.collect();
        objects.extend(self.of_same_name(hint, naming));
        objects
    }

    /// A bucket of this very name, unless it is known to stand for another one of the sender's.
    fn of_same_name(&self, hint: &Hint, naming: Naming) -> Option<ObjectId> {
        let object = ObjectId::new(BucketName::parse(&hint.bucket).ok()?, ObjectKey::parse(&hint.name).ok()?);
        self.book.get(&object.bucket)?;
        let stands_for =
            self.behind.iter().any(|(bucket, upstream)| *bucket == object.bucket && is_named_so(upstream, naming));
        (!stands_for).then_some(object)
    }
}

fn is_named_so(upstream: &Upstream, naming: Naming) -> bool {
    match upstream {
        Upstream::S3 { .. } => naming == Naming::S3,
        Upstream::Supabase { .. } => naming == Naming::Supabase,
    }
}

fn below(upstream: &Upstream, hint: &Hint, naming: Naming) -> Option<ObjectKey> {
    let (Upstream::S3 { bucket, prefix } | Upstream::Supabase { bucket, prefix }) = upstream;
    let is_meant = is_named_so(upstream, naming) && *bucket == hint.bucket;
    let key = hint.name.strip_prefix(prefix.as_str()).filter(|_| is_meant)?;
    ObjectKey::parse(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::OwnBucket;
    use crate::config::Access;

    #[test]
    fn names_mean_what_lies_behind_our_buckets() {
        let bucket = |name: &str| BucketName::parse(name).unwrap();
        let book = Arc::new(BucketBook::default());
        book.replace_own(
            ["own", "media", "faces"].map(|name| OwnBucket { name: bucket(name), access: Access::Private }),
        );
        let s3 = Upstream::S3 { bucket: "my-bucket".to_owned(), prefix: "uploads/".to_owned() };
        let supabase = Upstream::Supabase { bucket: "avatars".to_owned(), prefix: String::new() };
        let places = Places::new(book, [(bucket("media"), s3), (bucket("faces"), supabase)]);
        let objects = |bucket: &str, name: &str, naming| {
            let hint = Hint { bucket: bucket.to_owned(), name: name.to_owned() };
            places.objects(&hint, naming).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(objects("my-bucket", "uploads/a/1.png", Naming::S3), ["media/a/1.png"]);
        assert_eq!(objects("avatars", "a/1.png", Naming::Supabase), ["faces/a/1.png"]);
        assert_eq!(objects("own", "a", Naming::Ours), ["own/a"]);
        assert_eq!(objects("own", "a", Naming::S3), ["own/a"]);
        assert_eq!(objects("media", "a", Naming::Ours), ["media/a"]);
        for (bucket, name, naming) in [
            ("my-bucket", "other/a", Naming::S3),
            ("my-bucket", "uploads/", Naming::S3),
            ("my-bucket", "uploads/a", Naming::Supabase),
            // A bucket in S3 that happens to have our bucket's name.
            ("media", "a", Naming::S3),
            ("unknown", "a", Naming::Ours),
            ("~remote", "a", Naming::Ours),
            ("own", "../a", Naming::Ours),
        ] {
            assert!(objects(bucket, name, naming).is_empty(), "{bucket}/{name}");
        }
    }
}
