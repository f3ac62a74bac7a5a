//! Signed image URLs: the last two parameters are `exp={unix seconds}&sig={key id}.{base64url}`.
//!
//! The signature is HMAC-SHA256 over the exact bytes of path and query before `&sig=`. It guards cost, not secrecy.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Code;

/// Shortest secret in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// Keys that sign image URLs; several, so that one can be replaced while its URLs are still about.
#[derive(Debug, Default)]
pub struct SigningKeys(Vec<(String, hmac::Key)>);

/// Why a key cannot sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    #[error("a key id is 1 to 32 of the characters A-Z a-z 0-9 _ -")]
    Id,
    #[error("a secret has at least {MIN_SECRET_BYTES} bytes")]
    Secret,
    #[error("two keys have the same id")]
    Repeated,
}

/// Why a signed URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the URL does not end in exp={{unix seconds}}&sig={{key id}}.{{signature}}")]
    Absent,
    #[error("the signature is wrong")]
    Wrong,
    #[error("the signature has expired")]
    Expired,
}

impl SignatureError {
    pub const fn code(self) -> Code {
        Code::Forbidden
    }
}

impl SigningKeys {
    /// Takes `(id, secret)` pairs; the first signs, all of them verify.
    pub fn new(keys: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, SigningKeyError> {
        let mut known: Vec<(String, hmac::Key)> = Vec::new();
        for (id, secret) in keys {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if !(1..=32).contains(&id.len()) || !id.bytes().all(plain) {
                return Err(SigningKeyError::Id);
            }
            if secret.len() < MIN_SECRET_BYTES {
                return Err(SigningKeyError::Secret);
            }
            if known.iter().any(|(other, _)| *other == id) {
                return Err(SigningKeyError::Repeated);
            }
            known.push((id, hmac::Key::new(hmac::HMAC_SHA256, &secret)));
        }
        Ok(Self(known))
    }

    /// Whether there is a key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends `exp` and `sig` to a path with or without query, exactly as it will be requested (percent-encoded).
    /// `None` without a key.
    pub fn sign(&self, path_and_query: &str, expires: u64) -> Option<String> {
        let (id, key) = self.0.first()?;
        let joint = if path_and_query.contains('?') { '&' } else { '?' };
        let signed = format!("{path_and_query}{joint}exp={expires}");
        let tag = hmac::sign(key, signed.as_bytes());
        Some(format!("{signed}&sig={id}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))
    }

    /// Verifies a request's path and query; `now` in unix seconds. Returns the seconds left, at least 1, by which
    /// `Cache-Control` is capped.
    pub fn verify(&self, path_and_query: &str, now: u64) -> Result<u64, SignatureError> {
        let (signed, signature) = path_and_query.rsplit_once("&sig=").ok_or(SignatureError::Absent)?;
        let (_, last) = signed.rsplit_once(['?', '&']).ok_or(SignatureError::Absent)?;
        let expires = last.strip_prefix("exp=").and_then(super::query::digits).ok_or(SignatureError::Absent)?;
        let (id, tag) = signature.split_once('.').ok_or(SignatureError::Absent)?;
        let (_, key) = self.0.iter().find(|(known, _)| known == id).ok_or(SignatureError::Wrong)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| SignatureError::Wrong)?;
        // Compares in constant time.
        hmac::verify(key, signed.as_bytes(), &tag).map_err(|_| SignatureError::Wrong)?;
        expires.checked_sub(now).filter(|left| *left > 0).ok_or(SignatureError::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(ids: &[(&str, u8)]) -> SigningKeys {
        SigningKeys::new(ids.iter().map(|(id, byte)| ((*id).to_owned(), vec![*byte; 32]))).unwrap()
    }

    #[test]
    fn signed_urls_verify_until_they_expire() {
        let keys = keys(&[("k1", 1)]);
        for path in ["/image/photos/a.jpg", "/image/photos/a.jpg?w=256", "/image/p/%C3%BC.png?w=1&sig=x&exp=2"] {
            let url = keys.sign(path, 1000).unwrap();
            assert_eq!(keys.verify(&url, 400), Ok(600), "{url}");
            assert_eq!(keys.verify(&url, 999), Ok(1));
            assert_eq!(keys.verify(&url, 1000), Err(SignatureError::Expired));
            assert_eq!(keys.verify(&url, u64::MAX), Err(SignatureError::Expired));
        }
    }

    #[test]
    fn the_signature_is_plain_hmac_sha256() {
        let url = keys(&[("k1", 0x0b)]).sign("/image/photos/a.jpg?w=256", 2_000_000_000).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x0b; 32]);
        let tag = hmac::sign(&key, b"/image/photos/a.jpg?w=256&exp=2000000000");
        let expected = URL_SAFE_NO_PAD.encode(tag.as_ref());
        assert_eq!(url, format!("/image/photos/a.jpg?w=256&exp=2000000000&sig=k1.{expected}"));
    }

    #[test]
    fn any_change_breaks_a_signature() {
        let keys = keys(&[("k1", 1), ("k2", 2)]);
        let url = keys.sign("/image/photos/a.jpg?w=256", 1000).unwrap();
        for (changed, error, why) in [
            (url.replace("w=256", "w=257"), SignatureError::Wrong, "a parameter"),
            (url.replace("photos", "p%68otos"), SignatureError::Wrong, "another spelling of the path"),
            (url.replace("exp=1000", "exp=9999"), SignatureError::Wrong, "a later end"),
            (url.replace("exp=1000", "exp=01000"), SignatureError::Wrong, "another spelling of the end"),
            (url.replace("sig=k1", "sig=k2"), SignatureError::Wrong, "another key"),
            (url.replace("sig=k1", "sig=k3"), SignatureError::Wrong, "an unknown key"),
            (format!("{url}&q=1"), SignatureError::Wrong, "a parameter after the signature"),
            (format!("{url}="), SignatureError::Wrong, "padding"),
            (url.replace("&sig=", "&x=1&sig="), SignatureError::Absent, "exp is not the last but one"),
            (url.replace("exp=1000", "exp=-1"), SignatureError::Absent, "exp is no number"),
            ("/image/photos/a.jpg?w=256".to_owned(), SignatureError::Absent, "no signature"),
            ("/image/a&exp=1&sig=k1.x".to_owned(), SignatureError::Wrong, "no query"),
            (String::new(), SignatureError::Absent, "nothing"),
        ] {
            assert_eq!(keys.verify(&changed, 0), Err(error), "{why}: {changed}");
        }
    }

    #[test]
    fn a_retired_key_still_verifies() {
        let url = keys(&[("old", 1)]).sign("/image/photos/a.jpg", 10).unwrap();
        assert_eq!(keys(&[("new", 2), ("old", 1)]).verify(&url, 1), Ok(9));
        assert_eq!(keys(&[("new", 2)]).verify(&url, 1), Err(SignatureError::Wrong));
        assert_eq!(SigningKeys::default().verify(&url, 1), Err(SignatureError::Wrong));
        assert_eq!(SigningKeys::default().sign("/x", 1), None);
    }

    #[test]
    fn weak_keys_are_refused() {
        let attempt = |id: &str, bytes| SigningKeys::new([(id.to_owned(), vec![1; bytes])]).err();
        assert_eq!(attempt("a.b", 32), Some(SigningKeyError::Id));
        assert_eq!(attempt("", 32), Some(SigningKeyError::Id));
        assert_eq!(attempt("k", 31), Some(SigningKeyError::Secret));
        let twice = SigningKeys::new([("k".to_owned(), vec![1; 32]), ("k".to_owned(), vec![2; 32])]);
        assert_eq!(twice.err(), Some(SigningKeyError::Repeated));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_panic(text in "\\PC*|/[a-z?&=.]{0,20}&?exp=[0-9]{0,30}&sig=k1\\.[A-Za-z0-9_-]{0,60}") {
            prop_assert!(keys(&[("k1", 1)]).verify(&text, 0).is_err());
        }
    }
}
