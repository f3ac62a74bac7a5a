//! Which operation a method and a path name. Pure; words of the API win over buckets that are named like them.

use http::Method;

/// An object in a path: both parts still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Place<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
}

impl<'a> Place<'a> {
    fn of(tail: &'a str) -> Option<Self> {
        let (bucket, key) = tail.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then_some(Self { bucket, key })
    }
}

/// Everything that clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Operation<'a> {
    Status,
    Version,
    Health,
    ListBuckets,
    CreateBucket,
    GetBucket(&'a str),
    UpdateBucket(&'a str),
    EmptyBucket(&'a str),
    DeleteBucket(&'a str),
    /// With whether the method alone says that what is there is replaced.
    Upload(Place<'a>, bool),
    Read(Place<'a>),
    ReadAuthenticated(Place<'a>),
    ReadSigned(Place<'a>),
    RenderAuthenticated(Place<'a>),
    RenderSigned(Place<'a>),
    Info(Place<'a>),
    InfoPublic(Place<'a>),
    RemoveMany(&'a str),
    RemoveOne(Place<'a>),
    List(&'a str),
    ListPages(&'a str),
    Move,
    Copy,
    SignOne(Place<'a>),
    SignMany(&'a str),
    SignUpload(Place<'a>),
    SignedUpload(Place<'a>),
}

/// The operation of a path below `/storage/v1/`.
pub(in crate::http) fn of<'a>(method: &Method, path: &'a str) -> Option<Operation<'a>> {
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    if let Some(tail) = path.strip_prefix("object/") {
        return of_object(&method, tail);
    }
    if let Some(tail) = path.strip_prefix("render/image/") {
        let (kind, tail) = tail.split_once('/')?;
        return match (&method, kind) {
            (&Method::GET, "authenticated") => Place::of(tail).map(Operation::RenderAuthenticated),
            (&Method::GET, "sign") => Place::of(tail).map(Operation::RenderSigned),
            _ => None,
        };
    }
    match (&method, path.trim_end_matches('/')) {
        (&Method::GET, "status") => Some(Operation::Status),
        (&Method::GET, "version") => Some(Operation::Version),
        (&Method::GET, "health") => Some(Operation::Health),
        (&Method::GET, "bucket") => Some(Operation::ListBuckets),
        (&Method::POST, "bucket") => Some(Operation::CreateBucket),
        (_, path) => of_bucket(&method, path.strip_prefix("bucket/")?),
    }
}

fn of_bucket<'a>(method: &Method, tail: &'a str) -> Option<Operation<'a>> {
    match (method, tail.split_once('/')) {
        (&Method::GET, None) => Some(Operation::GetBucket(tail)),
        (&Method::PUT, None) => Some(Operation::UpdateBucket(tail)),
        (&Method::DELETE, None) => Some(Operation::DeleteBucket(tail)),
        (&Method::POST, Some((bucket, "empty"))) => Some(Operation::EmptyBucket(bucket)),
        _ => None,
    }
}

fn of_object<'a>(method: &Method, tail: &'a str) -> Option<Operation<'a>> {
    let (word, rest) = tail.split_once('/').unwrap_or((tail, ""));
    let place = Place::of(rest);
    let named = match (method, word) {
        (&Method::POST, "move") if rest.is_empty() => Some(Operation::Move),
        (&Method::POST, "copy") if rest.is_empty() => Some(Operation::Copy),
        (&Method::POST, "list") if is_one(rest) => Some(Operation::List(rest)),
        (&Method::POST, "list-v2") if is_one(rest) => Some(Operation::ListPages(rest)),
        (&Method::POST, "sign") if is_one(rest) => Some(Operation::SignMany(rest)),
        (&Method::POST, "sign") => place.map(Operation::SignOne),
        (&Method::GET, "sign") => place.map(Operation::ReadSigned),
        (&Method::GET, "authenticated") => place.map(Operation::ReadAuthenticated),
        (&Method::GET, "info") => of_info(rest),
        (&Method::POST, "upload") => Place::of(rest.strip_prefix("sign/")?).map(Operation::SignUpload),
        (&Method::PUT, "upload") => Place::of(rest.strip_prefix("sign/")?).map(Operation::SignedUpload),
        _ => None,
    };
    named.or_else(|| match (method, Place::of(tail)) {
        (&Method::GET, Some(place)) => Some(Operation::Read(place)),
        (&Method::POST, Some(place)) => Some(Operation::Upload(place, false)),
        (&Method::PUT, Some(place)) => Some(Operation::Upload(place, true)),
        (&Method::DELETE, Some(place)) => Some(Operation::RemoveOne(place)),
        (&Method::DELETE, None) if is_one(tail) => Some(Operation::RemoveMany(tail)),
        _ => None,
    })
}

fn of_info(rest: &str) -> Option<Operation<'_>> {
    let (word, deeper) = rest.split_once('/')?;
    match (word, Place::of(deeper)) {
        ("public", Some(place)) => Some(Operation::InfoPublic(place)),
        ("authenticated", Some(place)) => Some(Operation::Info(place)),
        _ => Place::of(rest).map(Operation::Info),
    }
}

/// Whether the rest is one segment.
fn is_one(rest: &str) -> bool {
    !rest.is_empty() && !rest.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_clients_has_its_operation() {
        let place = Place { bucket: "b", key: "a/c.png" };
        let rows: [(Method, &str, Option<Operation<'_>>); 33] = [
            (Method::GET, "status", Some(Operation::Status)),
            (Method::GET, "bucket", Some(Operation::ListBuckets)),
            (Method::GET, "bucket/", Some(Operation::ListBuckets)),
            (Method::POST, "bucket", Some(Operation::CreateBucket)),
            (Method::GET, "bucket/b", Some(Operation::GetBucket("b"))),
            (Method::PUT, "bucket/b", Some(Operation::UpdateBucket("b"))),
            (Method::DELETE, "bucket/b", Some(Operation::DeleteBucket("b"))),
            (Method::POST, "bucket/b/empty", Some(Operation::EmptyBucket("b"))),
            (Method::POST, "object/b/a/c.png", Some(Operation::Upload(place, false))),
            (Method::PUT, "object/b/a/c.png", Some(Operation::Upload(place, true))),
            (Method::GET, "object/b/a/c.png", Some(Operation::Read(place))),
            (Method::HEAD, "object/b/a/c.png", Some(Operation::Read(place))),
            (Method::DELETE, "object/b/a/c.png", Some(Operation::RemoveOne(place))),
            (Method::DELETE, "object/b", Some(Operation::RemoveMany("b"))),
            (Method::GET, "object/authenticated/b/a/c.png", Some(Operation::ReadAuthenticated(place))),
            (Method::GET, "object/sign/b/a/c.png", Some(Operation::ReadSigned(place))),
            (Method::POST, "object/sign/b/a/c.png", Some(Operation::SignOne(place))),
            (Method::POST, "object/sign/b", Some(Operation::SignMany("b"))),
            (Method::POST, "object/upload/sign/b/a/c.png", Some(Operation::SignUpload(place))),
            (Method::PUT, "object/upload/sign/b/a/c.png", Some(Operation::SignedUpload(place))),
            (Method::GET, "object/info/b/a/c.png", Some(Operation::Info(place))),
            (Method::GET, "object/info/authenticated/b/a/c.png", Some(Operation::Info(place))),
            (Method::GET, "object/info/public/b/a/c.png", Some(Operation::InfoPublic(place))),
            (Method::POST, "object/list/b", Some(Operation::List("b"))),
            (Method::POST, "object/list-v2/b", Some(Operation::ListPages("b"))),
            (Method::POST, "object/move", Some(Operation::Move)),
            (Method::POST, "object/copy", Some(Operation::Copy)),
            (Method::GET, "render/image/authenticated/b/a/c.png", Some(Operation::RenderAuthenticated(place))),
            (Method::GET, "render/image/sign/b/a/c.png", Some(Operation::RenderSigned(place))),
            (Method::GET, "render/image/other/b/a/c.png", None),
            (Method::GET, "object/b", None),
            (Method::PATCH, "object/b/a/c.png", None),
            (Method::GET, "nothing", None),
        ];
        for (method, path, expected) in rows {
            assert_eq!(of(&method, path), expected, "{method} {path}");
        }
    }
}
