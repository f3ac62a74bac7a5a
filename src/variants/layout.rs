//! Where a variant and a version record are: the store's paths.

use object_store::path::Path;

use super::VariantKey;
use crate::object::{BucketName, ObjectId};

/// Name of the version record beside an object's versions.
pub(super) const RECORD: &str = "record.json";
/// Characters of an object's hash.
const HASH_LENGTH: usize = 32;

pub(super) fn bucket_path(bucket: &BucketName) -> Path {
    Path::from_iter([bucket.as_str()])
}

pub(super) fn object_path(object: &ObjectId) -> Path {
    let hash = blake3::hash(object.key.as_str().as_bytes()).to_hex();
    Path::from_iter([object.bucket.as_str(), &hash[..HASH_LENGTH]])
}

pub(super) fn record_path(object: &ObjectId) -> Path {
    object_path(object).join(RECORD)
}

pub(super) fn path_of(key: &VariantKey) -> Path {
    object_path(&key.object).join(key.version.to_string()).join(key.made.to_string())
}

/// The folder with everything made of an object, from any path in it.
pub(super) fn folder_of(path: &Path) -> Path {
    path.parts().take(2).collect()
}

/// The bucket of a path of ours: also one that no name from outside parses into.
pub(super) fn bucket_of(path: &Path) -> Option<BucketName> {
    let first = path.parts().next()?;
    let name = percent_encoding::percent_decode_str(first.as_ref()).decode_utf8().ok()?;
    BucketName::stored(&name)
}

/// Whether the path has the shape of those that are made here.
pub(super) fn is_ours(path: &Path) -> bool {
    let parts: Vec<_> = path.parts().collect();
    let is_hash = |text: &str| text.len() == HASH_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match parts.as_slice() {
        [_, hash, name] => is_hash(hash.as_ref()) && name.as_ref() == RECORD,
        [_, hash, _version, _made] => is_hash(hash.as_ref()),
        _ => false,
    }
}
