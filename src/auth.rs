//! Who asks, and what they may: the secret, keys and tokens, callers, and the rules that stand in for a database's own.
//!
//! Pure but for the secret's file and the clock of [`Keys::caller`]: nothing here fetches.

mod caller;
mod jwks;
mod keys;
#[cfg(test)]
mod keys_tests;
mod rules;
mod secret;
mod signed;
#[cfg(test)]
#[path = "../tests/support/tokens.rs"]
mod test_tokens;
mod token;
mod webhook;

pub use caller::{Caller, Role};
pub use jwks::{JwksError, JwksFeed, JwksHandle, KeyTable, SkippedKey, Symmetric};
pub use keys::{Keys, NewToken, PUBLISHABLE_PREFIX, SECRET_PREFIX, is_opaque, service_key};
pub use rules::{Operation, Reach, Rule, RuleBook, RuleSet, RuleSetError};
pub use secret::{SECRET_BYTES, SecretError, kept_secret, secret};
pub use signed::{Mismatch, ObjectToken, Scope, SignedTokenError, expiry_of, stable_expiry, stable_issue_time};
pub use token::{TokenError, claimed_expiry};
pub use webhook::{SignatureError, SignedHeaders, SigningSecret, SigningSecretError};
