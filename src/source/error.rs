//! Why an original could not be had, and why a source could not be set up.

use std::path::PathBuf;

use super::guard::Refused;
use crate::error::Code;

/// Why an original could not be had. Cheap to clone: every follower of a fill gets a copy.
///
/// `Display` is for logs and may hold addresses and system errors; strangers get [`SourceError::public_text`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("there is no such object")]
    Missing,
    #[error("the original is larger than {limit} bytes")]
    TooManyBytes { limit: u64 },
    /// Any status that is no picture, no redirect and no "missing": 206 to a full GET and an unasked-for 304 too.
    #[error("the origin answered with status {0}")]
    Status(u16),
    /// A store does not accept the credentials, or they do not allow this.
    #[error("the store denied access: {0}")]
    Denied(String),
    /// A store's answer that is no object and names no status.
    #[error("the origin's answer is of no use: {0}")]
    BadAnswer(String),
    #[error("the origin answered without a single byte")]
    Empty,
    /// No address, no connection, no TLS for a request with a body: none of it was sent.
    #[error("the other side cannot be connected to: {0}")]
    Unconnected(String),
    /// No address, no connection, no TLS, no readable HTTP; or a folder that cannot be read.
    #[error("the origin is unreachable: {0}")]
    Unreachable(String),
    #[error("the origin redirects too often")]
    Redirects,
    /// One hop took longer than it may, from the first lookup to the last byte.
    #[error("the origin took too long")]
    Slow,
    /// The answer broke off, contradicts its own length, does not decompress, or a file changed while it was read.
    #[error("the original is incomplete: {0}")]
    Incomplete(String),
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// More than one content coding, or one that we do not know.
    #[error("the origin used a content coding that is not accepted: {0}")]
    Coding(String),
    #[error("this kind of source cannot list its objects")]
    NoListing,
    /// Only the reader's own request can read this, and it has not been read yet.
    #[error("only a reader's own request can open this")]
    Restricted,
    #[error("internal failure: {0}")]
    Internal(String),
}

impl SourceError {
    /// The row of the error table.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => Code::Missing,
            Self::TooManyBytes { .. } => Code::TooManyBytes,
            Self::Status(_)
            | Self::Denied(_)
            | Self::BadAnswer(_)
            | Self::Empty
            | Self::Incomplete(_)
            | Self::Coding(_) => Code::OriginFailed,
            Self::Unconnected(_) | Self::Unreachable(_) => Code::OriginUnreachable,
            Self::Redirects => Code::OriginRedirects,
            Self::Slow => Code::OriginSlow,
            Self::Refused(_) => Code::Forbidden,
            Self::NoListing | Self::Restricted | Self::Internal(_) => Code::Internal,
        }
    }

    /// What a stranger may read: the category, without names, addresses or system errors.
    pub fn public_text(&self) -> &'static str {
        match self {
            Self::Missing => "there is no such picture",
            Self::TooManyBytes { .. } => "the original has more bytes than are accepted",
            Self::Status(_) | Self::Denied(_) | Self::BadAnswer(_) | Self::Empty | Self::Coding(_) => {
                "the origin did not answer with a picture"
            }
            Self::Incomplete(_) => "the origin's answer is incomplete",
            Self::Unconnected(_) | Self::Unreachable(_) => "the origin could not be reached",
            Self::Redirects => "the origin redirects too often",
            Self::Slow => "the origin took too long to answer",
            Self::Refused(_) => "this address is not allowed",
            Self::NoListing | Self::Restricted | Self::Internal(_) => "internal failure",
        }
    }
}

/// Why a configured source cannot be used at all. The texts are meant for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("{path:?}: there is no such folder")]
    NoSuchFolder { path: PathBuf },
    #[error("{path:?} is not a folder")]
    NotAFolder { path: PathBuf },
    #[error("{path:?}: permission denied")]
    FolderDenied { path: PathBuf },
    #[error("{path:?} cannot be opened: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("an origin is an http or https URL with a host, and without user name, query and fragment")]
    OriginUrl,
    #[error("{name:?} is not a header that can be sent to an origin")]
    Header { name: String },
    #[error("{text:?} is not a host, host:port or [address]:port")]
    HostPort { text: String },
    #[error("a store is s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")]
    StoreUrl,
    #[error("{name:?} is not an option of this store")]
    StoreOption { name: String },
    #[error("the store cannot be set up: {0}")]
    Store(#[from] object_store::Error),
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}
