//! Tokens of sockets: they must say who and until when. The texts are those that Supabase's clients know.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::auth::{Caller, Keys, TokenError, claimed_expiry, is_opaque};

/// Why a token opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("API key is missing")]
    Missing,
    /// So many seconds ago.
    #[error("Token has expired {0} seconds ago")]
    Expired(u64),
    #[error("Fields `role` and `exp` are required in JWT")]
    Claims,
    #[error("The token provided is not a valid JWT")]
    Malformed,
    #[error("Failed to validate JWT signature")]
    Signature,
    /// Sound, but not for here or not for now.
    #[error("{0}")]
    Other(TokenError),
}

impl TokenRefusal {
    /// The word before the text in the answer to a join.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "MalformedJWT",
            Self::Signature => "JwtSignatureError",
            Self::Missing | Self::Expired(_) | Self::Claims | Self::Other(_) => "InvalidJWTToken",
        }
    }

    /// The text on a refused handshake.
    pub fn on_handshake(&self) -> String {
        match self {
            Self::Expired(_) => "Token has expired".to_owned(),
            other => other.to_string(),
        }
    }
}

/// The caller of a socket's token or `sb_…` key.
pub fn caller(keys: &Keys, token: &str) -> Result<Caller, TokenRefusal> {
    let caller = keys.caller_of_token(token).map_err(|error| refusal(token, error))?;
    let is_complete = caller.claims.contains_key("role") && caller.expires.is_some();
    // Keys that are no tokens are ours, and have no end.
    if is_complete || is_opaque(token) { Ok(caller) } else { Err(TokenRefusal::Claims) }
}

fn refusal(token: &str, error: TokenError) -> TokenRefusal {
    match error {
        TokenError::Missing => TokenRefusal::Missing,
        TokenError::Expired => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            TokenRefusal::Expired(now.saturating_sub(claimed_expiry(token).unwrap_or(now)))
        }
        TokenError::Malformed | TokenError::Algorithm | TokenError::UnknownKey => TokenRefusal::Malformed,
        TokenError::NoKey | TokenError::Signature => TokenRefusal::Signature,
        TokenError::NotYet
        | TokenError::NotANumber(_)
        | TokenError::MissingClaim(_)
        | TokenError::UnexpectedClaim(_) => TokenRefusal::Other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::NewToken;
    use crate::secret::Secret;

    fn keys() -> Keys {
        let secret = Secret::new("a-secret-for-tests-of-at-least-32-bytes");
        Keys::new(&secret).with_opaque(&[Secret::new("sb_publishable_0123456789abcdef")], &[])
    }

    fn token(keys: &Keys, expires: Option<u64>) -> String {
        let (role, subject) = ("authenticated", Some("ann"));
        keys.sign(&NewToken { role, subject, issuer: None, audience: None, issued: 0, expires })
    }

    #[test]
    fn every_refusal_has_its_code_and_its_text() {
        let keys = keys();
        let other = Keys::new(&Secret::new("y".repeat(32)));
        let rows = [
            (token(&keys, None), "InvalidJWTToken", "Fields `role` and `exp` are required in JWT"),
            ("nonsense".to_owned(), "MalformedJWT", "The token provided is not a valid JWT"),
            (token(&other, Some(4_000_000_000)), "JwtSignatureError", "Failed to validate JWT signature"),
            ("sb_secret_unknown".to_owned(), "MalformedJWT", "The token provided is not a valid JWT"),
        ];
        for (token, code, text) in rows {
            let refusal = caller(&keys, &token).unwrap_err();
            assert_eq!((refusal.code(), refusal.to_string().as_str()), (code, text));
            assert_eq!(refusal.on_handshake(), text);
        }
        let expired = caller(&keys, &token(&keys, Some(1000))).unwrap_err();
        assert!(matches!(expired, TokenRefusal::Expired(ago) if ago > 1_000_000_000));
        assert_eq!(expired.on_handshake(), "Token has expired");
    }

    #[test]
    fn complete_tokens_and_listed_keys_are_callers() {
        let keys = keys();
        assert_eq!(caller(&keys, &token(&keys, Some(4_000_000_000))).unwrap().subject.as_deref(), Some("ann"));
        assert_eq!(caller(&keys, "sb_publishable_0123456789abcdef").unwrap().expires, None);
    }
}
