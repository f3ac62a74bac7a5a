//! Standard Webhooks 1.0 signatures: HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// How secrets begin.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Before each signature: HMAC-SHA256 with a shared secret.
const SYMMETRIC: &str = "v1,";
/// How far a message's time may be from ours, in seconds.
const TOLERANCE: u64 = 300;
/// Longest message id in bytes: it is remembered.
const ID_BYTES: usize = 256;
/// Most signatures that are looked at: senders list one for each secret of a rotation.
const MOST_SIGNATURES: usize = 16;

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and the base64 of 24 to 64 bytes; `echo whsec_$(openssl rand -base64 32)` makes one")]
pub struct SigningSecretError;

/// Why a signed message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the headers webhook-id, webhook-timestamp and webhook-signature are wanted")]
    Missing,
    #[error("webhook-timestamp is more than 5 minutes from now")]
    Time,
    #[error("no signature is one of this message by a known secret")]
    Mismatch,
}

/// A secret that signs and verifies.
#[derive(Clone)]
pub struct SigningSecret(hmac::Key);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecret")
    }
}

impl SigningSecret {
    /// Reads `whsec_…`.
    pub fn parse(secret: &Secret) -> Result<Self, SigningSecretError> {
        let encoded = secret.reveal().trim().strip_prefix(SECRET_PREFIX).ok_or(SigningSecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SigningSecretError)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(SigningSecretError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature` for a message that is sent at `timestamp` (Unix seconds).
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &signed(id, &timestamp.to_string(), body));
        format!("{SYMMETRIC}{}", STANDARD.encode(tag))
    }
}

/// The three headers of a signed message.
#[derive(Clone, Copy, Debug)]
pub struct SignedHeaders<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
}

impl SignedHeaders<'_> {
    /// Whether one of the secrets signed this body, within five minutes of `now` (Unix seconds).
    pub fn verify(&self, secrets: &[SigningSecret], body: &[u8], now: u64) -> Result<(), SignatureError> {
        if !(1..=ID_BYTES).contains(&self.id.len()) {
            return Err(SignatureError::Missing);
        }
        let timestamp: u64 = self.timestamp.parse().map_err(|_| SignatureError::Time)?;
        if timestamp.abs_diff(now) > TOLERANCE {
            return Err(SignatureError::Time);
        }
        let content = signed(self.id, self.timestamp, body);
        let tags = self.signature.split(' ').take(MOST_SIGNATURES).filter_map(|part| part.strip_prefix(SYMMETRIC));
        let tags: Vec<Vec<u8>> = tags.filter_map(|encoded| STANDARD.decode(encoded).ok()).collect();
        let is_good = |secret: &SigningSecret| tags.iter().any(|tag| hmac::verify(&secret.0, &content, tag).is_ok());
        if secrets.iter().any(is_good) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(&Secret::new(text)).unwrap()
    }

    fn verified(id: &str, timestamp: &str, signature: &str, now: u64) -> Result<(), SignatureError> {
        SignedHeaders { id, timestamp, signature }.verify(&[secret(SECRET)], BODY, now)
    }

    #[test]
    fn the_known_message_has_the_known_signature() {
        assert_eq!(secret(SECRET).sign(ID, TIME, BODY), SIGNATURE);
        let time = TIME.to_string();
        assert_eq!(verified(ID, &time, SIGNATURE, TIME), Ok(()));
        let rotated = format!("v1a,abc v1,AAAA {SIGNATURE}");
        assert_eq!(verified(ID, &time, &rotated, TIME), Ok(()));
    }

    #[test]
    fn nothing_of_a_signed_message_can_be_changed() {
        let time = TIME.to_string();
        assert_eq!(verified("msg_other", &time, SIGNATURE, TIME), Err(SignatureError::Mismatch));
        assert_eq!(verified(ID, &(TIME + 1).to_string(), SIGNATURE, TIME), Err(SignatureError::Mismatch));
        assert_eq!(verified("", &time, SIGNATURE, TIME), Err(SignatureError::Missing));
        for wrong in ["", "v1,", "v1", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,g0hM9SsE"] {
            assert_eq!(verified(ID, &time, wrong, TIME), Err(SignatureError::Mismatch), "{wrong}");
        }
        let headers = SignedHeaders { id: ID, timestamp: &time, signature: SIGNATURE };
        assert_eq!(headers.verify(&[secret(SECRET)], b"{}", TIME), Err(SignatureError::Mismatch));
        assert_eq!(headers.verify(&[], BODY, TIME), Err(SignatureError::Mismatch));
        let other = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(headers.verify(std::slice::from_ref(&other), BODY, TIME), Err(SignatureError::Mismatch));
        assert_eq!(headers.verify(&[other, secret(SECRET)], BODY, TIME), Ok(()));
    }

    #[test]
    fn messages_are_good_for_five_minutes_either_way() {
        let time = TIME.to_string();
        for (now, expected) in [
            (TIME + 300, Ok(())),
            (TIME - 300, Ok(())),
            (TIME + 301, Err(SignatureError::Time)),
            (TIME - 301, Err(SignatureError::Time)),
        ] {
            assert_eq!(verified(ID, &time, SIGNATURE, now), expected, "{now}");
        }
        for wrong in ["", "now", "-1", "1614265330.5", "99999999999999999999999"] {
            assert_eq!(verified(ID, wrong, SIGNATURE, TIME), Err(SignatureError::Time), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_long_enough_and_never_shown() {
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_%%%%"] {
            assert_eq!(SigningSecret::parse(&Secret::new(wrong)).unwrap_err(), SigningSecretError, "{wrong}");
        }
        assert_eq!(format!("{:?}", secret(SECRET)), "SigningSecret");
    }
}
