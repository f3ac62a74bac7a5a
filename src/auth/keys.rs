//! Tells callers by their keys and tokens, and signs our own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::caller::{Caller, Role};
use super::jwks::JwksHandle;
use super::signed::{Mismatch, ObjectToken, Scope, SignedTokenError};
use super::token::{TokenError, Unverified, check_claim, check_times, sign};
use crate::secret::Secret;

/// How Supabase's keys that are no tokens begin.
const OPAQUE: &str = "sb_";
/// How those for browsers begin.
pub const PUBLISHABLE_PREFIX: &str = "sb_publishable_";
/// How those for servers begin.
pub const SECRET_PREFIX: &str = "sb_secret_";

/// Everything by which callers are known.
pub struct Keys {
    signing: hmac::Key,
    verifying: DecodingKey,
    jwks: Option<JwksHandle>,
    /// Hashes, whose comparison takes the same time whatever was sent.
    publishable: Vec<blake3::Hash>,
    secret: Vec<blake3::Hash>,
    issuers: Vec<String>,
    audiences: Vec<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Keys")
    }
}

/// Whether this is a key that is no token.
pub fn is_opaque(token: &str) -> bool {
    token.starts_with(OPAQUE)
}

/// The claims of a token that we make for a caller.
#[derive(Clone, Debug, Serialize)]
pub struct NewToken<'a> {
    pub role: &'a str,
    #[serde(rename = "sub", skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    #[serde(rename = "iss", skip_serializing_if = "Option::is_none")]
    pub issuer: Option<&'a str>,
    #[serde(rename = "aud", skip_serializing_if = "Option::is_none")]
    pub audience: Option<&'a str>,
    /// Unix seconds.
    #[serde(rename = "iat")]
    pub issued: u64,
    /// Unix seconds.
    #[serde(rename = "exp", skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// The claims of an event stream's token. None of them says `role` or `sub`: as a caller's token it names nobody.
#[derive(Serialize, Deserialize)]
struct StreamToken {
    /// The subject whose events are meant.
    stream: String,
    #[serde(rename = "as")]
    speaks_as: String,
    /// When the caller's own token ends (Unix seconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// Until when a stream may be opened (Unix seconds).
    exp: u64,
}

impl Keys {
    /// Only what the secret signs is believed.
    pub fn new(secret: &Secret) -> Self {
        let bytes = secret.reveal().as_bytes();
        Self {
            signing: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            verifying: DecodingKey::from_secret(bytes),
            jwks: None,
            publishable: Vec::new(),
            secret: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
        }
    }

    /// Believes the identity provider's keys too.
    pub fn with_jwks(self, jwks: JwksHandle) -> Self {
        Self { jwks: Some(jwks), ..self }
    }

    /// Takes keys that are no tokens: publishable ones for anon, secret ones for the service role.
    pub fn with_opaque(self, publishable: &[Secret], secret: &[Secret]) -> Self {
        let hashes = |keys: &[Secret]| keys.iter().map(|key| blake3::hash(key.reveal().as_bytes())).collect();
        Self { publishable: hashes(publishable), secret: hashes(secret), ..self }
    }

    /// Wants one of these as `iss` and one of those as `aud`; an empty list wants nothing.
    pub fn with_claims(self, issuers: Vec<String>, audiences: Vec<String>) -> Self {
        Self { issuers, audiences, ..self }
    }

    /// The caller that a request's headers name.
    ///
    /// A token in `Authorization: Bearer` decides. Supabase's clients send an `sb_…` key there too when nobody is signed
    /// in; then, and without a Bearer, `apikey` decides.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, TokenError> {
        let token = match bearer(headers) {
            Some(token) if !token.starts_with(OPAQUE) => token,
            opaque => apikey(headers).or(opaque).ok_or(TokenError::Missing)?,
        };
        self.caller_of_token(token)
    }

    /// The caller of one token or `sb_…` key, wherever it was sent.
    pub fn caller_of_token(&self, token: &str) -> Result<Caller, TokenError> {
        self.caller_at(token, now())
    }

    /// Whether the request carries a service key, as `Authorization: Bearer` or as `apikey`.
    pub fn is_service(&self, headers: &HeaderMap) -> bool {
        let mut tokens = bearer(headers).into_iter().chain(apikey(headers));
        tokens.any(|token| self.caller_of_token(token).is_ok_and(|caller| caller.is_service()))
    }

    /// An HS256 token signed by the secret.
    pub fn sign(&self, token: &NewToken<'_>) -> String {
        sign(&self.signing, token)
    }

    /// The token of a signed object URL.
    pub fn sign_object(&self, token: &ObjectToken) -> String {
        sign(&self.signing, token)
    }

    /// The claims of a signed object URL's token, if it is good for `expected_url` (`bucket/path`) and `scope` at `now`
    /// (Unix seconds).
    pub fn verify_object(
        &self,
        token: &str,
        expected_url: &str,
        scope: Scope,
        now: u64,
    ) -> Result<ObjectToken, SignedTokenError> {
        let token = Unverified::parse(token)?;
        // Object tokens are made by storage servers with the shared secret, never by an identity provider.
        if token.algorithm != Algorithm::HS256 {
            return Err(TokenError::Algorithm.into());
        }
        let claims = self.verified(&token, now)?;
        if !claims.contains_key("exp") {
            return Err(TokenError::MissingClaim("exp").into());
        }
        // A caller's token in the place of an object's, or a claim of the wrong type.
        let object: ObjectToken =
            serde_json::from_value(Value::Object(claims)).map_err(|_| SignedTokenError::Signature(Mismatch::Url))?;
        object.check(expected_url, scope)?;
        Ok(object)
    }

    /// A token that opens the caller's event stream until `expires` (Unix seconds), and nothing else.
    pub fn sign_stream(&self, caller: &Caller, expires: u64) -> Option<String> {
        let token = StreamToken {
            stream: caller.subject.as_deref()?.to_owned(),
            speaks_as: caller.role.as_str().to_owned(),
            until: caller.expires,
            exp: expires,
        };
        Some(sign(&self.signing, &token))
    }

    /// The caller for whom [`Self::sign_stream`] made the token.
    pub fn stream_caller(&self, token: &str) -> Result<Caller, TokenError> {
        let token = Unverified::parse(token)?;
        if token.algorithm != Algorithm::HS256 {
            return Err(TokenError::Algorithm);
        }
        let claims = Value::Object(self.verified(&token, now())?);
        let token: StreamToken = serde_json::from_value(claims).map_err(|_| TokenError::MissingClaim("stream"))?;
        let mut claims = Map::new();
        claims.insert("role".to_owned(), token.speaks_as.into());
        claims.insert("sub".to_owned(), token.stream.into());
        claims.extend(token.until.map(|until| ("exp".to_owned(), until.into())));
        Ok(Caller::from_claims(claims))
    }

    /// [`Self::caller_of_token`] at `now` (Unix seconds).
    pub(super) fn caller_at(&self, token: &str, now: u64) -> Result<Caller, TokenError> {
        if token.starts_with(OPAQUE) {
            return self.opaque(token);
        }
        let claims = self.verified(&Unverified::parse(token)?, now)?;
        check_claim(&claims, "iss", &self.issuers)?;
        check_claim(&claims, "aud", &self.audiences)?;
        Ok(Caller::from_claims(claims))
    }

    fn opaque(&self, key: &str) -> Result<Caller, TokenError> {
        let hash = blake3::hash(key.as_bytes());
        if self.secret.contains(&hash) {
            Ok(Caller::service())
        } else if self.publishable.contains(&hash) {
            Ok(Caller::anon())
        } else {
            Err(TokenError::UnknownKey)
        }
    }

    /// The claims, once signature and times are found good.
    fn verified(&self, token: &Unverified<'_>, now: u64) -> Result<Map<String, Value>, TokenError> {
        self.check_signature(token)?;
        let claims = token.claims()?;
        check_times(&claims, now)?;
        Ok(claims)
    }

    /// The secret verifies HS256 where no key of the set is meant; everything else is for the set's keys alone.
    fn check_signature(&self, token: &Unverified<'_>) -> Result<(), TokenError> {
        let is_shared = token.algorithm == Algorithm::HS256;
        let table = self.jwks.as_ref().filter(|_| !is_shared || token.key_id.is_some()).map(JwksHandle::table);
        let id = token.key_id.as_deref();
        let mut keys: Vec<&DecodingKey> =
            table.iter().flat_map(|table| table.candidates(token.algorithm, id)).collect();
        if keys.is_empty() && is_shared {
            keys.push(&self.verifying);
        }
        if keys.is_empty() {
            // The provider may have begun to use a new key.
            self.jwks.iter().for_each(JwksHandle::wish);
            return Err(TokenError::NoKey);
        }
        if keys.into_iter().any(|key| token.is_signed_by(key)) { Ok(()) } else { Err(TokenError::Signature) }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn apikey(headers: &HeaderMap) -> Option<&str> {
    headers.get("apikey")?.to_str().ok().map(str::trim).filter(|key| !key.is_empty())
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A new service key, valid for `lifetime`.
pub fn service_key(secret: &Secret, lifetime: Duration) -> String {
    let issued = now();
    let expires = Some(issued + lifetime.as_secs());
    let role = Role::Service;
    Keys::new(secret).sign(&NewToken {
        role: role.as_str(),
        subject: None,
        issuer: None,
        audience: None,
        issued,
        expires,
    })
}
