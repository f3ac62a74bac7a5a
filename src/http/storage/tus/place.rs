//! The URL of an upload: `…/upload/resumable/` and the base64url of bucket, object and version. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::HOST;
use http::request::Parts;
use url::Url;
use uuid::Uuid;

use super::Refusal;
use crate::catalog::Upload;
use crate::object::{BucketName, ObjectId, ObjectKey};

const PATH: &str = "/storage/v1/upload/resumable";

/// Which upload. The version is random: who knows it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub object: ObjectId,
    pub version: Uuid,
}

impl Place {
    pub fn of(upload: &Upload) -> Self {
        Self { object: upload.object.clone(), version: upload.version }
    }

    /// What is no id of ours is no upload.
    pub fn parse(id: &str) -> Result<Self, Refusal> {
        Self::decoded(id).ok_or(Refusal::Unknown)
    }

    fn decoded(id: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let (object, version) = text.rsplit_once('/')?;
        let (bucket, key) = object.split_once('/')?;
        let object = ObjectId::new(BucketName::parse(bucket).ok()?, ObjectKey::parse(key).ok()?);
        Some(Self { object, version: Uuid::try_parse(version).ok()? })
    }

    fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}/{}", self.object, self.version))
    }

    /// The upload's URL at the public URL by which the client reached us, else at the first. Where none is configured it
    /// is relative: a `Host` that nobody configured is never repeated.
    pub fn url(&self, signed: bool, head: &Parts, public_urls: &[Url]) -> String {
        let asked = head.uri.authority().map(http::uri::Authority::as_str);
        let asked = asked.or_else(|| head.headers.get(HOST)?.to_str().ok()).unwrap_or_default();
        let reached = public_urls.iter().find(|url| authority(url).eq_ignore_ascii_case(asked));
        let base = reached.or(public_urls.first()).map_or("", |url| url.as_str().trim_end_matches('/'));
        let signed = if signed { "/sign" } else { "" };
        format!("{base}{PATH}{signed}/{}", self.id())
    }
}

/// Host and port as a `Host` header says them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn place() -> Place {
        let object = ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse("ann/ü x.png").unwrap());
        Place { object, version: Uuid::nil() }
    }

    #[test]
    fn an_id_comes_back_and_nothing_else_is_one() {
        assert_eq!(Place::decoded(&place().id()), Some(place()));
        let version = Uuid::nil();
        for text in [
            String::new(),
            "b/a".to_owned(),
            format!("b/{version}"),
            format!("/a/{version}"),
            format!("b/../{version}"),
            format!("b/a/../../c/{version}"),
            format!("b//{version}"),
            format!("~remote/a/{version}"),
            "b/a/not-a-uuid".to_owned(),
            format!("b/a\0/{version}"),
        ] {
            assert_eq!(Place::decoded(&URL_SAFE_NO_PAD.encode(&text)), None, "{text}");
        }
        for id in ["%", "YQ==", "_w", "..", &"A".repeat(9000)] {
            assert_eq!(Place::decoded(id), None, "{id}");
        }
    }

    #[test]
    fn only_configured_urls_are_written() {
        let urls = ["https://images.example/", "http://other.example:8787/cdn/"].map(|url| Url::parse(url).unwrap());
        let at = |host: &str, urls: &[Url], signed| {
            let head = Request::builder().uri("/x").header("host", host).body(()).unwrap().into_parts().0;
            let url = place().url(signed, &head, urls);
            url.strip_suffix(&place().id()).unwrap().to_owned()
        };
        assert_eq!(at("images.example", &urls, false), "https://images.example/storage/v1/upload/resumable/");
        let other = "http://other.example:8787/cdn/storage/v1/upload/resumable/sign/";
        assert_eq!(at("OTHER.example:8787", &urls, true), other);
        for evil in ["evil.example", "other.example", "images.example:444", "images.example.evil.example", ""] {
            assert_eq!(at(evil, &urls, false), "https://images.example/storage/v1/upload/resumable/", "{evil}");
        }
        assert_eq!(at("evil.example", &[], false), "/storage/v1/upload/resumable/");
    }
}
