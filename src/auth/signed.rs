//! Tokens of signed object URLs, as Supabase Storage makes them. Pure.

use serde::{Deserialize, Serialize};

use super::token::{TokenError, Unverified};

/// Longest time in seconds for which the same signature is given out again.
const MAX_WINDOW: u64 = 600;

/// What a signed URL is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Download,
    Upload,
}

impl Scope {
    /// The word of the claim and of messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// The claims of a signed URL's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectToken {
    /// `bucket/path`, decoded.
    pub url: String,
    /// Tokens of older storage servers have none; see [`Self::effective_scope`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Supabase's list, such as `width:200,height:200,resize:cover`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformations: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whom an upload belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upsert: Option<bool>,
    /// Unix seconds.
    #[serde(default)]
    pub iat: u64,
    /// Unix seconds.
    pub exp: u64,
}

impl ObjectToken {
    /// The claims of a token that somebody else has just verified, and nobody here.
    pub fn of_verified(token: &str) -> Option<Self> {
        let claims = Unverified::parse(token).ok()?.claims().ok()?;
        serde_json::from_value(claims.into()).ok()
    }

    /// The token's scope; without one the `upsert` claim marks an upload.
    pub fn effective_scope(&self) -> Scope {
        self.scope.unwrap_or(if self.upsert.is_some() { Scope::Upload } else { Scope::Download })
    }

    /// Whether the token is for this object and this use.
    pub(super) fn check(&self, expected_url: &str, scope: Scope) -> Result<(), SignedTokenError> {
        if self.url != expected_url {
            return Err(SignedTokenError::Signature(Mismatch::Url));
        }
        if self.effective_scope() != scope {
            return Err(SignedTokenError::Signature(Mismatch::Scope(scope)));
        }
        Ok(())
    }
}

/// Why a signed URL is refused. `Display` is the message that clients see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedTokenError {
    /// Supabase's `InvalidJWT`: broken, expired, or not ours.
    #[error(transparent)]
    Jwt(#[from] TokenError),
    /// Supabase's `InvalidSignature`: sound, but for something else.
    #[error(transparent)]
    Signature(Mismatch),
}

/// In what a sound token differs from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("Invalid signature")]
    Url,
    #[error("Token is not scoped for {}", .0.as_str())]
    Scope(Scope),
}

/// Rounds the time of issue down, so that the same caller, object and `expires_in` (seconds) get the same token, and so a
/// URL that caches know, for a tenth of its lifetime and 10 minutes at most.
pub const fn stable_issue_time(now: u64, expires_in: u64) -> u64 {
    now - now % window(expires_in)
}

/// The end of a token issued at [`stable_issue_time`].
///
/// It lies so that a URL is never valid for less than `expires_in` from the moment it is given out, because pages and mails
/// rely on that; the price is that it may be valid for up to a tenth (at most 10 minutes) longer. Below 20 s it is exact.
pub const fn stable_expiry(issued: u64, expires_in: u64) -> u64 {
    issued.saturating_add(expires_in).saturating_add(window(expires_in) - 1)
}

const fn window(expires_in: u64) -> u64 {
    match expires_in / 10 {
        0 => 1,
        tenth if tenth > MAX_WINDOW => MAX_WINDOW,
        tenth => tenth,
    }
}

/// When a token ends (Unix seconds), as it says itself: not verified. `None` for what is no token, or has no end.
pub fn expiry_of(token: &str) -> Option<u64> {
    let claims = Unverified::parse(token).ok()?.claims().ok()?;
    claims.get("exp")?.as_f64().map(|seconds| seconds.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_stable_for_a_tenth_of_its_lifetime() {
        assert_eq!(stable_issue_time(1_000_059, 600), 1_000_020);
        assert_eq!(stable_issue_time(1_000_079, 600), 1_000_020);
        assert_eq!(stable_issue_time(1_000_080, 600), 1_000_080);
        assert_eq!(stable_issue_time(1_000_199, 31_536_000), 1_000_199 - 1_000_199 % 600);
        assert_eq!((stable_issue_time(77, 1), stable_expiry(77, 1)), (77, 78));
        assert_eq!(stable_expiry(77, u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn a_url_lives_at_least_as_long_as_asked_and_little_longer(now in 0_u64..1 << 40, asked in 1_u64..1 << 33) {
            let issued = stable_issue_time(now, asked);
            let lives = stable_expiry(issued, asked) - now;
            prop_assert!(issued <= now && lives >= asked);
            prop_assert!(lives - asked < (asked / 10).clamp(1, 600));
        }
    }
}
