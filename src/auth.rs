//! Who asks, and what they may: the secret, keys and tokens, callers, and the rules that stand in for a database's own.
//!
//! Pure but for the secret's file: time and keys are arguments, nothing here fetches.

mod caller;
mod keys;
mod rules;
mod secret;

pub use caller::{Caller, Role};
pub use keys::{ServiceKeys, service_key};
pub use rules::{Operation, Reach, Rule, RuleBook, RuleSet, RuleSetError};
pub use secret::{SECRET_BYTES, SecretError, secret};
