//! One picture, one source: absolute URLs that are another spelling of an object of ours.

use url::Url;

use super::Target;
use super::query::object_of_path;
use crate::object::{BucketName, ObjectKey};

/// Our own routes that name a public object: `{route}/{bucket}/{object}`.
const ROUTES: [&[&str]; 3] =
    [&["image"], &["storage", "v1", "object", "public"], &["storage", "v1", "render", "image", "public"]];

/// The routes by which a Supabase shows public objects.
const UPSTREAM_ROUTES: [&[&str]; 2] = [&FRONTED_OBJECT, &FRONTED_RENDER];

/// How a bucket that is a public Supabase bucket is fronted, and how the same objects are rendered there.
const FRONTED_OBJECT: [&str; 4] = ["storage", "v1", "object", "public"];
const FRONTED_RENDER: [&str; 5] = ["storage", "v1", "render", "image", "public"];

/// The URL prefixes behind which our own buckets lie.
#[derive(Clone, Debug, Default)]
pub struct OwnOrigins {
    public: Vec<Prefix>,
    fronted: Vec<(Prefix, BucketName)>,
    /// Where every bucket is fronted.
    upstreams: Vec<Prefix>,
}

/// What an absolute URL is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    Object {
        bucket: BucketName,
        key: ObjectKey,
    },
    /// Below one of our prefixes, where no object can be.
    Nothing,
    /// Our own `/_next/image`.
    Recursive,
    /// Another path of a public URL of ours, with its query: to be read as a local URL.
    Local(String),
}

impl OwnOrigins {
    /// Takes every public URL of ours, and the origin prefix of every fronted bucket. A prefix
    /// `…/storage/v1/object/public/{bucket}` stands for its render form too.
    pub fn new(public_urls: &[Url], fronted: &[(Url, BucketName)]) -> Self {
        let public = public_urls.iter().map(Prefix::of).collect();
        let fronted = fronted.iter().flat_map(|(url, bucket)| {
            let prefix = Prefix::of(url);
            let render = prefix.as_render();
            std::iter::once(prefix).chain(render).map(|prefix| (prefix, bucket.clone()))
        });
        Self { public, fronted: fronted.collect(), upstreams: Vec::new() }
    }

    /// Takes a Supabase of which every bucket that has no prefix of its own is fronted under its own name.
    pub fn with_upstream(self, upstream: Option<&Url>) -> Self {
        Self { upstreams: upstream.map(Prefix::of).into_iter().collect(), ..self }
    }

    /// The path and query that `url` has below a public URL of ours, still encoded; `None`: it is not below any.
    pub fn below_public(&self, url: &Url) -> Option<String> {
        let below = self.public.iter().filter_map(|prefix| Some((prefix, prefix.rest(url)?)));
        let (_, rest) = below.max_by_key(|(prefix, _)| prefix.segments.len())?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("/{rest}{query}"))
    }

    /// What `url` is to us; `None`: somebody else's. Scheme, host and port must be exactly those of a prefix, the path
    /// must continue it at a segment's end; user information and, below a bucket, the query do not count.
    pub fn lookup(&self, url: &Url) -> Option<Own> {
        // A fronted bucket may lie below a public URL of ours (a chain of proxies): the longer prefix is meant.
        let public = self.public.iter().filter_map(|prefix| Some((prefix, prefix.rest(url)?, None)));
        let fronted =
            self.fronted.iter().filter_map(|(prefix, bucket)| Some((prefix, prefix.rest(url)?, Some(bucket))));
        let Some((_, rest, bucket)) = public.chain(fronted).max_by_key(|(prefix, _, _)| prefix.segments.len()) else {
            let rest = self.upstreams.iter().find_map(|upstream| upstream.rest(url))?;
            return own_route(&rest, &UPSTREAM_ROUTES);
        };
        Some(match bucket {
            Some(bucket) => match ObjectKey::decode(&rest) {
                Ok(key) => Own::Object { bucket: bucket.clone(), key },
                Err(_) => Own::Nothing,
            },
            None if names_next_image(&format!("/{rest}")) => Own::Recursive,
            None => own_route(&rest, &ROUTES).unwrap_or_else(|| {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                Own::Local(format!("/{rest}{query}"))
            }),
        })
    }
}

/// Reads a path (without its leading slash) as one of these routes to a public object; `None`: it is none of them.
fn own_route(path: &str, routes: &[&[&str]]) -> Option<Own> {
    let rest = routes.iter().find_map(|route| after_segments(path, route))?;
    match object_of_path(rest) {
        Ok(Target::Object { bucket, key }) => Some(Own::Object { bucket, key }),
        _ => Some(Own::Nothing),
    }
}

/// Whether a path, decoded once, is `/_next/image` or leads through it.
pub(super) fn names_next_image(path: &str) -> bool {
    let decoded = decoded(path);
    decoded.ends_with("/_next/image") || decoded.contains("/_next/image/")
}

/// What follows the leading segments of a path (without its leading slash), still encoded; `None` if the path does not
/// begin with them. Segments are compared decoded.
pub(super) fn after_segments<'path>(path: &'path str, segments: &[impl AsRef<str>]) -> Option<&'path str> {
    segments.iter().try_fold(path, |path, expected| {
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        (decoded(segment) == expected.as_ref()).then_some(rest)
    })
}

/// The decoded segments of a path, empty ones at its ends left out.
pub(super) fn segments(path: &str) -> Vec<String> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() { Vec::new() } else { trimmed.split('/').map(|segment| decoded(segment).into()).collect() }
}

fn decoded(text: &str) -> std::borrow::Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[derive(Clone, Debug)]
struct Prefix {
    scheme: String,
    /// In lower case, without the dot of a fully qualified name.
    host: String,
    port: Option<u16>,
    segments: Vec<String>,
}

impl Prefix {
    fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: host(url).to_owned(),
            port: url.port_or_known_default(),
            segments: segments(url.path()),
        }
    }

    fn rest(&self, url: &Url) -> Option<String> {
        let same_origin =
            self.scheme == url.scheme() && self.host == host(url) && self.port == url.port_or_known_default();
        if !same_origin {
            return None;
        }
        after_segments(url.path().strip_prefix('/')?, &self.segments).map(str::to_owned)
    }

    /// The render form of a public Supabase prefix.
    fn as_render(&self) -> Option<Self> {
        let at = self.segments.windows(FRONTED_OBJECT.len()).position(|window| window == FRONTED_OBJECT)?;
        let mut segments = self.segments.clone();
        segments.splice(at..at + FRONTED_OBJECT.len(), FRONTED_RENDER.map(str::to_owned));
        Some(Self { segments, ..self.clone() })
    }
}

fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> OwnOrigins {
        let url = |text: &str| Url::parse(text).unwrap();
        let bucket = |name: &str| BucketName::parse(name).unwrap();
        OwnOrigins::new(
            &[url("http://127.0.0.1:8787"), url("https://img.example.com/cdn/")],
            &[
                (url("https://p.supabase.co/storage/v1/object/public/b/"), bucket("fronted")),
                (url("https://origin.test/pictures"), bucket("plain")),
                (url("https://origin.test/pictures/deep"), bucket("deep")),
            ],
        )
    }

    #[test]
    fn our_own_urls_are_our_own_objects() {
        for (url, expected, why) in [
            ("http://127.0.0.1:8787/image/photos/a%20b.jpg?w=9", "photos/a b.jpg", "native, query ignored"),
            ("http://127.0.0.1:8787/storage/v1/object/public/photos/x/a.jpg", "photos/x/a.jpg", "public object"),
            ("http://127.0.0.1:8787/storage/v1/render/image/public/photos/a.jpg", "photos/a.jpg", "public render"),
            ("http://127.0.0.1:8787/%69mage/photos/a.jpg", "photos/a.jpg", "an encoded route"),
            ("http://user:word@127.0.0.1:8787/image/photos/a.jpg", "photos/a.jpg", "user information does not count"),
            ("https://img.example.com/cdn/image/photos/a.jpg", "photos/a.jpg", "below a public URL with a path"),
            ("https://IMG.example.com.:443/cdn/image/photos/a.jpg", "photos/a.jpg", "another spelling of the host"),
            ("https://p.supabase.co/storage/v1/object/public/b/x/a.jpg", "fronted/x/a.jpg", "fronted"),
            (
                "https://p.supabase.co/storage/v1/render/image/public/b/a.jpg?width=9",
                "fronted/a.jpg",
                "its render form",
            ),
            ("https://origin.test/pictures/a.jpg", "plain/a.jpg", "a plain origin"),
            ("https://origin.test/pictures/deep/a.jpg", "deep/a.jpg", "the longest prefix"),
            ("https://origin.test/pictures/deeper/a.jpg", "plain/deeper/a.jpg", "prefixes end at a segment"),
        ] {
            match own().lookup(&Url::parse(url).unwrap()) {
                Some(Own::Object { bucket, key }) => assert_eq!(format!("{bucket}/{key}"), expected, "{why}"),
                other => panic!("{url}: {why}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_public_object_of_an_upstream_is_ours_and_nothing_else_of_it() {
        let upstream = Url::parse("https://q.supabase.co").unwrap();
        let own = own().with_upstream(Some(&upstream));
        let looked_up = |path: &str| own.lookup(&upstream.join(path).unwrap());
        for route in ["object/public", "render/image/public"] {
            match looked_up(&format!("/storage/v1/{route}/any/x/a.jpg?width=9")) {
                Some(Own::Object { bucket, key }) => assert_eq!(format!("{bucket}/{key}"), "any/x/a.jpg"),
                other => panic!("{route}: {other:?}"),
            }
        }
        for path in ["/storage/v1/object/sign/any/a.jpg?token=x", "/image/any/a.jpg", "/_next/image?url=a", "/rest/v1"]
        {
            assert_eq!(looked_up(path), None, "{path}");
        }
    }

    #[test]
    fn strangers_urls_are_not_ours() {
        for (url, why) in [
            ("https://127.0.0.1:8787/image/photos/a.jpg", "another scheme"),
            ("http://127.0.0.1:8788/image/photos/a.jpg", "another port"),
            ("http://127.0.0.1:8787@evil.test/image/photos/a.jpg", "the host is evil.test"),
            ("http://127.0.0.1.evil.test:8787/image/photos/a.jpg", "another host"),
            ("https://img.example.com/image/photos/a.jpg", "not below the public URL's path"),
            ("https://img.example.com/cdnx/image/photos/a.jpg", "the path ends within a segment"),
            ("https://p.supabase.co/storage/v1/object/public/bb/a.jpg", "another bucket there"),
            ("https://p.supabase.co/storage/v1/object/sign/b/a.jpg?token=x", "a signed URL there"),
            ("https://origin.test/a.jpg", "beside the prefix"),
            ("https://origin.test//pictures/a.jpg", "another path, whatever the origin makes of it"),
        ] {
            assert_eq!(own().lookup(&Url::parse(url).unwrap()), None, "{url}: {why}");
        }
    }

    #[test]
    fn our_other_paths_are_recursive_local_or_nothing() {
        for (url, expected) in [
            ("http://127.0.0.1:8787/_next/image?url=%2Fa&w=64&q=75", Own::Recursive),
            ("http://127.0.0.1:8787/%5Fnext%2Fimage/", Own::Recursive),
            ("https://img.example.com/cdn/_next/image", Own::Recursive),
            ("http://127.0.0.1:8787/a/../_next/image", Own::Recursive),
            ("http://127.0.0.1:8787/photos/a.jpg?v=1", Own::Local("/photos/a.jpg?v=1".to_owned())),
            ("http://127.0.0.1:8787//_next/image", Own::Recursive),
            ("http://127.0.0.1:8787/_next/images", Own::Local("/_next/images".to_owned())),
            ("http://127.0.0.1:8787/image/photos", Own::Nothing),
            ("http://127.0.0.1:8787/image/photos/%2e%2e%2fa", Own::Nothing),
            ("https://origin.test/pictures", Own::Nothing),
        ] {
            assert_eq!(own().lookup(&Url::parse(url).unwrap()), Some(expected), "{url}");
        }
    }
}
