//! From a picture's URL to what it asks for: parsed in its dialect, held against the bucket's rules. Knows no answers.

mod book;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Uri;

pub use book::{BucketBook, BucketRules, OwnBucket};

use crate::config::Access;
use crate::error::Code;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::transform::next::NextRefusal;
use crate::transform::policy::{self, Policy, PolicyRefusal};
use crate::transform::signature::{SignatureError, SigningKeys};
use crate::transform::supabase::SupabaseRefusal;
use crate::transform::{
    Dialect, ImageRequest, NextRules, ParameterError, Reader, Target, Want, native, next, supabase,
};

/// The paths of [`Route`].
pub const PICTURE_ROUTES: [&str; 4] = [
    "/image/{bucket}/{*object}",
    "/storage/v1/render/image/public/{bucket}/{*object}",
    "/storage/v1/object/public/{bucket}/{*object}",
    "/_next/image",
];

/// A picture route with the rest of its path, still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Native(&'a str),
    Render(&'a str),
    Object(&'a str),
    Next,
}

impl<'a> Route<'a> {
    /// The picture route of a path, if it is one.
    pub fn of(path: &'a str) -> Option<Self> {
        if let Some(tail) = path.strip_prefix("/image/") {
            return Some(Self::Native(tail));
        }
        // With `trailingSlash: true` Next asks with a slash.
        if matches!(path, "/_next/image" | "/_next/image/") {
            return Some(Self::Next);
        }
        let storage = path.strip_prefix("/storage/v1/")?;
        let render = storage.strip_prefix("render/image/public/").map(Self::Render);
        render.or_else(|| storage.strip_prefix("object/public/").map(Self::Object))
    }

    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Native(_) => Dialect::Native,
            Self::Render(_) | Self::Object(_) => Dialect::Supabase,
            Self::Next => Dialect::Next,
        }
    }
}

/// Why a URL is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Supabase(#[from] SupabaseRefusal),
    #[error(transparent)]
    Next(#[from] NextRefusal),
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Unknown, or private, which looks the same.
    #[error("there is no such bucket")]
    Bucket,
}

impl Refusal {
    /// The row of the error table.
    pub fn code(&self) -> Code {
        match self {
            Self::Parameter(error) => error.code(),
            Self::Supabase(error) => error.code(),
            Self::Next(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Bucket => Code::Missing,
        }
    }
}

/// The rules that a URL is read by.
#[derive(Debug)]
pub struct Admission {
    pub buckets: Arc<BucketBook>,
    pub next: NextRules,
    pub signing: SigningKeys,
    /// Longest side of a variant in pixels, to which the Supabase dialect clamps.
    pub output_side: u32,
}

impl Admission {
    /// Parses a URL, and holds it against the rules for strangers. `accept` is the whole `Accept` list.
    pub fn admit(&self, route: Route<'_>, uri: &Uri, accept: Option<&str>) -> Result<ImageRequest, Refusal> {
        let mut request = self.parse(route, uri, accept)?;
        if let Target::Object { bucket, .. } = &request.target {
            let rules = self.public(bucket)?;
            if rules.policy.policy == Policy::Signed && request.want != Want::Original {
                request.signed_for = Some(self.verify(uri)?);
            }
            policy::admit(&mut request, &rules.policy)?;
        }
        Ok(request)
    }

    /// Parses a URL of a public bucket that the operator asks for: what strangers may ask is not considered.
    pub fn admit_operator(&self, route: Route<'_>, uri: &Uri, accept: Option<&str>) -> Result<ImageRequest, Refusal> {
        let request = self.parse(route, uri, accept)?;
        if let Target::Object { bucket, .. } = &request.target {
            self.public(bucket)?;
        }
        Ok(request)
    }

    /// Parses a URL whose reader was found to be allowed to read: neither the bucket's access nor what strangers may ask
    /// is considered.
    pub fn admit_reader(
        &self,
        route: Route<'_>,
        uri: &Uri,
        accept: Option<&str>,
        reader: Reader,
    ) -> Result<ImageRequest, Refusal> {
        Ok(ImageRequest { reader, ..self.parse(route, uri, accept)? })
    }

    /// The rules of a public bucket.
    pub fn public(&self, bucket: &BucketName) -> Result<Arc<BucketRules>, Refusal> {
        self.buckets.get(bucket).filter(|rules| rules.access == Access::Public).ok_or(Refusal::Bucket)
    }

    fn parse(&self, route: Route<'_>, uri: &Uri, accept: Option<&str>) -> Result<ImageRequest, Refusal> {
        let query = uri.query().unwrap_or_default();
        Ok(match route {
            Route::Native(tail) => native::parse(tail, query, accept)?,
            Route::Render(tail) => supabase::parse_render(tail, query, accept, self.output_side)?,
            Route::Object(tail) => supabase::parse_object(tail, query)?,
            Route::Next => next::parse(query, accept, &self.next)?,
        })
    }

    /// Seconds for which the URL's signature is still good.
    fn verify(&self, uri: &Uri) -> Result<u64, SignatureError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.signing.verify(uri.path_and_query().map_or("", |text| text.as_str()), now)
    }
}

/// The object that holds a target's bytes.
pub fn object_of(target: &Target) -> ObjectId {
    match target {
        Target::Object { bucket, key } => ObjectId::new(bucket.clone(), key.clone()),
        Target::Remote(url) => ObjectId::new(BucketName::remote(), ObjectKey::from_url(url)),
    }
}
