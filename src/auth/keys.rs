//! Service keys: HS256 JWTs with role `service_role`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::config::Secret;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
}

/// Tells service keys from others.
pub struct ServiceKeys {
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for ServiceKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ServiceKeys")
    }
}

impl ServiceKeys {
    pub fn new(secret: &Secret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        Self { decoding: DecodingKey::from_secret(secret.reveal().as_bytes()), validation }
    }

    /// Whether the request carries a service key, as `Authorization: Bearer` or as `apikey`.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let bearer = headers.get(AUTHORIZATION).and_then(text);
        let bearer = bearer.as_deref().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        let apikey = headers.get("apikey").and_then(text);
        bearer.into_iter().chain(apikey).any(|token| self.is_service_key(&token))
    }

    fn is_service_key(&self, token: &str) -> bool {
        jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .is_ok_and(|data| data.claims.role == "service_role")
    }
}

/// A new service key, valid for `lifetime`.
pub fn service_key(secret: &Secret, lifetime: Duration) -> Result<String, jsonwebtoken::errors::Error> {
    let expires = SystemTime::now() + lifetime;
    let exp = expires.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).ok();
    let claims = Claims { role: "service_role".to_owned(), exp };
    let key = EncodingKey::from_secret(secret.reveal().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn admits(keys: &ServiceKeys, token: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        keys.admit(&headers)
    }

    #[test]
    fn only_a_signed_living_service_role_is_admitted() {
        let secret = Secret::new("x".repeat(32));
        let keys = ServiceKeys::new(&secret);
        let good = service_key(&secret, Duration::from_secs(60)).unwrap();
        assert!(admits(&keys, &good));
        assert!(!admits(&ServiceKeys::new(&Secret::new("y".repeat(32))), &good));
        let sign = |role: &str, exp: u64| {
            let claims = Claims { role: role.to_owned(), exp: Some(exp) };
            jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&[b'x'; 32])).unwrap()
        };
        assert!(!admits(&keys, &sign("anon", 4_000_000_000)));
        assert!(!admits(&keys, &sign("service_role", 1)));
        let (_, rest) = good.split_once('.').unwrap();
        let (claims, _) = rest.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert!(!admits(&keys, &format!("{none}.{claims}.")));
        assert!(!admits(&keys, "sb_secret_x"));
    }
}
