//! Which operation a method and a path name: one table. Words of the API win over buckets that are named like them.

use http::Method;

/// An object in a path: both parts still percent-encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Place<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
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
    Restore,
    SignOne(Place<'a>),
    SignMany(&'a str),
    SignUpload(Place<'a>),
    SignedUpload(Place<'a>),
    Resumable(Resumable<'a>),
}

/// A path of TUS, whose methods are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Resumable<'a> {
    /// Whether a signature takes the place of a token.
    pub signed: bool,
    /// `None`: where uploads begin.
    pub id: Option<&'a str>,
}

impl<'a> Resumable<'a> {
    fn of(tail: &'a str) -> Option<Self> {
        let (signed, rest) = match tail.strip_prefix("/sign") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (true, rest),
            _ => (false, tail),
        };
        match rest {
            "" | "/" => Some(Self { signed, id: None }),
            _ => rest
                .strip_prefix('/')
                .filter(|id| !id.is_empty() && !id.contains('/'))
                .map(|id| Self { signed, id: Some(id) }),
        }
    }
}

/// A route: method, path below `/storage/v1/`, and the operation of what the path names.
type Row = (Method, &'static str, for<'a> fn(Place<'a>) -> Operation<'a>);

/// The first row that fits counts.
static ROWS: [Row; 30] = [
    (Method::GET, "status", |_| Operation::Status),
    (Method::GET, "version", |_| Operation::Version),
    (Method::GET, "health", |_| Operation::Health),
    (Method::GET, "bucket", |_| Operation::ListBuckets),
    (Method::POST, "bucket", |_| Operation::CreateBucket),
    (Method::GET, "bucket/{bucket}", |at| Operation::GetBucket(at.bucket)),
    (Method::PUT, "bucket/{bucket}", |at| Operation::UpdateBucket(at.bucket)),
    (Method::DELETE, "bucket/{bucket}", |at| Operation::DeleteBucket(at.bucket)),
    (Method::POST, "bucket/{bucket}/empty", |at| Operation::EmptyBucket(at.bucket)),
    (Method::POST, "object/move", |_| Operation::Move),
    (Method::POST, "object/copy", |_| Operation::Copy),
    (Method::POST, "object/restore", |_| Operation::Restore),
    (Method::POST, "object/list/{bucket}", |at| Operation::List(at.bucket)),
    (Method::POST, "object/list-v2/{bucket}", |at| Operation::ListPages(at.bucket)),
    (Method::POST, "object/sign/{bucket}", |at| Operation::SignMany(at.bucket)),
    (Method::POST, "object/sign/{bucket}/{*object}", |at| Operation::SignOne(at)),
    (Method::GET, "object/sign/{bucket}/{*object}", |at| Operation::ReadSigned(at)),
    (Method::POST, "object/upload/sign/{bucket}/{*object}", |at| Operation::SignUpload(at)),
    (Method::PUT, "object/upload/sign/{bucket}/{*object}", |at| Operation::SignedUpload(at)),
    (Method::GET, "object/authenticated/{bucket}/{*object}", |at| Operation::ReadAuthenticated(at)),
    (Method::GET, "object/info/public/{bucket}/{*object}", |at| Operation::InfoPublic(at)),
    (Method::GET, "object/info/authenticated/{bucket}/{*object}", |at| Operation::Info(at)),
    (Method::GET, "object/info/{bucket}/{*object}", |at| Operation::Info(at)),
    (Method::GET, "render/image/authenticated/{bucket}/{*object}", |at| Operation::RenderAuthenticated(at)),
    (Method::GET, "render/image/sign/{bucket}/{*object}", |at| Operation::RenderSigned(at)),
    (Method::GET, "object/{bucket}/{*object}", |at| Operation::Read(at)),
    (Method::POST, "object/{bucket}/{*object}", |at| Operation::Upload(at, false)),
    (Method::PUT, "object/{bucket}/{*object}", |at| Operation::Upload(at, true)),
    (Method::DELETE, "object/{bucket}/{*object}", |at| Operation::RemoveOne(at)),
    (Method::DELETE, "object/{bucket}", |at| Operation::RemoveMany(at.bucket)),
];

/// Method and path below `/storage/v1/` of every operation.
pub(in crate::http) fn routes() -> impl Iterator<Item = (Method, &'static str)> {
    ROWS.iter().map(|(method, path, _)| (method.clone(), *path)).chain(RESUMABLE)
}

/// What [`Resumable`] stands for, whose paths begin alike.
const RESUMABLE: [(Method, &str); 12] = [
    (Method::OPTIONS, "upload/resumable"),
    (Method::POST, "upload/resumable"),
    (Method::HEAD, "upload/resumable/{id}"),
    (Method::PATCH, "upload/resumable/{id}"),
    (Method::POST, "upload/resumable/{id}"),
    (Method::DELETE, "upload/resumable/{id}"),
    (Method::OPTIONS, "upload/resumable/sign"),
    (Method::POST, "upload/resumable/sign"),
    (Method::HEAD, "upload/resumable/sign/{id}"),
    (Method::PATCH, "upload/resumable/sign/{id}"),
    (Method::POST, "upload/resumable/sign/{id}"),
    (Method::DELETE, "upload/resumable/sign/{id}"),
];

/// The operation of a path below `/storage/v1/`.
pub(in crate::http) fn of<'a>(method: &Method, path: &'a str) -> Option<Operation<'a>> {
    if let Some(tail) = path.strip_prefix("upload/resumable") {
        return Resumable::of(tail).map(Operation::Resumable);
    }
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let rows = ROWS.iter().filter(|(expected, _, _)| expected == method);
    let mut fitting = rows.filter_map(|(_, template, operation)| Some(operation(place(template, path)?)));
    fitting.next()
}

/// What a path names, if it has the shape of the template.
fn place<'a>(template: &str, path: &'a str) -> Option<Place<'a>> {
    let (mut place, mut rest) = (Place::default(), Some(path));
    for expected in template.split('/') {
        let (segment, after) = match rest?.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest?, None),
        };
        match expected {
            "{*object}" => {
                place.key = rest.filter(|key| !key.is_empty())?;
                return Some(place);
            }
            "{bucket}" if !segment.is_empty() => place.bucket = segment,
            word if word == segment => {}
            _ => return None,
        }
        rest = after;
    }
    rest.is_none_or(str::is_empty).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_clients_has_its_operation() {
        let place = Place { bucket: "b", key: "a/c.png" };
        let tus = |signed, id| Some(Operation::Resumable(Resumable { signed, id }));
        let rows: [(Method, &str, Option<Operation<'_>>); 49] = [
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
            (Method::POST, "object/restore", Some(Operation::Restore)),
            (Method::GET, "render/image/authenticated/b/a/c.png", Some(Operation::RenderAuthenticated(place))),
            (Method::GET, "render/image/sign/b/a/c.png", Some(Operation::RenderSigned(place))),
            (Method::POST, "upload/resumable", tus(false, None)),
            (Method::OPTIONS, "upload/resumable/", tus(false, None)),
            (Method::HEAD, "upload/resumable/aWQ", tus(false, Some("aWQ"))),
            (Method::POST, "upload/resumable/sign", tus(true, None)),
            (Method::PATCH, "upload/resumable/sign/aWQ", tus(true, Some("aWQ"))),
            (Method::PATCH, "upload/resumable/signed", tus(false, Some("signed"))),
            (Method::PATCH, "upload/resumable/a/b", None),
            (Method::POST, "upload/resumables", None),
            (Method::GET, "render/image/other/b/a/c.png", None),
            (Method::GET, "object/b", None),
            (Method::GET, "object/b/", None),
            (Method::GET, "object//c.png", None),
            (Method::GET, "", None),
            (Method::PATCH, "object/b/a/c.png", None),
            (Method::GET, "nothing", None),
            // Buckets that are named like words of the API.
            (Method::POST, "object/restore/c", Some(Operation::Upload(Place { bucket: "restore", key: "c" }, false))),
            (Method::GET, "object/sign/c.png", Some(Operation::Read(Place { bucket: "sign", key: "c.png" }))),
            (Method::POST, "object/list/a/c", Some(Operation::Upload(Place { bucket: "list", key: "a/c" }, false))),
            (Method::GET, "object/info/public/b", Some(Operation::Info(Place { bucket: "public", key: "b" }))),
        ];
        for (method, path, expected) in rows {
            assert_eq!(of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn every_row_is_reached_by_its_own_path() {
        for (method, template, operation) in &ROWS {
            let path = template.replace("{bucket}", "b").replace("{*object}", "a/c.png");
            assert_eq!(of(method, &path), Some(operation(place(template, &path).unwrap())), "{method} {template}");
        }
    }
}
