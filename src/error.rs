//! Whose fault an error is, and the stable codes that logs, metrics and envelopes share.
//!
//! Every room has its own error type; each of them says its [`Code`], and `http::errors` alone turns a code into a status.

/// Whose fault decides the class of the answer: caller 4xx, origin 502/504, us 500, busy 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request is wrong.
    Caller,
    /// The thing asked for is not there, or not visible to this caller.
    Missing,
    /// The place the original comes from misbehaved.
    Origin,
    /// We failed.
    Us,
    /// There is more work than we may take on.
    Busy,
}

/// One row of the error table. The names are stable: they appear in logs, metrics and problem documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    BadParameter,
    Missing,
    Forbidden,
    TooManyBytes,
    NotAPicture,
    /// A picture, of a kind that is deliberately not rendered (SVG, HEIC, …).
    KindRefused,
    Corrupt,
    TooManyPixels,
    TooFast,
    Busy,
    /// The origin answered with nonsense.
    OriginFailed,
    OriginUnreachable,
    OriginRedirects,
    OriginSlow,
    Internal,
}

impl Code {
    pub const ALL: [Self; 15] = [
        Self::BadParameter,
        Self::Missing,
        Self::Forbidden,
        Self::TooManyBytes,
        Self::NotAPicture,
        Self::KindRefused,
        Self::Corrupt,
        Self::TooManyPixels,
        Self::TooFast,
        Self::Busy,
        Self::OriginFailed,
        Self::OriginUnreachable,
        Self::OriginRedirects,
        Self::OriginSlow,
        Self::Internal,
    ];

    /// Whose fault this is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Missing => Fault::Missing,
            Self::BadParameter
            | Self::Forbidden
            | Self::TooManyBytes
            | Self::NotAPicture
            | Self::KindRefused
            | Self::Corrupt
            | Self::TooManyPixels
            | Self::TooFast => Fault::Caller,
            Self::OriginFailed | Self::OriginUnreachable | Self::OriginRedirects | Self::OriginSlow => Fault::Origin,
            Self::Busy => Fault::Busy,
            Self::Internal => Fault::Us,
        }
    }

    /// The name in logs, metrics and problem documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadParameter => "bad-parameter",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::TooManyBytes => "too-many-bytes",
            Self::NotAPicture => "not-a-picture",
            Self::KindRefused => "kind-refused",
            Self::Corrupt => "corrupt",
            Self::TooManyPixels => "too-many-pixels",
            Self::TooFast => "too-fast",
            Self::Busy => "busy",
            Self::OriginFailed => "origin-failed",
            Self::OriginUnreachable => "origin-unreachable",
            Self::OriginRedirects => "origin-redirects",
            Self::OriginSlow => "origin-slow",
            Self::Internal => "internal",
        }
    }
}
