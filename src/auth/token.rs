//! JSON Web Tokens in compact form (RFC 7515, RFC 7519): taken apart, checked, made. Pure: time is an argument.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a caller is not known. The texts are those of `jose`, which Supabase's clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Neither `Authorization: Bearer` nor `apikey`.
    #[error("headers must have required property 'authorization'")]
    Missing,
    #[error("Invalid Compact JWS")]
    Malformed,
    #[error("\"alg\" (Algorithm) Header Parameter value not allowed")]
    Algorithm,
    /// No key has this id, or the one that has it is for another algorithm.
    #[error("no applicable key found in the JSON Web Key Set")]
    NoKey,
    #[error("signature verification failed")]
    Signature,
    #[error("\"exp\" claim timestamp check failed")]
    Expired,
    #[error("\"nbf\" claim timestamp check failed")]
    NotYet,
    #[error("\"{0}\" claim must be a number")]
    NotANumber(&'static str),
    #[error("missing required \"{0}\" claim")]
    MissingClaim(&'static str),
    #[error("unexpected \"{0}\" claim value")]
    UnexpectedClaim(&'static str),
    /// A key that begins with `sb_` and is none of ours.
    #[error("Invalid API key")]
    UnknownKey,
}

impl TokenError {
    /// Whether there was nothing to judge, rather than something wrong.
    pub fn is_missing(&self) -> bool {
        *self == Self::Missing
    }
}

/// The protected header, as far as it decides.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token of the right shape, of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    pub algorithm: Algorithm,
    pub key_id: Option<String>,
    /// Header and claims as they were signed.
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if claims.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header: Header = decoded(header)?;
        // RFC 7515 section 4.1.11: whoever does not know an extension that is critical must refuse. We know none.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let algorithm = algorithm(&header.alg).ok_or(TokenError::Algorithm)?;
        Ok(Self { algorithm, key_id: header.kid, signed, claims, signature })
    }

    /// Whether this key made the signature. The key must be one for the token's algorithm.
    pub fn is_signed_by(&self, key: &DecodingKey) -> bool {
        let checked = jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm);
        checked.unwrap_or(false)
    }

    /// The claims, which are to be believed only after [`Self::is_signed_by`].
    pub fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        decoded(self.claims)
    }
}

/// When a token says that it ends (Unix seconds). Nothing is verified: for messages only.
pub fn claimed_expiry(token: &str) -> Option<u64> {
    let claims = Unverified::parse(token).ok()?.claims().ok()?;
    claims.get("exp")?.as_f64().map(|seconds| seconds.max(0.0) as u64)
}

/// The algorithms that tokens may name; `none` is not among them.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "HS256" => Algorithm::HS256,
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "ES256" => Algorithm::ES256,
        // RFC 9864 gives the one curve that we have a name of its own.
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        _ => return None,
    })
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// Checks `nbf` and `exp` where they are, without leeway; `now` in Unix seconds.
pub(super) fn check_times(claims: &Map<String, Value>, now: u64) -> Result<(), TokenError> {
    let seconds = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::NotANumber(name)),
    };
    let now = now as f64;
    if seconds("nbf")?.is_some_and(|begins| begins > now) {
        return Err(TokenError::NotYet);
    }
    if seconds("exp")?.is_some_and(|ends| ends <= now) {
        return Err(TokenError::Expired);
    }
    Ok(())
}

/// Checks that the claim (a text or a list of texts) has one of the accepted values; with none accepted it is not looked at.
pub(super) fn check_claim(
    claims: &Map<String, Value>,
    name: &'static str,
    accepted: &[String],
) -> Result<(), TokenError> {
    if accepted.is_empty() {
        return Ok(());
    }
    let is_accepted = |value: &Value| value.as_str().is_some_and(|text| accepted.iter().any(|known| known == text));
    match claims.get(name) {
        None => Err(TokenError::MissingClaim(name)),
        Some(Value::Array(values)) if values.iter().any(is_accepted) => Ok(()),
        Some(value) if is_accepted(value) => Ok(()),
        Some(_) => Err(TokenError::UnexpectedClaim(name)),
    }
}

/// An HS256 token with these claims.
pub(super) fn sign(key: &hmac::Key, claims: &impl Serialize) -> String {
    // Texts and numbers under text keys always serialize.
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}
