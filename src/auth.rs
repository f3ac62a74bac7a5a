//! Service keys: HS256 JWTs with role `service_role`, signed by the secret that the operator gave or that we made.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// Name of the secret's file in the data folder.
const SECRET_FILE: &str = "jwt-secret";
/// Shortest secret in bytes: the output size of HS256 (RFC 7518 section 3.2).
pub const SECRET_BYTES: usize = 32;

/// The secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret file {} cannot be used: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("the secret file {} may be read by others; run `chmod 600 {}`", path.display(), path.display())]
    Open { path: PathBuf },
    #[error("the secret file {} holds less than {SECRET_BYTES} bytes", path.display())]
    Short { path: PathBuf },
}

/// The configured secret, else the one kept in the data folder, made there if missing.
pub fn secret(configured: Option<&Secret>, data: &Path) -> Result<Secret, SecretError> {
    match kept_secret(configured, data)? {
        Some(secret) => Ok(secret),
        None => make_file(data.join(SECRET_FILE)),
    }
}

/// The same, where there is one; none is made.
pub fn kept_secret(configured: Option<&Secret>, data: &Path) -> Result<Option<Secret>, SecretError> {
    if let Some(secret) = configured {
        return Ok(Some(secret.clone()));
    }
    let path = data.join(SECRET_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => check_file(path, text.trim()).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SecretError::File { path, reason: error.to_string() }),
    }
}

fn check_file(path: PathBuf, text: &str) -> Result<Secret, SecretError> {
    let mode = match fs::metadata(&path) {
        Ok(meta) => meta.permissions().mode(),
        Err(error) => return Err(SecretError::File { path, reason: error.to_string() }),
    };
    if mode & 0o077 != 0 {
        Err(SecretError::Open { path })
    } else if text.len() < SECRET_BYTES {
        Err(SecretError::Short { path })
    } else {
        Ok(Secret::new(text))
    }
}

fn make_file(path: PathBuf) -> Result<Secret, SecretError> {
    let mut random = [0_u8; SECRET_BYTES];
    let made = aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random bytes".to_owned()).and_then(|()| {
        let text = blake3::Hash::from_bytes(random).to_hex();
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()))
            .map(|()| text.to_string())
            .map_err(|error| error.to_string())
    });
    made.map(Secret::new).map_err(|reason| SecretError::File { path, reason })
}

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

    #[test]
    fn the_secret_is_made_once_readable_by_its_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let first = secret(None, data.path()).unwrap();
        assert_eq!(first, secret(None, data.path()).unwrap());
        let path = data.path().join(SECRET_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secret(None, data.path()), Err(SecretError::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(secret(None, data.path()), Err(SecretError::Short { .. })));
    }
}
