//! The identity provider's keys: a JSON Web Key Set (RFC 7517) parsed into a table, and the handle by which the table is
//! read while something else keeps it fresh.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

/// Most keys of a set: each of them may cost one verification a token.
const MAX_KEYS: usize = 64;
/// Bytes of an RSA modulus: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Whether a set may hold keys that also sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetric {
    /// The operator wrote the set into the configuration.
    Allowed,
    /// The set was fetched: whoever can read it could sign with a symmetric key.
    Refused,
}

/// The text is no key set. Never tells what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    #[error("is not a JSON Web Key Set, which is an object with a list `keys`")]
    Shape,
    #[error("has more than {MAX_KEYS} keys")]
    TooMany,
}

/// A key of the set that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, empty if it has none.
    pub id: String,
    pub reason: &'static str,
}

/// Keys that verify, each pinned to its algorithms.
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    keys: Vec<PinnedKey>,
    /// What the set held beside them.
    pub skipped: Vec<SkippedKey>,
}

#[derive(Clone, Debug)]
struct PinnedKey {
    id: Option<String>,
    /// Decided by the key, never by the token: a key for one algorithm can never be used as one for another.
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

/// The members of a JWK that matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
    k: String,
}

impl KeyTable {
    /// Reads a set; keys that are of no use are skipped, each with its reason.
    pub fn parse(text: &[u8], symmetric: Symmetric) -> Result<Self, JwksError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(text).map_err(|_| JwksError::Shape)?;
        if set.keys.len() > MAX_KEYS {
            return Err(JwksError::TooMany);
        }
        let mut table = Self::default();
        for value in set.keys {
            let id = value.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned();
            let jwk = serde_json::from_value(value).map_err(|_| "it is not a JSON Web Key");
            match jwk.and_then(|jwk| PinnedKey::read(jwk, symmetric)) {
                Ok(key) => table.keys.push(key),
                Err(reason) => table.skipped.push(SkippedKey { id, reason }),
            }
        }
        Ok(table)
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that may have signed a token with this header: those of its `kid`, or all of them if it names none.
    pub(super) fn candidates(&self, algorithm: Algorithm, id: Option<&str>) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&PinnedKey| {
            key.algorithms.contains(&algorithm) && id.is_none_or(|id| key.id.as_deref() == Some(id))
        };
        self.keys.iter().filter(fits).map(|key| &key.key)
    }
}

impl PinnedKey {
    fn read(jwk: Jwk, symmetric: Symmetric) -> Result<Self, &'static str> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("it is not for signatures");
        }
        let may_verify = |operations: &Vec<String>| operations.iter().any(|operation| operation == "verify");
        // A symmetric key that is listed for signing verifies as well.
        if jwk.kty != "oct" && jwk.key_ops.as_ref().is_some_and(|operations| !may_verify(operations)) {
            return Err("it is not for verifying");
        }
        let algorithms = pinned(&jwk.kty, jwk.alg.as_deref()).ok_or("its kind or algorithm is not supported")?;
        let key = match jwk.kty.as_str() {
            "RSA" => rsa(&jwk)?,
            "EC" => elliptic(&jwk)?,
            "OKP" => edwards(&jwk)?,
            _ if symmetric == Symmetric::Refused => return Err("it is symmetric, and published"),
            _ => octets(&jwk)?,
        };
        Ok(Self { id: jwk.kid, algorithms, key })
    }
}

/// What a key may verify, by its kind and its own `alg`.
fn pinned(kind: &str, algorithm: Option<&str>) -> Option<&'static [Algorithm]> {
    Some(match (kind, algorithm) {
        ("RSA", None) => &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512],
        ("RSA", Some("RS256")) => &[Algorithm::RS256],
        ("RSA", Some("RS384")) => &[Algorithm::RS384],
        ("RSA", Some("RS512")) => &[Algorithm::RS512],
        ("EC", None | Some("ES256")) => &[Algorithm::ES256],
        ("OKP", None | Some("EdDSA" | "Ed25519")) => &[Algorithm::EdDSA],
        ("oct", None | Some("HS256")) => &[Algorithm::HS256],
        _ => return None,
    })
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    let (modulus, exponent) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
    if exponent.is_empty() || !RSA_BYTES.contains(&modulus.len()) {
        return Err("its modulus is not one of 2048 to 8192 bits");
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn elliptic(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    if jwk.crv != "P-256" {
        return Err("its curve is not P-256");
    }
    if bytes(&jwk.x)?.len() != 32 || bytes(&jwk.y)?.len() != 32 {
        return Err("its point is not one of P-256");
    }
    DecodingKey::from_ec_components(&jwk.x, &jwk.y).map_err(|_| "its point is not one of P-256")
}

fn edwards(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    if jwk.crv != "Ed25519" {
        return Err("its curve is not Ed25519");
    }
    let point = bytes(&jwk.x)?;
    // The raw point, which the verifier takes beside a whole SubjectPublicKeyInfo.
    if point.len() == 32 { Ok(DecodingKey::from_ed_der(&point)) } else { Err("its point is not one of Ed25519") }
}

fn octets(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    let secret = bytes(&jwk.k)?;
    if secret.len() < super::SECRET_BYTES {
        return Err("it is shorter than 32 bytes");
    }
    Ok(DecodingKey::from_secret(&secret))
}

fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "it is not base64url")
}

/// The keys as they are now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JwksHandle {
    table: Arc<ArcSwap<KeyTable>>,
    /// Holds at most one wish: more of them say nothing more.
    wish: Option<mpsc::Sender<()>>,
}

/// The other end of a [`JwksHandle`]: whoever keeps the keys fresh.
#[derive(Debug)]
pub struct JwksFeed {
    table: Arc<ArcSwap<KeyTable>>,
    wishes: mpsc::Receiver<()>,
}

impl JwksHandle {
    /// Keys that never change.
    pub fn fixed(table: KeyTable) -> Self {
        Self { table: Arc::new(ArcSwap::from_pointee(table)), wish: None }
    }

    /// No keys yet; they come through the feed.
    pub fn fed() -> (Self, JwksFeed) {
        let table = Arc::new(ArcSwap::from_pointee(KeyTable::default()));
        let (wish, wishes) = mpsc::channel(1);
        (Self { table: Arc::clone(&table), wish: Some(wish) }, JwksFeed { table, wishes })
    }

    pub(super) fn table(&self) -> Guard<Arc<KeyTable>> {
        self.table.load()
    }

    /// A token named a key that is not in the table. How often that is acted upon is for the feeder to decide.
    pub(super) fn wish(&self) {
        if let Some(wish) = &self.wish {
            // Full: the wish is known already. Closed: nobody feeds any more.
            let _ = wish.try_send(());
        }
    }
}

impl JwksFeed {
    /// Puts new keys in the place of the old ones, which answers every wish until now.
    pub fn replace(&mut self, table: KeyTable) {
        self.table.store(Arc::new(table));
        while self.wishes.try_recv().is_ok() {}
    }

    /// Waits until a token names an unknown key; false once no handle is left.
    pub async fn wished(&mut self) -> bool {
        self.wishes.recv().await.is_some()
    }
}
