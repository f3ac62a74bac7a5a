//! Who may write to an upload.

use http::HeaderMap;

use super::Refusal;
use crate::auth::{Caller, ObjectToken, Role, Scope};
use crate::catalog::Upload;
use crate::http::storage::signing::upload_caller;
use crate::http::storage::{Fault, Storage, unix_now};
use crate::object::ObjectId;

/// What the request was sent with.
pub(super) enum Grant {
    Token(Caller),
    /// The signature of an upload to this object.
    Signature(ObjectToken),
}

impl Storage {
    pub(super) fn grant(&self, signed: bool, headers: &HeaderMap, object: &ObjectId) -> Result<Grant, Refusal> {
        if !signed {
            return Ok(Grant::Token(self.caller(headers)?));
        }
        let token = headers.get("x-signature").and_then(|value| value.to_str().ok());
        let token = token.ok_or_else(|| Fault::Signature("Missing x-signature header".to_owned()))?;
        let verified = self.keys.verify_object(token, &object.to_string(), Scope::Upload, unix_now());
        Ok(Grant::Signature(verified.map_err(Fault::from)?))
    }
}

impl Grant {
    /// As whom an upload is begun.
    pub fn caller(&self) -> Caller {
        match self {
            Self::Token(caller) => caller.clone(),
            Self::Signature(token) => upload_caller(token),
        }
    }

    /// A signature says itself whether it replaces what is there.
    pub fn upsert(&self) -> Option<bool> {
        match self {
            Self::Token(_) => None,
            Self::Signature(token) => Some(token.upsert.unwrap_or_default()),
        }
    }

    /// Whether the upload is this sender's.
    pub fn covers(&self, upload: &Upload) -> Result<(), Refusal> {
        let creator = Caller::from_claims(upload.claims.clone());
        let is_theirs = match self {
            Self::Token(caller) => caller.is_service() || is_same(caller, &creator),
            Self::Signature(token) => {
                creator.role == Role::Service && creator.subject.as_deref() == token.owner.as_deref()
            }
        };
        if is_theirs { Ok(()) } else { Err(Fault::Denied.into()) }
    }
}

/// Whether both are one user, or nobody in particular with the same key.
fn is_same(caller: &Caller, creator: &Caller) -> bool {
    match (&caller.subject, &creator.subject) {
        (Some(caller), Some(creator)) => caller == creator,
        (None, None) => caller.role == creator.role,
        _ => false,
    }
}
